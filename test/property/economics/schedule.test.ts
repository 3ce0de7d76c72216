import { expect } from 'chai'
import fc from 'fast-check'
import {
  curveAt,
  type EmissionTerms,
  MAINNET_EMISSION,
  poolOf,
  scheduledBy,
  scheduledIn,
  YEAR_SEC,
} from '../../../protocol/epoch/emission.ts'
import { ONE } from '../../../protocol/units.ts'
import { SEED, wei } from '../../support/economics/market-arbitraries.ts'
import { integersFrom } from '../../support/economics/price-path.ts'

const MAX = 22_300_000n * ONE
const FIFTY_YEARS = 50n * YEAR_SEC
const withGenesis = (genesis: bigint, epochLengthSec = 3_600n): EmissionTerms => ({
  ...MAINNET_EMISSION,
  genesis,
  epochLengthSec,
})

describe('a genesis above zero over fifty years', () => {
  it('leaves exactly the maximum less genesis to the schedule, for any genesis', () => {
    fc.assert(
      fc.property(wei(MAX), genesis => {
        expect(scheduledBy(withGenesis(genesis), FIFTY_YEARS)).to.equal(MAX - genesis)
      }),
      { seed: SEED, numRuns: 1_000 },
    )
  })

  it('adds up to it over all 438,000 hours, and no hour takes back what another gave', () => {
    const terms = withGenesis(1_000_000n * ONE)
    let [sum, least] = [0n, 0n]
    for (let epoch = 0; epoch < 438_000; epoch++) {
      const scheduled = scheduledIn(terms, epoch)
      if (scheduled < least) least = scheduled
      sum += scheduled
    }
    expect([sum, least]).to.deep.equal([21_300_000n * ONE, 0n])
  })

  it('adds up to it for any genesis and any cut of the years into pieces', () => {
    const cuts = fc.array(wei(FIFTY_YEARS), { maxLength: 50 })
    fc.assert(
      fc.property(wei(MAX), cuts, (genesis, times) => {
        const terms = withGenesis(genesis)
        const moments = [0n, ...times.sort((a, b) => (a < b ? -1 : 1)), FIFTY_YEARS]
        let sum = 0n
        for (const [index, to] of moments.slice(1).entries())
          sum += scheduledBy(terms, to) - scheduledBy(terms, moments[index] ?? 0n)
        expect(sum).to.equal(MAX - genesis)
      }),
      { seed: SEED, numRuns: 300 },
    )
  })

  it('ends earlier, and never pays less before that', () => {
    const [none, some] = [withGenesis(0n), withGenesis(5_000_000n * ONE)]
    for (let day = 0n; day < 18_250n; day += 10n) {
      const at = day * 86_400n
      const [all, less] = [scheduledBy(none, at), scheduledBy(some, at)]
      const limit = MAX - some.genesis
      expect(less).to.equal(all < limit ? all : limit)
    }
    expect(curveAt(none, FIFTY_YEARS) > MAX).to.equal(true)
  })

  it('of nothing gives the years 6, 6, 3, 3, 1.5, 1.5, 0.75 and 0.55 million, and then none', () => {
    const years = Array.from({ length: 12 }, (_, year) => {
      const start = BigInt(year) * YEAR_SEC
      return scheduledBy(MAINNET_EMISSION, start + YEAR_SEC) - scheduledBy(MAINNET_EMISSION, start)
    })
    const thousands = [6_000n, 6_000n, 3_000n, 3_000n, 1_500n, 1_500n, 750n, 550n, 0n, 0n, 0n, 0n]
    expect(years).to.deep.equal(thousands.map(amount => amount * 1_000n * ONE))
  })

  it('keeps the supply below the maximum in every epoch, whatever is burned and minted again', () => {
    const terms = withGenesis(2_000_000n * ONE)
    const next = integersFrom(SEED)
    let [scheduled, net, burned, reserve] = [0n, 0n, 0n, 0n]
    for (let epoch = 0; epoch < 438_000; epoch++) {
      const supply = terms.genesis + scheduled + net - burned
      const asked = (BigInt(next() % 40) * ONE) / 2n
      const burns = asked < supply ? asked : supply
      burned += burns
      const pool = poolOf(terms, epoch, burns, reserve)
      scheduled += pool.scheduled
      net += pool.net
      reserve += pool.scheduled + pool.net - pool.released
      if (net > burned || terms.genesis + scheduled + net - burned > MAX) throw new Error(`epoch ${epoch}`)
    }
    expect(net > 0n && scheduled > 0n && reserve >= 0n).to.equal(true)
  })
})
