import { expect } from 'chai'
import fc from 'fast-check'
import { auditEpoch } from '../../../protocol/epoch/audit.ts'
import type { EpochInputs } from '../../../protocol/epoch/bundle.ts'
import { sumOf } from '../../../protocol/epoch/shares.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { BPS, ONE, type Price } from '../../../protocol/units.ts'
import { holdId } from '../../../protocol/usage/hold.ts'
import { Epochs, type Happenings } from '../../support/economics/epochs.ts'
import { price, SEED, wei } from '../../support/economics/market-arbitraries.ts'
import { addressOf, signBatch, signReceipt } from '../../support/epoch/cast.ts'
import {
  caseOf,
  hire,
  hireReceipt,
  inference,
  inferenceReceipt,
  ioHold,
  iosdHold,
  MODEL,
  nextInputs,
  OTHER_WORKER,
  PARAMETERS,
  PAYER,
  proposalOf,
  result,
  statement,
  WORKER,
} from '../../support/epoch/world.ts'
import { DOMAIN } from '../../support/protocol/network.ts'

const runs = { seed: SEED, numRuns: 100 }
const deposits = [{ payer: PAYER, io: 10n ** 26n, iosd: 10n ** 26n }]
const WIDE = 10n ** 24n
const hireHold = iosdHold({ maxAmount: WIDE })
const inferenceHold = ioHold({ maxAmount: WIDE })
const receipts = [
  hireReceipt({ cumulativeCeiling: WIDE, validUntilEpoch: 20 }),
  inferenceReceipt({ cumulativeCeiling: WIDE, validUntilEpoch: 20 }),
]
const hired = (cumulativeCharge: bigint) =>
  hire({ hold: holdId(DOMAIN, hireHold), cumulativeCharge, cumulativeUnits: 1n })
const inferred = (cumulativeCharge: bigint, version = 1) =>
  inference({ hold: holdId(DOMAIN, inferenceHold), cumulativeCharge, cumulativeUnits: 1n, version })

const honest = caseOf()

/** What an auditor says to the epoch after an honest one. */
function auditedNext(changes: Partial<EpochInputs>) {
  const { bundle, report, chain, own } = caseOf(nextInputs(honest.bundle, honest.outcome, changes))
  return auditEpoch(proposalOf(bundle, report), chain, own, nobleIdentityCrypto)
}

