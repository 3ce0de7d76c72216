import type { ServerResponse } from 'node:http'
import { expect } from 'chai'
import type { WebSocket } from 'ws'
import type { VenueId } from '../../../config/venue-ids.ts'
import { STREAM_LIMITS } from '../../../oracle-node/sources/adapters/allowance.ts'
import { createExchange, type Exchange } from '../../../oracle-node/sources/exchange.ts'
import { parseTicker, TickerError } from '../../../oracle-node/sources/parse-ticker.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { type OddVenues, startOddVenues } from '../../support/sources/odd-venues.ts'

const SYMBOL = 'IO/USDT'
const LIMITED = { code: '429000', msg: 'Too many requests' }
const LBANK_TICK = {
  tick: { high: 2.5, vol: 1_000.5, low: 2.5, change: 0, turnover: 2_500, latest: 2.5 },
  type: 'tick',
  pair: 'io_usdt',
  SERVER: 'V2',
  TS: '2026-01-02T11:04:05.678',
}

function answer(response: ServerResponse, status: number, body: unknown): true {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(typeof body === 'string' ? body : JSON.stringify(body))
  return true
}

const okxTicker = (channel: string, market: string) => ({
  arg: { channel: 'tickers', instId: channel },
  data: [{ instType: 'SPOT', instId: market, last: '2.5', bidPx: '2.5', askPx: '2.5', ts: '1767352245678' }],
})
const coinoneTicker = (market: object) => ({
  response_type: 'DATA',
  channel: 'TICKER',
  data: { quote_currency: 'KRW', ...market, timestamp: 1_767_352_245_678, last: '2.5', id: '1' },
})
const coinbaseTicker = (market: string) => ({
  channel: 'ticker',
  timestamp: '2026-01-02T11:04:05.678Z',
  events: [{ type: 'update', tickers: [{ type: 'ticker', product_id: market, price: '2.5' }] }],
})
const LBANK_ERROR = { SERVER: 'V2', status: 'error', message: "Missing parameter ['kbar']" }
/** Such as the adapter chokes on, takes for another, or makes an error for all of, then one that is as it should be. */
const ODD_FRAMES: Record<string, readonly unknown[]> = {
  coinone: [coinoneTicker({}), coinoneTicker({ target_currency: 'IO' })],
  lbank: [{ ...LBANK_TICK, pair: '__proto__' }, LBANK_ERROR, LBANK_TICK],
  coinbase: [coinbaseTicker('__proto__'), coinbaseTicker('IO-USD')],
  okx: [
    { ...okxTicker('IO-USDT', ''), data: [] },
    okxTicker('IO-USDT', 'BTC-USDT'),
    okxTicker('IO-USDT', 'IO-USDT'),
    okxTicker('IO-USDT', 'IO-USDT'),
  ],
}
/** The first subscription of an adapter has the number 1. */
const NO_SUCH_MARKET = { code: '999999', retMsg: 'Not supported symbols', req_id: '1' }
const ENDLESS_PRECISION = {
  symbols: [{ symbol: 'IOUSDT', baseAsset: 'IO', quoteAsset: 'USDT', baseAssetPrecision: 2_000_000 }],
}

