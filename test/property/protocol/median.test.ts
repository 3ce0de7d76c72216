import { expect } from 'chai'
import fc from 'fast-check'
import { quorumOf } from '../../../protocol/quorum.ts'
import type { Quote } from '../../../protocol/quote.ts'
import { medianReport, medianWord } from '../../../protocol/round/median.ts'
import { MAX_PRICE, type Price } from '../../../protocol/units.ts'
import { ProtocolNetwork, T_MS } from '../../support/protocol/network.ts'

const network = new ProtocolNetwork(1)
const template = network.quote(0)
const anyPrice = fc.bigInt({ min: 1n, max: MAX_PRICE })
const anyConfidence = fc.integer({ min: 0, max: 65_535 })
const anyQuote: fc.Arbitrary<Quote> = fc
  .record({ price: anyPrice, confidence: anyConfidence, late: fc.integer({ min: 0, max: 1 }) })
  .map(({ price, confidence, late }) => ({
    ...template,
    price: price as Price,
    confidence,
    observedAt: T_MS / 1_000 + late,
  }))

/** What honest nodes and liars say in a network of any size, in a set of at least q quotes with at most f lies. */
const attacked = fc.integer({ min: 4, max: 31 }).chain(n => {
  const { f, q } = quorumOf(n)
  return fc
    .record({ liars: fc.integer({ min: 0, max: f }), all: fc.integer({ min: q, max: n }) })
    .chain(({ liars, all }) =>
      fc.record({
        honest: fc.array(anyQuote, { minLength: all - liars, maxLength: all - liars }),
        lies: fc.array(
          fc.oneof(
            anyQuote,
            fc.constantFrom<Quote>(
              { ...template, price: 1n as Price, confidence: 0, observedAt: 0 },
              { ...template, price: MAX_PRICE as Price, confidence: 65_535, observedAt: 2 ** 40 - 1 },
            ),
          ),
          { minLength: liars, maxLength: liars },
        ),
      }),
    )
})

function least<T>(values: readonly T[]): T {
  return values.reduce((a, b) => (b < a ? b : a))
}

function most<T>(values: readonly T[]): T {
  return values.reduce((a, b) => (b > a ? b : a))
}

describe('the median of a round', () => {
  it('is the same in any order', () => {
    const shuffled = fc
      .array(anyQuote, { minLength: 1, maxLength: 31 })
      .chain(quotes =>
        fc.tuple(
          fc.constant(quotes),
          fc.shuffledSubarray(quotes, { minLength: quotes.length, maxLength: quotes.length }),
        ),
      )
    fc.assert(
      fc.property(shuffled, ([quotes, other]) => {
        expect(medianWord(other)).to.equal(medianWord(quotes))
      }),
    )
  })

  it('stays among the honest prices and times whatever f members say', () => {
    fc.assert(
      fc.property(attacked, ({ honest, lies }) => {
        const { price, observedAt } = medianReport([...lies, ...honest])
        const prices = honest.map(quote => quote.price)
        expect(price >= least(prices) && price <= most(prices)).to.equal(true)
        const times = honest.map(quote => quote.observedAt)
        expect(observedAt >= least(times) && observedAt <= most(times)).to.equal(true)
      }),
      { numRuns: 500 },
    )
  })

  it('never claims less uncertainty than the least an honest member stated', () => {
    fc.assert(
      fc.property(attacked, ({ honest, lies }) => {
        const { confidence } = medianReport([...lies, ...honest])
        expect(confidence).to.be.at.least(least(honest.map(quote => quote.confidence)))
      }),
    )
  })

  it('lies between its least and its greatest quote, and fits the word', () => {
    fc.assert(
      fc.property(fc.array(anyQuote, { minLength: 1, maxLength: 128 }), quotes => {
        const { price, confidence } = medianReport(quotes)
        const prices = quotes.map(quote => quote.price)
        expect(price >= least(prices) && price <= most(prices)).to.equal(true)
        expect(confidence).to.be.within(0, 65_535)
        expect(medianWord(quotes) >> 256n).to.equal(0n)
      }),
    )
  })
})