describe('replay: being paid twice for the same', () => {
  it('a record of one epoch is refused in the next under its number, in a batch as it was or in another', () => {
    const repeated = honest.bundle.batches.filter(({ batch }) => batch.worker === WORKER)
    expect(auditedNext({ batches: repeated })).to.have.property('refused', 'REPEATED_SEQUENCE')
    const within = signBatch({ worker: WORKER, seqFrom: 3, records: [hire(), inference()] }, 'worker')
    expect(auditedNext({ batches: [within] })).to.have.property('refused', 'REPEATED_SEQUENCE')
  })

  it('a record of one epoch is signed for in the next under a new number, and charges nothing', () => {
    const again = signBatch({ worker: WORKER, seqFrom: 4, records: [hire(), inference()] }, 'worker')
    const answer = auditedNext({
      batches: [again],
      receipts: [signReceipt(hireReceipt(), 'payer'), signReceipt(inferenceReceipt(), 'payer')],
    })
    if ('refused' in answer) throw new Error(answer.refused)
    expect([answer.ok.debitIo, answer.ok.debitIosd, answer.ok.hiredPaid]).to.deep.equal([0n, 0n, 0n])
  })

  it('a hold that was accepted in one epoch cannot be accepted again in the next', () => {
    const acceptances = honest.bundle.acceptances.map(accepted => ({ ...accepted, epoch: 1 }))
    expect(auditedNext({ acceptances })).to.have.property('refused', 'BAD_HOLD')
  })

  it('records in any number of epochs and any order are paid for once: the most that was ever stated', () => {
    const charges = fc.array(fc.array(wei(ONE), { maxLength: 4 }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(charges, stated => {
        const epochs = new Epochs()
        let [seqFrom, debited, paid] = [1, 0n, 0n]
        for (const [index, list] of stated.entries()) {
          const outcome = epochs.play({
            deposits,
            holds: index === 0 ? [hireHold] : [],
            receipts,
            batches: list.length === 0 ? [] : [{ worker: WORKER, seqFrom, records: list.map(hired) }],
          })
          seqFrom += list.length
          debited += outcome.usage.debitIosd
          paid += sumOf(outcome.usage.hires)
        }
        const most = stated.flat().reduce((a, b) => (a > b ? a : b), 0n)
        expect([debited, paid]).to.deep.equal([most, most])
      }),
      runs,
    )
  })

  it('a receipt for one version of a model pays for no other version of it', () => {
    const models = [MODEL, { ...MODEL, version: 2 }]
    const { usage, refused } = new Epochs().play({
      deposits,
      models,
      holds: [inferenceHold],
      receipts,
      batches: [{ worker: WORKER, seqFrom: 1, records: [inferred(ONE), inferred(ONE, 2)] }],
    })
    expect(usage.debitIo).to.equal(ONE)
    expect(refused).to.deep.equal([{ worker: WORKER, sequence: 2, reason: 'NO_RECEIPT' }])
  })

  it('a receipt that was rewritten for another version or another worker has no signature', () => {
    const signed = signReceipt(inferenceReceipt(), 'payer')
    for (const changes of [{ version: 2 }, { worker: OTHER_WORKER }, { cumulativeCeiling: 5n * ONE }]) {
      const forged = { ...signed, receipt: { ...signed.receipt, ...changes } }
      expect(auditedNext({ receipts: [forged] })).to.have.property('refused', 'BAD_PAYER_SIGNATURE')
    }
  })

  it('a new version starts from zero, and all versions together are held within the hold', () => {
    const charges = fc.array(wei(ONE), { minLength: 3, maxLength: 3 })
    const models = [1, 2, 3].map(version => ({ ...MODEL, version }))
    fc.assert(
      fc.property(charges, wei(2n * ONE, 1n), (amounts, maxAmount) => {
        const hold = ioHold({ maxAmount })
        const { usage } = new Epochs().play({
          deposits,
          models,
          holds: [hold],
          receipts: models.map(({ version }) => inferenceReceipt({ version, cumulativeCeiling: WIDE })),
          batches: [
            {
              worker: WORKER,
              seqFrom: 1,
              records: amounts.map((amount, index) => ({
                ...inferred(amount, index + 1),
                hold: holdId(DOMAIN, hold),
              })),
            },
          ],
        })
        const asked = amounts.reduce((sum, amount) => sum + amount, 0n)
        const due = asked < maxAmount ? asked : maxAmount
        // Steps of a wei or two may wait, one for each version.
        expect(usage.debitIo <= due && due - usage.debitIo <= 6n).to.equal(true)
      }),
      runs,
    )
  })

  it('an availability record that is stated twice, or again an epoch later, weighs once', () => {
    const proven = result(WORKER, { products: 400 })
    const batch = (seqFrom: number, times: number) => ({
      worker: WORKER,
      seqFrom,
      records: Array.from({ length: times }, () => statement(proven)),
    })
    const epochs = new Epochs()
    const once = new Epochs().play({ results: [proven], batches: [batch(1, 1)] })
    const twice = epochs.play({ results: [proven], batches: [batch(1, 2)] })
    expect(twice.allocation).to.deep.equal(once.allocation)
    expect(epochs.play({ batches: [batch(3, 2)] }).allocation.availabilityPaid).to.equal(0n)
  })
})

describe('usage and availability', () => {
  /** Two proven workers below the target, and any usage beside them. */
  function used(charge: bigint, paid: bigint, usd: Price): Happenings {
    const results = [result(WORKER, { products: 300 }), result(OTHER_WORKER, { products: 400 })]
    const [own, other] = results
    if (own === undefined || other === undefined) throw new Error('two results')
    return {
      price: usd,
      deposits,
      results,
      holds: [hireHold, inferenceHold],
      receipts,
      batches: [
        { worker: WORKER, seqFrom: 1, records: [statement(own), hired(charge), inferred(paid)] },
        { worker: OTHER_WORKER, seqFrom: 1, records: [statement(other)] },
      ],
    }
  }

  it('usage never changes availability weight: proven workers keep their ratio to a wei, and below what hires leave their pay', () => {
    const idle = new Epochs().play(used(0n, 0n, ONE as Price)).allocation
    fc.assert(
      fc.property(wei(WIDE), wei(WIDE), price, (charge, paid, usd) => {
        const { availability, availabilityPaid, pool, hiredPaid } = new Epochs().play(
          used(charge, paid, usd),
        ).allocation
        const part = (availabilityPaid * 300n) / 700n
        const own = availability.get(WORKER) ?? 0n
        expect(own === part || own === part + 1n).to.equal(true)
        if (pool.total - hiredPaid < idle.availabilityPaid) return
        expect(availability).to.deep.equal(idle.availability)
      }),
      runs,
    )
  })

  it('the IOSD hire pay of a worker is never above (1 − τ)·spent/P_e, also when a hire waits for its price', () => {
    const epoch = fc.record({ price: fc.option(price, { nil: undefined }), charge: wei(WIDE / 10n) })
    fc.assert(
      fc.property(fc.array(epoch, { minLength: 1, maxLength: 6 }), list => {
        const epochs = new Epochs()
        let [claimed, seqFrom] = [0n, 1]
        for (const [index, each] of list.entries()) {
          claimed += each.charge
          const { usage, allocation } = epochs.play({
            price: each.price,
            deposits,
            holds: index === 0 ? [hireHold] : [],
            receipts,
            batches: [{ worker: WORKER, seqFrom: seqFrom++, records: [hired(claimed)] }],
          })
          const spent = usage.hires.get(WORKER) ?? 0n
          const paid = allocation.hires.get(WORKER) ?? 0n
          if (each.price === undefined) expect([spent, paid]).to.deep.equal([0n, 0n])
          else {
            const left = BPS - BigInt(PARAMETERS.hireTaxBps)
            expect(paid * BPS * each.price <= spent * left * ONE).to.equal(true)
          }
        }
      }),
      runs,
    )
  })

  it('hires of many workers are each within their own spending: what one spends never pays another', () => {
    const names = Array.from({ length: 5 }, (_, i) => addressOf(`hired ${i}`))
    const spends = fc.array(wei(1_000n * ONE), { minLength: 5, maxLength: 5 })
    fc.assert(
      fc.property(spends, price, (amounts, usd) => {
        const holds = names.map((payee, i) => iosdHold({ payee, maxAmount: WIDE, nonce: BigInt(i) }))
        const { allocation } = new Epochs().play({
          price: usd,
          deposits,
          holds,
          receipts: names.map(worker => hireReceipt({ worker, cumulativeCeiling: WIDE })),
          batches: names.map((worker, index) => {
            const hold = holds[index]
            if (hold === undefined) throw new Error('a hold each')
            const record = hire({ hold: holdId(DOMAIN, hold), cumulativeCharge: amounts[index] ?? 0n })
            return { worker, seqFrom: 1, records: [record] }
          }),
        })
        for (const [index, worker] of names.entries()) {
          const paid = allocation.hires.get(worker) ?? 0n
          const left = BPS - BigInt(PARAMETERS.hireTaxBps)
          expect(paid * BPS * usd <= (amounts[index] ?? 0n) * left * ONE).to.equal(true)
        }
        expect(allocation.hiredPaid <= allocation.hiredMaximum).to.equal(true)
      }),
      runs,
    )
  })
})
