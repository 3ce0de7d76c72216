import { expect } from 'chai'
import { LIARS_CASES, runLiars } from '../../support/sources/check-liars.ts'
import { Dice, K, liarsCase } from '../../support/sources/liars.ts'

describe('of k independent venues, ⌊(k−1)/2⌋ that lie as they like', function () {
  this.timeout(120_000)

  it('never move the price out of the honest range: direct, crossed, inverted, or all at once', () => {
    const { priced, broken } = runLiars(0, LIARS_CASES.everyTime)
    expect(broken).to.deep.equal([])
    // Where the honest disagree among themselves there may be no price; mostly there is one.
    expect(priced).to.be.above(LIARS_CASES.everyTime / 2)
  })

  it('are as many as can be borne: with one more, prices leave the honest range', () => {
    expect(runLiars(0, 1_000, 1).broken).to.have.length(5)
  })
})

describe('the cases of liars', () => {
  const cases = Array.from({ length: 2_000 }, (_, seed) => liarsCase(new Dice(seed)))

  it('have every number of independent venues from 3 to 31', () => {
    const sizes = cases.flatMap(({ plan }) =>
      plan.legs.map(({ venues }) => new Set(venues.map(({ group }) => group)).size),
    )
    expect([...new Set(sizes)].sort((a, b) => a - b)).to.deep.equal(
      Array.from({ length: K.max - K.min + 1 }, (_, i) => K.min + i),
    )
  })

  it('have values that are there twice, and prices that are the same', () => {
    const isTwice = (texts: readonly string[]) => new Set(texts).size < texts.length
    const twice = cases.filter(({ values }) => isTwice(values.map(({ venue, pair }) => `${venue} ${pair}`)))
    expect(twice.length).to.be.above(cases.length / 2)
    const tied = cases.filter(({ values }) => isTwice(values.map(({ pair, last }) => `${pair} ${last}`)))
    expect(tied.length).to.be.above(cases.length / 2)
  })

  it('are the same again for the same seed', () => {
    expect(liarsCase(new Dice(7))).to.deep.equal(cases[7])
  })
})
