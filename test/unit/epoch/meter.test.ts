import { expect } from 'chai'
import type { EpochInputs } from '../../../protocol/epoch/bundle.ts'
import { computeEpoch } from '../../../protocol/epoch/compute.ts'
import { RECORD_REFUSALS, type RecordRefusal } from '../../../protocol/epoch/meter.ts'
import { ONE } from '../../../protocol/units.ts'
import { holdId } from '../../../protocol/usage/hold.ts'
import { HIRE_IN_IO, HIRE_IN_IOSD } from '../../../protocol/usage/receipt.ts'
import type { UsageRecord } from '../../../protocol/usage/record.ts'
import { acceptHold, certifiedPrice, hash, signBatch, signReceipt } from '../../support/epoch/cast.ts'
import {
  GATEWAY,
  hire,
  hireReceipt,
  inference,
  inferenceReceipt,
  inputsOf,
  ioHold,
  iosdHold,
  MODEL,
  nextInputs,
  OWNER,
  PARAMETERS,
  PAYER,
  result,
  START_SEC,
  statement,
  TERMS,
  WORKER,
} from '../../support/epoch/world.ts'
import { DOMAIN } from '../../support/protocol/network.ts'

const seen = new Set<RecordRefusal>()

function compute(inputs: EpochInputs) {
  const outcome = computeEpoch(inputs, TERMS)
  for (const { reason } of outcome.refused) seen.add(reason)
  return outcome
}

/** What comes of one worker's records; `changes` to the world around them. */
function usage(records: readonly UsageRecord[], changes: Partial<EpochInputs> = {}) {
  const batches = [signBatch({ worker: WORKER, seqFrom: 1, records }, 'worker')]
  return compute(inputsOf({ batches, ...changes }))
}

function reasons(records: readonly UsageRecord[], changes: Partial<EpochInputs> = {}): string[] {
  return usage(records, changes).refused.map(({ sequence, reason }) => `${sequence} ${reason}`)
}

const receipts = (...list: Parameters<typeof signReceipt>[0][]) => ({
  receipts: list.map(receipt => signReceipt(receipt, 'payer')),
})
const holds = (...list: ReturnType<typeof ioHold>[]) => ({
  acceptances: list.map(hold => acceptHold(hold, 'payer')),
})

