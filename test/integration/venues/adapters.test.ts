import { expect } from 'chai'
import type { VenueListing } from '../../../devnet/venues/format.ts'
import { FORMATS } from '../../../devnet/venues/formats/index.ts'
import { quoteAt, type VenueQuote } from '../../../devnet/venues/market.ts'
import { createVenueSimulator } from '../../../devnet/venues/simulator.ts'
import { SIMULATED_VENUES } from '../../../devnet/venues/venue-list.ts'
import { createExchange, type Exchange, type RawTicker } from '../../../oracle-node/sources/exchange.ts'
import { parseDecimal } from '../../../protocol/units.ts'
import { systemClock } from '../../../runtime/clock.ts'

const SEED = 'adapters'
/** What each venue tells over each way; the rest it leaves out. */
const EVERYTHING = ['bid', 'ask', 'last', 'baseVolume']
const TRADES = ['last', 'baseVolume']
const REST_TELLS: Record<string, readonly string[]> = {
  coinbase: ['bid', 'ask', 'last'],
  coinex: TRADES,
  lbank: TRADES,
  xt: TRADES,
  upbit: TRADES,
  bithumb: TRADES,
  coinone: TRADES,
}
const STREAM_TELLS: Record<string, readonly string[]> = {
  bybit: ['bid', 'ask'],
  bitstamp: ['bid', 'ask'],
  gemini: ['bid', 'ask'],
  coinex: TRADES,
  lbank: TRADES,
  xt: TRADES,
  upbit: TRADES,
  bithumb: TRADES,
}
const REST_WITHOUT_TIME = ['gate', 'bybit', 'kraken', 'coinex', 'gemini', 'bitfinex']
const STREAM_WITHOUT_TIME = ['gate', 'kraken', 'coinex']
/** The first message is the book as it stands. */
const FIRST_WITHOUT_TIME = ['gemini']
/** What they say of a pair that they do not list is to ccxt like any other error: they are asked again sooner. */
const DELISTED_IS_BAD_ANSWER = [
  'bitget',
  'bingx',
  'coinex',
  'upbit',
  'bithumb',
  'kraken',
  'coinbase',
  'bitstamp',
  'cryptocom',
]
/** Asked by REST alone. */
const WITHOUT_STREAM = ['mexc']

