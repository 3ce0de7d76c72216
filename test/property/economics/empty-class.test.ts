import { expect } from 'chai'
import fc from 'fast-check'
import { hirePayOf } from '../../../protocol/epoch/allocation.ts'
import { sumOf } from '../../../protocol/epoch/shares.ts'
import { ONE, type Price } from '../../../protocol/units.ts'
import { holdId } from '../../../protocol/usage/hold.ts'
import { Epochs, type Happenings } from '../../support/economics/epochs.ts'
import { price, SEED, wei } from '../../support/economics/market-arbitraries.ts'
import {
  hire,
  hireReceipt,
  inference,
  inferenceReceipt,
  ioHold,
  iosdHold,
  OTHER_WORKER,
  PARAMETERS,
  PAYER,
  result,
  statement,
  WORKER,
} from '../../support/epoch/world.ts'
import { DOMAIN } from '../../support/protocol/network.ts'

const PLENTY = 10n ** 30n
const deposits = [{ payer: PAYER, io: PLENTY, iosd: PLENTY }]

/** Nobody but one worker is hired, for `spent` wei of IOSD, while another keeps a proven GPU connected. */
function lonelyHire(spent: bigint, usd: Price): Happenings {
  const hold = iosdHold({ maxAmount: spent })
  const proven = result(OTHER_WORKER, { products: 2_000 })
  return {
    price: usd,
    deposits,
    holds: [hold],
    receipts: [hireReceipt({ cumulativeCeiling: spent })],
    results: [proven],
    batches: [
      {
        worker: WORKER,
        seqFrom: 1,
        records: [hire({ hold: holdId(DOMAIN, hold), cumulativeCharge: spent })],
      },
      { worker: OTHER_WORKER, seqFrom: 1, records: [statement(proven)] },
    ],
  }
}

describe('empty class: using what nobody else uses', () => {
  it('a hire of one wei is paid less than a wei’s worth, and leaves the hired part of the pool where it was', () => {
    const without = new Epochs().play({
      ...lonelyHire(1n, ONE as Price),
      batches: [],
      holds: [],
      receipts: [],
    })
    const pay = (usd: Price) => new Epochs().play(lonelyHire(1n, usd)).allocation
    expect(without.allocation.hiredMaximum).to.equal((without.allocation.pool.total * 7n) / 10n)
    expect([pay((5n * ONE) as Price).hiredPaid, pay(ONE as Price).hiredPaid]).to.deep.equal([0n, 0n])
    // At a tenth of a cent a wei of IOSD buys a thousand wei of IO.
    expect(pay((ONE / 1_000n) as Price).hiredPaid).to.equal(950n)
  })

  it('what one hire does not take goes to proven GPUs, to the wei', () => {
    const { allocation } = new Epochs().play(lonelyHire(ONE, ONE as Price))
    expect(allocation.hires.get(WORKER)).to.equal((ONE * 95n) / 100n)
    expect(allocation.availability.get(OTHER_WORKER)).to.equal(allocation.pool.total - (ONE * 95n) / 100n)
  })

  it('the only hire of an epoch is never paid more than what was spent on it less the tax, however little or much', () => {
    const spend = fc.oneof(wei(1_000n, 1n), wei(10n * ONE, 1n), wei(10n ** 6n * ONE, 1n))
    fc.assert(
      fc.property(spend, price, (spent, usd) => {
        const { allocation } = new Epochs().play(lonelyHire(spent, usd))
        const { hiredPaid, hiredMaximum } = allocation
        expect(hiredPaid <= hirePayOf(spent, PARAMETERS.hireTaxBps, usd)).to.equal(true)
        expect(hiredPaid <= hiredMaximum).to.equal(true)
      }),
      { seed: SEED, numRuns: 300 },
    )
  })

  it('a wei of inference takes nothing from the pool: it is paid the wei', () => {
    const hold = ioHold({ maxAmount: 1n })
    const record = inference({
      hold: holdId(DOMAIN, hold),
      cumulativeCharge: 1n,
      cumulativeUnits: 10n ** 30n,
    })
    const receipt = inferenceReceipt({ cumulativeUnits: 10n ** 30n, cumulativeCeiling: 1n })
    const { allocation, usage } = new Epochs().play({
      deposits,
      holds: [hold],
      receipts: [receipt],
      batches: [{ worker: WORKER, seqFrom: 1, records: [record] }],
    })
    expect([sumOf(usage.payments), usage.debitIo, usage.debitIosd]).to.deep.equal([1n, 1n, 1n])
    expect([allocation.hiredPaid, allocation.availabilityPaid]).to.deep.equal([0n, 0n])
    expect(allocation.reserveAfter).to.equal(allocation.pool.total)
  })

  it('units never weigh: a hire that states a million times the seconds is paid the same', () => {
    const stated = (units: bigint) => {
      const happenings = lonelyHire(ONE, ONE as Price)
      const hold = iosdHold({ maxAmount: ONE })
      const records = [hire({ hold: holdId(DOMAIN, hold), cumulativeCharge: ONE, cumulativeUnits: units })]
      const receipts = [hireReceipt({ cumulativeCeiling: ONE, cumulativeUnits: units })]
      return new Epochs().play({
        ...happenings,
        receipts,
        batches: [{ worker: WORKER, seqFrom: 1, records }],
      })
    }
    expect(stated(3_600n * 10n ** 6n).allocation).to.deep.equal(stated(3_600n).allocation)
  })
})
