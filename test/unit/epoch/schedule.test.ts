import { expect } from 'chai'
import fc from 'fast-check'
import {
  curveAt,
  type EmissionTerms,
  MAINNET_EMISSION,
  netIn,
  scheduledBy,
  scheduledIn,
  YEAR_SEC,
} from '../../../protocol/epoch/emission.ts'
import { ONE } from '../../../protocol/units.ts'

const MAX = 22_300_000n * ONE
const FIFTY_YEARS_SEC = 50n * YEAR_SEC

const cuts = fc.uniqueArray(fc.bigInt(1n, FIFTY_YEARS_SEC - 1n), { maxLength: 300, size: 'max' })
const sorted = (times: readonly bigint[]): bigint[] => times.toSorted((a, b) => (a < b ? -1 : 1))

/** Σ of what is scheduled between neighbouring times, each amount by itself. */
function sumOfParts(terms: EmissionTerms, times: readonly bigint[]): bigint {
  const amounts = times.slice(1).map((until, index) => {
    return scheduledBy(terms, until) - scheduledBy(terms, times[index] ?? 0n)
  })
  return amounts.reduce((sum, amount) => sum + amount, 0n)
}

describe('the schedule over fifty years', () => {
  it('ends at 22,300,000 IO to the wei in a thousand random partitions', () => {
    fc.assert(
      fc.property(cuts, times => {
        const partition = [0n, ...sorted(times), FIFTY_YEARS_SEC]
        expect(sumOfParts(MAINNET_EMISSION, partition)).to.equal(MAX)
      }),
      { numRuns: 1_000 },
    )
  }).timeout(60_000)

  it('ends there in epochs of any length, of which the last may go on beyond', () => {
    const lengths = fc.bigInt(600n, 3_600n)
    fc.assert(
      fc.property(lengths, epochLengthSec => {
        const terms = { ...MAINNET_EMISSION, epochLengthSec }
        // The curve reaches its maximum before the end of the eighth year, and nothing comes after it.
        const epochs = Number((8n * YEAR_SEC) / epochLengthSec) + 1
        let total = 0n
        for (let epoch = 0; epoch < epochs; epoch++) total += scheduledIn(terms, epoch)
        expect(total).to.equal(MAX)
        expect(scheduledIn(terms, epochs)).to.equal(0n)
      }),
      { numRuns: 5 },
    )
  }).timeout(60_000)

  it('would end a wei below 24,000,000 IO without its maximum', () => {
    const periods = (count: bigint) => count * MAINNET_EMISSION.periodSec
    const limit = 24_000_000n * ONE
    // Half of what was missing is missing after each period.
    expect(curveAt(MAINNET_EMISSION, periods(1n))).to.equal(limit / 2n)
    expect(curveAt(MAINNET_EMISSION, periods(25n))).to.equal(limit - limit / 2n ** 25n)
    expect(curveAt(MAINNET_EMISSION, periods(96n))).to.equal(limit - 1n)
    expect(curveAt(MAINNET_EMISSION, periods(10n ** 12n))).to.equal(limit - 1n)
  })
})

describe('a supply with a genesis', () => {
  for (const genesis of [1n, 1_000_000n * ONE, MAX - 1n, MAX]) {
    it(`of ${genesis} wei is never above the maximum in fifty years of burns`, () => {
      const terms = { ...MAINNET_EMISSION, genesis }
      const epochs = Number(FIFTY_YEARS_SEC / terms.epochLengthSec)
      let supply = genesis
      let highest = 0n
      let scheduled = 0n
      for (let epoch = 0; epoch < epochs; epoch++) {
        // Nothing, a little, more than is minted again: burns come first, what they give is minted at the end.
        const burned = [0n, 3n * ONE, supply / 1_000n][epoch % 3] ?? 0n
        const minted = scheduledIn(terms, epoch)
        supply += minted + netIn(terms, epoch, burned) - burned
        scheduled += minted
        if (supply > highest) highest = supply
      }
      expect(highest <= MAX).to.equal(true)
      expect(genesis + scheduled).to.equal(MAX)
    }).timeout(20_000)
  }
})
