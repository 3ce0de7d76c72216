import { expect } from 'chai'
import { FORMATS } from '../../../devnet/venues/formats/index.ts'
import type { VenueQuote } from '../../../devnet/venues/market.ts'
import { SIMULATED_VENUES } from '../../../devnet/venues/venue-list.ts'
import { createExchange, type Exchange, type RawTicker } from '../../../oracle-node/sources/exchange.ts'
import { parseTicker } from '../../../oracle-node/sources/parse-ticker.ts'
import { parseDecimal } from '../../../protocol/units.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { LiteralVenues } from '../../support/sources/literal-venues.ts'

const LONG: VenueQuote = {
  bid: '2.123456789012345678',
  ask: '2.223456789012345671',
  last: '2.173456789012345679',
  bidSize: '1.5',
  askSize: '2.5',
  volume: '123456.123456789012345673',
}
const HOSTILE: Record<string, Partial<VenueQuote>> = {
  'a bid of zero': { bid: '0', ask: '2.2', last: '2.1' },
  'a negative ask': { bid: '2', ask: '-1', last: '2.1' },
  'a last price of zero': { bid: '2', ask: '2.2', last: '0' },
  'a tiny price': { bid: '0.0000001', ask: '0.0000002', last: '0.00000015' },
}
/** Sent, and not read by ccxt, which takes the list of best bids for one of them. */
const UNREAD: Record<string, readonly string[]> = { 'coinone over REST': ['bid', 'ask'] }
const FIELDS = ['bid', 'ask', 'last', 'baseVolume'] as const

describe('what a venue says and what comes through its adapter', function () {
  this.timeout(30_000)
  const venues = new LiteralVenues(LONG)
  before(() => venues.start())
  after(() => venues.stop())

  for (const venueId of SIMULATED_VENUES) {
    describe(venueId, () => {
      const symbol = FORMATS[venueId].listings[0]?.symbol ?? ''
      let exchange: Exchange

      beforeEach(async () => {
        venues.quote = LONG
        const { endpoint } = venues
        const options = { endpoint, timeoutMs: 5_000, clock: systemClock, pairs: [symbol], hashFrames: true }
        exchange = createExchange(venueId, options)
        await exchange.loadMarkets()
        venues.clear()
      })
      afterEach(() => exchange.close())

      const ways: [string, () => Promise<RawTicker>][] = [
        ['over REST', () => exchange.fetch(symbol)],
        ['in its stream', () => (exchange.streams ? exchange.watch(symbol) : exchange.fetch(symbol))],
      ]
      for (const [way, ask] of ways) {
        it(`is the same digit by digit ${way}, to the integer that is computed with`, async () => {
          const ticker = await ask()
          expectLiterally(ticker, way)
          const parsed = parseTicker(venueId, symbol, ticker)
          for (const field of ['bid', 'ask', 'last'] as const) {
            const sent = venues.expected(LONG[field])
            expect(parsed[field], field).to.equal(field in ticker ? unitsOf(sent) : null)
          }
          expect(ticker.bid ?? ticker.last, 'it says a price').to.be.a('string')
        })

        it(`is hashed as it came ${way}`, async () => {
          expect(venues.hashes).to.include(hashOf(await ask()))
        })

        let usual: readonly string[] | undefined
        for (const [what, change] of Object.entries(HOSTILE)) {
          it(`is left as it is ${way} when it is ${what}, and nothing is made up or left out`, async () => {
            usual ??= fieldsOf(await ask())
            venues.quote = { ...LONG, ...change }
            venues.clear()
            // Some may have been on their way.
            let ticker = await ask()
            while (!venues.hashes.has(hashOf(ticker))) ticker = await ask()
            expect(fieldsOf(ticker)).to.deep.equal(usual)
            const { bid, ask: offer, last, volume } = venues.quote
            const said = { bid, ask: offer, last, baseVolume: volume }
            for (const field of ['bid', 'ask', 'last'] as const) {
              const told = ticker[field]
              if (told !== undefined) expect(parseDecimal(told)).to.equal(parseDecimal(said[field]))
            }
          })
        }
      }

      function expectLiterally(ticker: RawTicker, way: string): void {
        const literals = { bid: LONG.bid, ask: LONG.ask, last: LONG.last, baseVolume: LONG.volume }
        const unread = UNREAD[`${venueId} ${way}`] ?? []
        for (const field of FIELDS) {
          // What a venue does not say is absent; nothing is computed in its place.
          const sent = unread.includes(field) ? undefined : venues.expected(literals[field])
          expect(ticker[field], field).to.equal(sent)
        }
      }
    })
  }
})

function fieldsOf(ticker: RawTicker): readonly string[] {
  return FIELDS.filter(field => field in ticker)
}

function hashOf({ frame }: RawTicker): string {
  return Buffer.from(frame ?? []).toString('hex')
}

/** In units of 10^-18, by moving the point. */
function unitsOf(text: string | undefined): bigint {
  const [whole = '', decimals = ''] = text?.split('.') ?? []
  return BigInt(whole + decimals.padEnd(18, '0'))
}