describe('a usage record', () => {
  it('counts when receipt, hold and model allow it', () => {
    const outcome = usage([inference(), hire(), statement(result(WORKER))])
    expect(outcome.refused).to.deep.equal([])
    expect(outcome.counted).to.equal(2)
    expect(outcome.usage.debits.get(PAYER)).to.deep.equal({
      io: 3n * ONE,
      iosd: 20n * ONE + (3n * ONE) / 10n,
    })
  })

  it('needs a receipt that has not expired, and stays below it', () => {
    expect(reasons([inference()], { receipts: [] })).to.deep.equal(['1 NO_RECEIPT'])
    const earlier = inputsOf()
    const next = nextInputs(earlier, compute(earlier), {
      ...receipts(inferenceReceipt({ validUntilEpoch: 0 })),
      batches: [signBatch({ worker: WORKER, seqFrom: 4, records: [inference()] }, 'worker')],
    })
    expect(compute(next).refused.map(({ reason }) => reason)).to.deep.equal(['RECEIPT_EXPIRED'])
    expect(reasons([inference({ cumulativeCharge: 4n * ONE + 1n })])).to.deep.equal(['1 ABOVE_RECEIPT'])
    expect(reasons([inference({ cumulativeUnits: 101n })])).to.deep.equal(['1 ABOVE_RECEIPT'])
  })

  it('may repeat what was charged, and never lowers it', () => {
    const outcome = usage([inference(), inference(), inference({ cumulativeCharge: 3n * ONE - 1n })])
    expect(outcome.refused.map(({ reason }) => reason)).to.deep.equal(['CHARGE_FELL'])
    expect(outcome.usage.debitIo).to.equal(3n * ONE)
  })

  it('needs a hold that is open, and for it', () => {
    expect(reasons([inference({ hold: hash('nothing') })])).to.deep.equal(['1 NO_HOLD'])
    expect(reasons([inference({ hold: holdId(DOMAIN, iosdHold()) })])).to.deep.equal(['1 WRONG_HOLD'])
    const elsewhere = ioHold({ payee: WORKER })
    expect(reasons([inference({ hold: holdId(DOMAIN, elsewhere) })], holds(elsewhere))).to.deep.equal([
      '1 WRONG_HOLD',
    ])
    const short = ioHold({ expiresEpoch: 0 })
    const inputs = inputsOf({ ...holds(short), batches: [] })
    const outcome = compute(inputs)
    expect(outcome.closing.holds).to.deep.equal([])
    expect(reasons([inference({ hold: holdId(DOMAIN, short) })], holds(short))).to.deep.equal([])
    const late = { ...inputs, header: { ...inputs.header, epoch: 1 } }
    const record = inference({ hold: holdId(DOMAIN, short) })
    const batches = [signBatch({ worker: WORKER, seqFrom: 1, records: [record] }, 'worker')]
    expect(compute({ ...late, batches }).refused.map(({ reason }) => reason)).to.deep.equal(['HOLD_EXPIRED'])
  })

  it('is paid in one asset: hires in IO or IOSD, inferences in IO', () => {
    const iosd = iosdHold({ kind: 2, payee: GATEWAY })
    expect(reasons([inference({ hold: holdId(DOMAIN, iosd) })], holds(iosd))).to.deep.equal(['1 WRONG_ASSET'])
    const io = iosdHold({ asset: 1 })
    const mixed = [hire(), hire({ hold: holdId(DOMAIN, io), cumulativeCharge: 21n * ONE })]
    expect(reasons(mixed, holds(io, iosdHold()))).to.deep.equal(['2 WRONG_ASSET'])
  })

  it('is paid in the asset that its payer signed the receipt for, whichever holds the worker names', () => {
    const inIo = iosdHold({ asset: 1, maxAmount: 50n * ONE, nonce: 3n })
    const paidIn = (version: number, hold: ReturnType<typeof iosdHold>) => {
      const { usage: settled, refused } = compute(
        inputsOf({
          ...holds(inIo, iosdHold()),
          receipts: [signReceipt(hireReceipt({ version }), 'payer')],
          batches: [
            signBatch(
              { worker: WORKER, seqFrom: 1, records: [hire({ version, hold: holdId(DOMAIN, hold) })] },
              'worker',
            ),
          ],
        }),
      )
      return [settled.debitIo, settled.hires.get(WORKER) ?? 0n, refused.map(({ reason }) => reason)]
    }
    expect(paidIn(HIRE_IN_IOSD, iosdHold())).to.deep.equal([0n, 20n * ONE, []])
    expect(paidIn(HIRE_IN_IOSD, inIo)).to.deep.equal([0n, 0n, ['WRONG_ASSET']])
    expect(paidIn(HIRE_IN_IO, inIo)).to.deep.equal([20n * ONE, 0n, []])
    expect(paidIn(HIRE_IN_IO, iosdHold())).to.deep.equal([0n, 0n, ['WRONG_ASSET']])
    expect(paidIn(2, inIo)).to.deep.equal([0n, 0n, ['WRONG_ASSET']])
  })

  it('counts up to its hold, over all channels that share it', () => {
    const small = ioHold({ maxAmount: 2n * ONE })
    const record = inference({ hold: holdId(DOMAIN, small), cumulativeCharge: 3n * ONE })
    const second = { ...record, version: 2 }
    const outcome = usage([record, second], {
      ...holds(small),
      ...receipts(inferenceReceipt(), inferenceReceipt({ version: 2 })),
      models: [MODEL, { ...MODEL, version: 2 }],
    })
    expect(outcome.refused.map(({ reason }) => reason)).to.deep.equal(['ABOVE_HOLD', 'ABOVE_HOLD'])
    expect(outcome.usage.debitIo).to.equal(2n * ONE)
    // The second took nothing, and what takes nothing is not remembered.
    expect(outcome.closing.channels).to.have.length(1)
  })

  it('of an inference needs a model that takes charges', () => {
    expect(reasons([inference()], { models: [] })).to.deep.equal(['1 UNKNOWN_MODEL'])
    const retired = [{ ...MODEL, active: false }]
    expect(reasons([inference()], { models: retired })).to.deep.equal(['1 UNKNOWN_MODEL'])
  })
})

describe('an availability record', () => {
  const mine = result(WORKER)

  it('weighs its products once, when it was committed to in time', () => {
    const { allocation, refused } = usage([statement(mine), statement(mine)], { results: [mine] })
    expect(allocation.availability.has(WORKER)).to.equal(true)
    expect(refused.map(({ reason }) => reason)).to.deep.equal(['NOT_COMMITTED'])
    const more = { ...mine, products: 6 }
    expect(reasons([statement(more)], { results: [mine] })).to.deep.equal(['1 NOT_COMMITTED'])
  })

  it('weighs nothing in the whole epoch when an opening of its device failed', () => {
    const failed = result(WORKER, { window: 8, opening: 2 })
    const outcome = usage([statement(mine), statement(failed)], { results: [mine, failed] })
    expect(outcome.allocation.availabilityPaid).to.equal(0n)
    expect(outcome.refused.map(({ reason }) => reason)).to.deep.equal(['FAILED_OPENING', 'FAILED_OPENING'])
  })

  it('weighs nothing that was not opened, whoever says that it need not be', () => {
    const kept = result(WORKER, { window: 8, opening: 0 })
    const outcome = usage([statement(mine), statement(kept)], { results: [mine, kept] })
    expect(outcome.refused.map(({ reason }) => reason)).to.deep.equal(['NOT_OPENED'])
    expect(outcome.allocation.availability.has(WORKER)).to.equal(true)
  })

  it('weighs nothing when its device committed to two results of one window', () => {
    const twin = { ...mine, products: 9, commitment: hash('other products') }
    const outcome = usage([statement(mine), statement(twin)], { results: [mine, twin] })
    expect(outcome.refused.map(({ reason }) => reason)).to.deep.equal(['TWO_COMMITMENTS', 'TWO_COMMITMENTS'])
  })
})

