import { expect } from 'chai'
import { FORMATS } from '../../../devnet/venues/formats/index.ts'
import { commonPrice, quoteAt } from '../../../devnet/venues/market.ts'
import { parseDecimal } from '../../../protocol/units.ts'

const T = Date.UTC(2026, 0, 2, 3, 4, 5)
const MINUTE = 60_000
const instants = Array.from({ length: 500 }, (_, i) => T + i * 977)
const markets = Object.values(FORMATS).flatMap(format =>
  format.listings.map(listing => ({ format, listing })),
)

describe('market model', () => {
  it('shows the same prices for the same seed, venue and time', () => {
    for (const { format, listing } of markets) {
      expect(quoteAt('seed', format.id, listing, T)).to.deep.equal(quoteAt('seed', format.id, listing, T))
    }
  })

  it('shows other prices for another seed', () => {
    expect(commonPrice('a', 'IO/USDT', T)).not.to.equal(commonPrice('b', 'IO/USDT', T))
  })

  it('always has a bid below the ask, and positive price, sizes and volume', () => {
    for (const { format, listing } of markets) {
      for (const at of instants) {
        const quote = quoteAt('seed', format.id, listing, at)
        expect(parseDecimal(quote.bid) < parseDecimal(quote.ask), JSON.stringify(quote)).to.equal(true)
        for (const value of Object.values(quote)) expect(parseDecimal(value) > 0n).to.equal(true)
      }
    }
  })

  it('writes prices with the decimals of the venue', () => {
    for (const { format, listing } of markets) {
      const { bid, ask, last } = quoteAt('seed', format.id, listing, T)
      for (const price of [bid, ask, last]) {
        expect(price.split('.')[1] ?? '').to.have.lengthOf(listing.priceDecimals)
      }
    }
  })

  it('keeps the venues of a symbol within twenty basis points of each other', () => {
    for (const { format, listing } of markets) {
      for (const at of instants) {
        const mid = Number(quoteAt('seed', format.id, listing, at).bid)
        expect(Math.abs(mid / commonPrice('seed', listing.symbol, at) - 1) * 10_000).to.be.below(20)
      }
    }
  })

  it('keeps IO between two and three dollars and USDT within ten basis points of its start', () => {
    for (let day = 0; day < 300; day += 1) {
      const at = T + day * 1_000 * MINUTE
      expect(commonPrice('seed', 'IO/USDT', at)).to.be.within(2, 3)
      expect(commonPrice('seed', 'USDT/USD', at)).to.be.within(0.9988, 1.0008)
      expect(commonPrice('seed', 'USDC/USD', at)).to.be.within(0.9991, 1.0011)
      expect(commonPrice('seed', 'BTC/USD', at)).to.be.within(60_000, 68_000)
    }
  })

  it('gives IO the same worth in dollars by every route', () => {
    const routes = [
      ['IO/USDT', 'USDT/USD'],
      ['IO/USDC', 'USDC/USD'],
      ['IO/BTC', 'BTC/USD'],
      ['IO/BTC', 'BTC/USDT', 'USDT/USD'],
    ]
    for (const at of instants) {
      const [first = 0, ...others] = routes.map(route =>
        route.reduce((product, symbol) => product * commonPrice('seed', symbol, at), 1),
      )
      for (const other of others) expect(other / first).to.be.closeTo(1, 1e-12)
    }
  })

  it('has three venues or more for every market', () => {
    const symbols = markets.map(({ listing }) => listing.symbol)
    for (const symbol of new Set(symbols)) {
      expect(symbols.filter(each => each === symbol).length, symbol).to.be.at.least(3)
    }
  })

  it('moves without jumps: less than five basis points in a second', () => {
    for (const at of instants) {
      const move = commonPrice('seed', 'IO/USDT', at + 1_000) / commonPrice('seed', 'IO/USDT', at) - 1
      expect(Math.abs(move) * 10_000).to.be.below(5)
    }
  })

  it('moves over ten minutes by more than it costs to trade', () => {
    const prices = Array.from({ length: 11 }, (_, i) => commonPrice('seed', 'IO/USDT', T + i * MINUTE))
    expect(Math.max(...prices) / Math.min(...prices)).to.be.above(1.0005)
  })

  it('multiplies all prices of a venue by a factor', () => {
    const listing = FORMATS.okx.listings[0]
    if (listing === undefined) throw new Error('no listing')
    const honest = quoteAt('seed', 'okx', listing, T)
    const lying = quoteAt('seed', 'okx', listing, T, 1.1)
    for (const side of ['bid', 'ask', 'last'] as const) {
      expect(Number(lying[side]) / Number(honest[side])).to.be.closeTo(1.1, 0.0001)
    }
  })

  it('refuses a symbol without a model', () => {
    expect(() => commonPrice('seed', 'DOGE/USD', T)).to.throw('no market model for DOGE/USD')
  })
})