describe('what venues say in their own ways', () => {
  let venues: OddVenues
  const exchanges: Exchange[] = []
  /** What could not be read, by venue. */
  const unreadable: string[] = []
  let connections = 0
  const cutOff = Promise.withResolvers<void>()

  before(async () => {
    venues = await startOddVenues({
      'limited-politely': {
        rest: (_, path, response) => path.includes('stats') && answer(response, 200, LIMITED),
      },
      'limited-stream': {
        rest: (_, path, response) => path.includes('bullet') && answer(response, 200, LIMITED),
      },
      'limited-by-a-proxy': {
        rest: (_, path, response) =>
          path.includes('ticker') && answer(response, 429, '<html>slow down</html>'),
      },
      'no-such-market': { stream: (_, client) => client.send(JSON.stringify(NO_SUCH_MARKET)) },
      'one-odd-frame': { stream: (venue, client) => sendAll(client, ODD_FRAMES[venue] ?? []) },
      floods: {
        stream: (_, client) => {
          connections += 1
          client.on('close', cutOff.resolve)
          const flood = Array.from({ length: 2 * STREAM_LIMITS.frames.atOnce }, () => ({}))
          sendAll(client, [okxTicker('IO-USDT', 'IO-USDT'), ...flood])
        },
      },
      'endless-precision': {
        rest: (_, path, response) =>
          path.includes('exchangeInfo') && answer(response, 200, ENDLESS_PRECISION),
      },
      china: { stream: (_, client) => client.send(JSON.stringify(LBANK_TICK)) },
    })
  })
  after(async () => {
    await Promise.all(exchanges.map(exchange => exchange.close()))
    await venues?.stop()
  })

  async function open(venue: VenueId, way: string, symbol = SYMBOL): Promise<Exchange> {
    const onUnreadable = (id: string): void => void unreadable.push(id)
    const options = {
      endpoint: venues.endpoint(way),
      timeoutMs: 5_000,
      clock: systemClock,
      pairs: [symbol],
      onUnreadable,
    }
    const exchange = createExchange(venue, options)
    exchanges.push(exchange)
    await exchange.loadMarkets()
    return exchange
  }

  it('"too many requests" of Kucoin is understood with status 200 too', async () => {
    const exchange = await open('kucoin', 'limited-politely')
    expect(await codeOf(exchange.fetch(SYMBOL))).to.equal('RATE_LIMITED')
  })

  it('"too many requests" is understood where Kucoin is asked for its stream', async () => {
    const exchange = await open('kucoin', 'limited-stream')
    expect(await codeOf(exchange.watch(SYMBOL))).to.equal('RATE_LIMITED')
  })

  for (const venue of ['okx', 'gate'] as const) {
    it(`status 429 is understood whatever stands in the answer: ${venue}`, async () => {
      const exchange = await open(venue, 'limited-by-a-proxy')
      expect(await codeOf(exchange.fetch(SYMBOL))).to.equal('RATE_LIMITED')
    })
  }

  it('a market that a stream does not know is no market that is not listed, for it is', async () => {
    const exchange = await open('bybit', 'no-such-market')
    expect(await codeOf(exchange.watch(SYMBOL))).to.equal('BAD_ANSWER')
  })

  it('a market with endless decimals costs that list, and not the process', async () => {
    expect(await codeOf(open('binance', 'endless-precision'))).to.equal('BAD_ANSWER')
  })

  for (const [venue, symbol] of [
    ['coinone', 'IO/KRW'],
    ['lbank', SYMBOL],
    ['coinbase', 'IO/USD'],
  ] as const) {
    it(`a frame without a market that is known costs that frame, and is counted: ${venue}`, async () => {
      unreadable.length = 0
      const exchange = await open(venue, 'one-odd-frame', symbol)
      expect(await exchange.watch(symbol)).to.deep.include({ symbol, last: '2.5' })
      expect(unreadable).to.deep.equal(ODD_FRAMES[venue]?.slice(1).map(() => venue))
    })
  }

  it('a frame of nothing, or of one market in the name of another, is no ticker and ends no stream', async () => {
    const exchange = await open('okx', 'one-odd-frame')
    const errors: unknown[] = []
    for (;;) {
      const ticker = await exchange.watch(SYMBOL)
      try {
        expect(parseTicker('okx', SYMBOL, ticker).last).to.equal(2_500_000_000_000_000_000n)
        break
      } catch (error) {
        errors.push(error)
      }
    }
    expect(errors.length).to.be.at.least(1)
    for (const error of errors) expect(error).to.be.instanceOf(TickerError).with.property('field', 'symbol')
  })

  it('a stream that ended while nobody waited is lost, and not dialled again', async () => {
    const exchange = await open('okx', 'floods')
    await exchange.watch(SYMBOL)
    await cutOff.promise
    expect(await codeOf(exchange.watch(SYMBOL))).to.equal('BAD_ANSWER')
    expect(await codeOf(exchange.watch(SYMBOL))).to.equal('STREAM_LOST')
    expect(connections).to.equal(1)
  })

  for (const zone of ['UTC', 'Asia/Tokyo', 'America/New_York']) {
    it(`the time of LBank's stream is that of China, on a machine in ${zone}`, async () => {
      const before = process.env['TZ']
      process.env['TZ'] = zone
      try {
        expect(Intl.DateTimeFormat().resolvedOptions().timeZone).to.equal(zone)
        const exchange = await open('lbank', 'china')
        const ticker = await exchange.watch(SYMBOL)
        expect(ticker).to.deep.include({
          symbol: SYMBOL,
          last: '2.5',
          baseVolume: '1000.5',
          exchangeTimeMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
        })
      } finally {
        if (before === undefined) delete process.env['TZ']
        else process.env['TZ'] = before
      }
    })
  }
})

function sendAll(client: WebSocket, frames: readonly unknown[]): void {
  for (const frame of frames) client.send(JSON.stringify(frame))
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error
  }
  return 'no failure'
}
