import { expect } from 'chai'
import fc from 'fast-check'
import type { ChallengeResult } from '../../../protocol/epoch/availability.ts'
import type { EpochOutcome } from '../../../protocol/epoch/compute.ts'
import { MAINNET_EMISSION, scheduledIn } from '../../../protocol/epoch/emission.ts'
import { formatDecimal, ONE } from '../../../protocol/units.ts'
import { Epochs } from '../../support/economics/epochs.ts'
import { SEED, wei } from '../../support/economics/market-arbitraries.ts'
import { addressOf, hash } from '../../support/epoch/cast.ts'
import { OTHER_WORKER, PARAMETERS, result, statement, WORKER } from '../../support/epoch/world.ts'

const launchPool = scheduledIn(MAINNET_EMISSION, 0)
const runs = { seed: SEED, numRuns: 300 }

/** An epoch in which exactly these results were proven and stated, each worker's in one batch. */
function proven(results: readonly ChallengeResult[], reserve = 0n, targetWeight = 1_000n): EpochOutcome {
  const workers = [...new Set(results.map(({ worker }) => worker))]
  return new Epochs(MAINNET_EMISSION, reserve).play({
    parameters: { ...PARAMETERS, targetWeight },
    results,
    batches: workers.map(worker => ({
      worker,
      seqFrom: 1,
      records: results.filter(item => item.worker === worker).map(statement),
    })),
  })
}

const paidTo = (outcome: EpochOutcome, workers: readonly ChallengeResult['worker'][]) =>
  workers.reduce((sum, worker) => sum + (outcome.allocation.availability.get(worker) ?? 0n), 0n)

describe('availability: the first GPU, and one that says it is ten', () => {
  it('the first card ever gets launch pool · W / W_target, not what has gathered while nobody was there', () => {
    // A month of launch emission in the reserve, and one card of a thousandth of the target: 0.68 IO for its hour.
    const month = 500_000n * ONE
    const { allocation } = proven([result(WORKER, { products: 1 })], month)
    expect(allocation.availabilityPaid).to.equal(launchPool / 1_000n)
    expect(formatDecimal(allocation.availabilityPaid)).to.match(/^0\.6849/)
    expect(allocation.reserveAfter).to.equal(
      month - allocation.pool.released + allocation.pool.total - launchPool / 1_000n,
    )
  })

  it('no card gets more than its part of the target, whatever emission, net emission and reserve there are', () => {
    fc.assert(
      fc.property(wei(22_300_000n * ONE), fc.nat(3_000), wei(10_000n, 1n), (reserve, products, target) => {
        const { availabilityPaid, pool, hiredPaid } = proven(
          [result(WORKER, { products })],
          reserve,
          target,
        ).allocation
        expect(availabilityPaid <= (launchPool * BigInt(products)) / target).to.equal(true)
        expect(availabilityPaid <= pool.total - hiredPaid).to.equal(true)
      }),
      runs,
    )
  })

  it('one GPU split into ten workers, and ten pooled into one, get the same up to a wei a worker', () => {
    const parts = fc.array(fc.nat(200), { minLength: 2, maxLength: 10 })
    fc.assert(
      fc.property(parts, fc.nat(2_000), fc.nat(500), (pieces, others, tag) => {
        const names = pieces.map((_, index) => addressOf(`part ${index} of ${tag % 20}`))
        const other = result(OTHER_WORKER, { products: others })
        const whole = pieces.reduce((sum, piece) => sum + piece, 0)
        const together = proven([other, result(WORKER, { products: whole })])
        const apart = proven([
          other,
          ...names.map((worker, index) => result(worker, { products: pieces[index] ?? 0 })),
        ])
        expect(apart.allocation.availabilityPaid).to.equal(together.allocation.availabilityPaid)
        const difference = paidTo(apart, names) - paidTo(together, [WORKER])
        const most = BigInt(pieces.length)
        expect(difference <= most && -difference <= most).to.equal(true)
      }),
      { ...runs, numRuns: 100 },
    )
  })

  it('one worker’s GPU told as ten devices, or over ten windows, gets the same to the wei', () => {
    const other = result(OTHER_WORKER, { products: 700 })
    const one = proven([other, result(WORKER, { products: 900 })])
    const devices = Array.from({ length: 10 }, (_, i) =>
      result(WORKER, { products: 90, device: hash(`device ${i}`) }),
    )
    const windows = Array.from({ length: 10 }, (_, window) => result(WORKER, { products: 90, window }))
    expect(proven([other, ...devices]).allocation).to.deep.equal(one.allocation)
    expect(proven([other, ...windows]).allocation).to.deep.equal(one.allocation)
    expect(paidTo(one, [WORKER]) * 7n - paidTo(one, [OTHER_WORKER]) * 9n <= 16n).to.equal(true)
  })

  it('twice the proven work is paid twice, up to the target, and shared out above it', () => {
    const paid = (products: number) => proven([result(WORKER, { products })]).allocation.availabilityPaid
    expect(paid(400)).to.equal((launchPool * 400n) / 1_000n)
    expect(paid(800) - 2n * paid(400) <= 1n).to.equal(true)
    expect([paid(1_000), paid(5_000)]).to.deep.equal([launchPool, launchPool])
  })
})
