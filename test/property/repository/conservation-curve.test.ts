import { expect } from 'chai'
import fc from 'fast-check'
import { type EmissionTerms, netCapOf, scheduledBy, scheduledIn } from '../../../protocol/epoch/emission.ts'
import { ONE } from '../../../protocol/units.ts'
import * as check from '../../../scripts/conservation/curve.ts'

const terms = fc.record({
  firstPeriod: fc.bigInt(1n, 12_000_000n * ONE),
  periodSec: fc.bigInt(3_600n, 730n * 86_400n),
  netPerYear: fc.bigInt(0n, 60_000n * ONE),
  genesis: fc.bigInt(0n, 22_300_000n * ONE),
  epochLengthSec: fc.bigInt(1n, 3_600n),
})

/** The same terms in the words of both. */
function both(given: Omit<EmissionTerms, 'maxSupply'>): [EmissionTerms, check.CurveTerms] {
  const { firstPeriod, periodSec, netPerYear, genesis, epochLengthSec } = given
  return [
    { ...given, maxSupply: check.MAX_SUPPLY },
    {
      launchEmission: firstPeriod,
      halvingPeriodSec: periodSec,
      yearlyNetCap: netPerYear,
      genesis,
      epochLengthSec,
    },
  ]
}

describe('the curve of the conservation check', () => {
  it('is the one that nodes compute, at every second and for every epoch', () => {
    fc.assert(
      fc.property(terms, fc.bigInt(0n, 90n * 365n * 86_400n), fc.nat(1_000_000), (given, elapsed, epoch) => {
        const [ours, theirs] = both(given)
        expect(check.scheduledUntil(theirs, elapsed)).to.equal(scheduledBy(ours, elapsed))
        expect(check.scheduledIn(theirs, epoch)).to.equal(scheduledIn(ours, epoch))
        expect(check.netCapIn(theirs, epoch)).to.equal(netCapOf(ours, epoch))
      }),
    )
  })
})