describe('ccxt adapters against simulated venues', () => {
  /** Requests see a time that stands still, so that answers can be compared with the model digit by digit. */
  let frozenAt: number | undefined
  const clock = { ...systemClock, now: () => frozenAt ?? systemClock.now() }
  const simulator = createVenueSimulator({ host: '127.0.0.1', port: 0, seed: SEED, clock })

  before(() => simulator.start(new AbortController().signal))
  after(() => simulator.stop())

  for (const venueId of SIMULATED_VENUES) {
    describe(venueId, () => {
      let exchange: Exchange
      const { listings } = FORMATS[venueId]
      const [first] = listings
      if (first === undefined) throw new Error(`${venueId} lists nothing`)
      const { symbol } = first

      before(() => {
        frozenAt = undefined
        const endpoint = `http://127.0.0.1:${simulator.port}`
        exchange = createExchange(venueId, { endpoint, timeoutMs: 5_000, clock: systemClock })
      })
      after(async () => {
        frozenAt = undefined
        await exchange.close()
      })

      it('lists its markets', async () => {
        const symbols = listings.map(listing => listing.symbol)
        expect([...(await exchange.loadMarkets())]).to.have.members(symbols)
        expect(exchange.streams).to.equal(!WITHOUT_STREAM.includes(venueId))
      })

      for (const listing of listings) {
        it(`answers over REST with exactly what the model shows of ${listing.symbol}`, async () => {
          frozenAt = systemClock.now()
          const ticker = await exchange.fetch(listing.symbol)
          expect(ticker.symbol).to.equal(listing.symbol)
          expect(told(ticker)).to.deep.equal(REST_TELLS[venueId] ?? EVERYTHING)
          expect(differences(ticker, quoteAt(SEED, venueId, listing, frozenAt))).to.deep.equal([])
          const timeMs = venueId === 'bitstamp' ? Math.floor(frozenAt / 1_000) * 1_000 : frozenAt
          expect(ticker.exchangeTimeMs).to.equal(REST_WITHOUT_TIME.includes(venueId) ? null : timeMs)
          frozenAt = undefined
        })
      }

      it('says that it is asked too often when the venue does', async () => {
        simulator.control({ venue: venueId, rest: 'limited' })
        const error = await rejection(exchange.fetch(symbol))
        simulator.control({ venue: venueId, rest: 'ok' })
        expect(error).to.deep.include({ code: 'RATE_LIMITED' })
      })

      it('says that a pair is not listed when it is no more, where its words are understood', async () => {
        expect(await exchange.loadMarkets()).to.include(symbol)
        simulator.control({ venue: venueId, delisted: [symbol] })
        const error = await rejection(exchange.fetch(symbol))
        simulator.control({ venue: venueId, delisted: [] })
        const code = DELISTED_IS_BAD_ANSWER.includes(venueId) ? 'BAD_ANSWER' : 'NOT_LISTED'
        expect(error).to.deep.include({ code })
      })

      if (WITHOUT_STREAM.includes(venueId)) return

      it('streams of every market what the model showed at the time it names', async () => {
        await Promise.all(listings.map(listing => expectTrueStream(listing, 2)))
      })

      it('streams a price that falls and rises, with nothing left of the old one', async () => {
        const before = await exchange.watch(symbol)
        for (const [priceOffsetBps, factor] of [[-500, 0.95] as const, [500, 1.05] as const]) {
          simulator.control({ venue: venueId, priceOffsetBps })
          // One update may have been on its way.
          await exchange.watch(symbol)
          const after = await exchange.watch(symbol)
          const prices = told(after).filter(name => name !== 'baseVolume') as ('bid' | 'ask' | 'last')[]
          for (const name of prices) {
            expect(Number(after[name]) / Number(before[name]), name).to.be.closeTo(factor, 0.004)
          }
        }
        simulator.control({ venue: venueId, priceOffsetBps: 0 })
        await exchange.watch(symbol)
      })

      it('goes on streaming when REST is refused', async () => {
        simulator.control({ venue: venueId, rest: 'refused' })
        const error = await rejection(exchange.fetch(symbol))
        expect(error).to.deep.include({ code: 'NETWORK', venueId })
        for (let i = 0; i < 3; i += 1) expect((await exchange.watch(symbol)).symbol).to.equal(symbol)
        simulator.control({ venue: venueId, rest: 'ok' })
      })

      it('refuses a symbol the venue does not list', async () => {
        expect(await rejection(exchange.watch('DOGE/USD'))).to.deep.include({
          code: 'NOT_LISTED',
        })
      })

      async function expectTrueStream(listing: VenueListing, updates: number): Promise<void> {
        const fromMs = systemClock.now() - 1_000
        for (let i = 0; i < updates; i += 1) {
          const ticker = await exchange.watch(listing.symbol)
          expect(ticker.symbol).to.equal(listing.symbol)
          expect(told(ticker)).to.deep.equal(STREAM_TELLS[venueId] ?? EVERYTHING)
          const timeless =
            STREAM_WITHOUT_TIME.includes(venueId) || (i === 0 && FIRST_WITHOUT_TIME.includes(venueId))
          expect(ticker.exchangeTimeMs === null).to.equal(timeless)
          const shownAt = ticker.exchangeTimeMs ?? firstMatch(listing, ticker, fromMs)
          expect(differences(ticker, quoteAt(SEED, venueId, listing, shownAt))).to.deep.equal([])
          expect(ticker.receivedAtMs - shownAt).to.be.within(0, 1_000 + 5_000 * Number(timeless))
        }
      }

      /** Venues that send no time: the first instant of the window at which the model agrees. */
      function firstMatch(listing: VenueListing, ticker: RawTicker, fromMs: number): number {
        for (let at = ticker.receivedAtMs; at >= fromMs; at -= 1) {
          if (differences(ticker, quoteAt(SEED, venueId, listing, at)).length === 0) return at
        }
        throw new Error(`the model never showed ${JSON.stringify(ticker)}`)
      }
    })
  }
})

function told(ticker: RawTicker): string[] {
  return EVERYTHING.filter(name => name in ticker)
}

/** Names of what the ticker tells differently from the model. */
function differences(ticker: RawTicker, quote: VenueQuote): string[] {
  const expected: Record<string, string> = { ...quote, baseVolume: quote.volume }
  return Object.entries(ticker).flatMap(([name, value]) =>
    EVERYTHING.includes(name) && parseDecimal(String(value)) !== parseDecimal(expected[name] ?? '')
      ? [name]
      : [],
  )
}

async function rejection(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
  } catch (error) {
    return error
  }
  throw new Error('it did not fail')
}
