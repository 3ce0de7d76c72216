import type { ServerResponse } from 'node:http'
import { expect } from 'chai'
import { createExchange, type Exchange } from '../../../oracle-node/sources/exchange.ts'
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

describe('what venues say in their own ways', () => {
  let venues: OddVenues
  const exchanges: Exchange[] = []

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
      china: { stream: (_, client) => client.send(JSON.stringify(LBANK_TICK)) },
    })
  })
  after(async () => {
    await Promise.all(exchanges.map(exchange => exchange.close()))
    await venues?.stop()
  })

  async function open(venue: 'kucoin' | 'lbank' | 'okx' | 'gate', way: string): Promise<Exchange> {
    const options = { endpoint: venues.endpoint(way), timeoutMs: 5_000, clock: systemClock, pairs: [SYMBOL] }
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

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error
  }
  return 'no failure'
}
