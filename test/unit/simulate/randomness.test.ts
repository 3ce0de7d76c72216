import { expect } from 'chai'
import fc from 'fast-check'
import { isWithin, valueAt } from '../../../cli/simulate/paths.ts'
import { createRandom } from '../../../cli/simulate/random.ts'
import { squareRoot, Wander } from '../../../cli/simulate/wander.ts'

const ONE_DAY = 86_400n

function drawn(seed: number, stream: number): bigint[] {
  const random = createRandom(seed, stream)
  return Array.from({ length: 20 }, () => random.within(10n ** 12n))
}

describe('randomness of a simulation', () => {
  it('repeats with its seed and stream, and differs with another', () => {
    expect(drawn(1, 0)).to.deep.equal(drawn(1, 0))
    expect(drawn(1, 0)).to.not.deep.equal(drawn(2, 0))
    expect(drawn(1, 0)).to.not.deep.equal(drawn(1, 1))
  })

  it('is the same on every machine and in every version', () => {
    const random = createRandom(1, 0)
    expect([1, 2, 3].map(() => random.within(1_000n))).to.deep.equal([593n, 954n, -716n])
  })

  it('stays within its bounds and reaches both', () => {
    const random = createRandom(3, 0)
    const seen = new Set(Array.from({ length: 300 }, () => random.within(2n)))
    expect([...seen].sort((a, b) => Number(a - b))).to.deep.equal([-2n, -1n, 0n, 1n, 2n])
  })

  it('wanders by about what a day is said to bring, however long epochs are', () => {
    for (const lengthSec of [60n, 3_600n]) {
      const wander = new Wander(createRandom(5, 0), 300, lengthSec)
      let [sum, before] = [0n, 0n]
      for (let day = 0; day < 200; day++) {
        for (let at = 0n; at < ONE_DAY; at += lengthSec) wander.advance()
        const now = wander.around(1_000_000n) - 1_000_000n
        sum += (now - before) ** 2n
        before = now
      }
      // 3% of a million is 30,000.
      expect(Number(squareRoot(sum / 200n))).to.be.within(25_000, 35_000)
    }
  })

  it('never takes a price below a tenth of its path', () => {
    const wander = new Wander(createRandom(5, 0), 2_000, 3_600n)
    let lowest = 1_000n
    for (let epoch = 0; epoch < 20_000; epoch++) {
      wander.advance()
      const value = wander.around(1_000n)
      if (value < lowest) lowest = value
    }
    expect(lowest >= 100n).to.equal(true)
  })

  it('has whole square roots, rounded down', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 1n << 200n }), value => {
        const root = squareRoot(value)
        return root * root <= value && (root + 1n) * (root + 1n) > value
      }),
    )
  })
})

describe('paths of a scenario', () => {
  const path = [
    { day: 0, value: 100n },
    { day: 10, value: 200n },
    { day: 20, value: 0n },
  ]

  it('go in straight lines from key day to key day, and stay after the last one', () => {
    const days = [0n, 5n, 10n, 15n, 20n, 400n]
    expect(days.map(day => valueAt(path, day * ONE_DAY))).to.deep.equal([100n, 150n, 200n, 100n, 0n, 0n])
  })

  it('have spans that hold from their first second to before the one after', () => {
    const spans = [{ fromDay: 2, days: 1 }]
    const seconds = [2n * ONE_DAY - 1n, 2n * ONE_DAY, 3n * ONE_DAY - 1n, 3n * ONE_DAY]
    expect(seconds.map(second => isWithin(spans, second))).to.deep.equal([false, true, true, false])
  })
})