describe('what is settled', () => {
  it('passes IO on to owner, gateway and worker', () => {
    const { payments } = usage([inference()]).usage
    expect(Object.fromEntries(payments)).to.deep.equal({
      [OWNER]: (3n * ONE * 15n) / 100n,
      [GATEWAY]: (3n * ONE * 10n) / 100n,
      [WORKER]: (3n * ONE * 75n) / 100n,
    })
  })

  it('waits for a price, where one is needed, and comes with the next one', () => {
    const inputs = inputsOf({ price: undefined })
    const without = compute(inputs)
    expect(without.usage.debits.get(PAYER)).to.deep.equal({ io: 3n * ONE, iosd: 0n })
    expect(without.allocation.hiredPaid).to.equal(0n)
    const after = compute(nextInputs(inputs, without))
    expect(after.usage.debits.get(PAYER)).to.deep.equal({ io: 0n, iosd: 20n * ONE + (3n * ONE) / 10n })
    expect(after.allocation.hiredPaid).to.equal((20n * ONE * 95n) / 500n)
    const idle = compute(nextInputs(nextInputs(inputs, without), after))
    expect(idle.usage.debits.size).to.equal(0)
  })

  it('leaves a fee waiting that free IOSD does not cover, and never takes what holds have set aside', () => {
    const deposits = [{ payer: PAYER, io: 100n * ONE, iosd: 50n * ONE + (3n * ONE) / 10n - 1n }]
    const inputs = inputsOf({ deposits })
    const poor = compute(inputs)
    expect(poor.usage.debitIosd).to.equal(20n * ONE)
    const more = [{ payer: PAYER, io: 100n * ONE, iosd: 60n * ONE }]
    const price = certifiedPrice(10n, START_SEC + 3_700)
    expect(compute(nextInputs(inputs, poor, { deposits: more, price })).usage.debitIosd).to.equal(
      (6n * ONE) / 10n,
    )
  })

  it('takes from the escrow no more than one epoch may, and the rest in the next', () => {
    const parameters = { ...PARAMETERS, maxDebitBps: 100 }
    const inputs = inputsOf({ parameters })
    const first = compute(inputs)
    // 1% of 101 IO and of 100 IOSD: the fee finds nothing left.
    expect([first.usage.debitIo, first.usage.debitIosd]).to.deep.equal([(101n * ONE) / 100n, ONE])
    const second = compute(nextInputs(inputs, first, { parameters: PARAMETERS }))
    expect(second.usage.debitIo).to.equal(3n * ONE - (101n * ONE) / 100n)
    expect(second.usage.debitIosd).to.equal(19n * ONE + (3n * ONE) / 10n)
  })

  it('pays for availability what the weight has earned towards its target, and keeps the rest', () => {
    const { allocation } = usage([statement(result(WORKER))])
    const launch = allocation.pool.scheduled
    expect(allocation.availabilityPaid).to.equal((launch * 5n) / PARAMETERS.targetWeight)
    expect(allocation.reserveAfter > 1_000n * ONE).to.equal(true)
  })

  it('gives the same whenever and in whatever pieces it was charged', () => {
    const inputs = inputsOf({ batches: [] })
    const charges = [ONE, 2n * ONE + 7n, 3n * ONE]
    const pieces = charges.reduce(
      ({ at, last, owner }, cumulativeCharge, index) => {
        const batch = { worker: WORKER, seqFrom: index + 1, records: [inference({ cumulativeCharge })] }
        const next = (
          index === 0 ? inputsOf : (changes: Partial<EpochInputs>) => nextInputs(at, last, changes)
        )({
          ...receipts(inferenceReceipt()),
          batches: [signBatch(batch, 'worker')],
        })
        const outcome = compute(next)
        return { at: next, last: outcome, owner: owner + (outcome.usage.payments.get(OWNER) ?? 0n) }
      },
      { at: inputs, last: compute(inputs), owner: 0n },
    )
    expect(pieces.owner).to.equal((3n * ONE * 15n) / 100n)
  })
})

describe('the reasons why a record does not count', () => {
  it('have each been seen', () => {
    expect(reasons([hire()], receipts(hireReceipt()))).to.deep.equal([])
    expect(RECORD_REFUSALS.filter(reason => !seen.has(reason))).to.deep.equal([])
  })
})
