import { expect } from 'chai'
import { measureAggregation } from '../../../bench/sources/aggregation.ts'
import { naiveFigure } from '../../../bench/sources/naive.ts'

describe('the benchmark of sources', () => {
  it('compares with a median and a mean of all middles', () => {
    const at = (price: number) => ({ bid: price - 1, ask: price + 1, last: price })
    expect(naiveFigure([at(10), at(30), at(20)])).to.equal(20 + 20)
    expect(naiveFigure([at(10), at(40), at(20), at(30)])).to.equal(25 + 25)
    // A last price outside of the book is worth its nearer side.
    expect(naiveFigure([{ bid: 9, ask: 11, last: 50 }])).to.equal(11 + 11)
  })

  it('measures aggregations in which every venue counts', () => {
    const rates = measureAggregation(5)
    expect(rates.size).to.equal(5)
    expect(rates.perSec).to.be.above(0)
    expect(rates.withRootPerSec).to.be.above(0)
    expect(rates.naivePerSec).to.be.above(0)
  }).timeout(20_000)
})
