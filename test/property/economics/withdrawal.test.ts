import { expect } from 'chai'
import fc from 'fast-check'
import { auditEpoch } from '../../../protocol/epoch/audit.ts'
import type { EpochInputs } from '../../../protocol/epoch/bundle.ts'
import { computeEpoch } from '../../../protocol/epoch/compute.ts'
import type { DepositLine } from '../../../protocol/epoch/deposits.ts'
import { balanceOf, countedOn } from '../../../protocol/epoch/withdrawals.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { ONE, type Price } from '../../../protocol/units.ts'
import { type Hold, holdId } from '../../../protocol/usage/hold.ts'
import type { WorkRecord } from '../../../protocol/usage/record.ts'
import { ASSET } from '../../../protocol/usage/wire.ts'
import { Epochs } from '../../support/economics/epochs.ts'
import { SEED, wei } from '../../support/economics/market-arbitraries.ts'
import { PaperEscrow } from '../../support/economics/paper-escrow.ts'
import { acceptHold, addressOf } from '../../support/epoch/cast.ts'
import {
  caseOf,
  hire,
  hireReceipt,
  inputsOf,
  iosdHold,
  nextInputs,
  PARAMETERS,
  PAYER,
  proposalOf,
  sortedBy,
  TERMS,
  WORKER,
} from '../../support/epoch/world.ts'
import { DOMAIN } from '../../support/protocol/network.ts'

/** Short, so that every moment of it is tried. */
const LONGEST = 3
const deposit = 100n * ONE
const parameters = { ...PARAMETERS, maxDebitBps: 10_000, longestHoldEpochs: LONGEST }
const price = ONE as Price

interface Attempt {
  /** The last hold is accepted so many epochs before the request, 0: in the request's own epoch, just before it. */
  readonly holdBefore: number
  readonly lasts: number
  /** The worker states its charge so many epochs after the acceptance: at most `lasts`. */
  readonly statedAfter: number
  readonly amount: bigint
}

const attempt: fc.Arbitrary<Attempt> = fc
  .record({ holdBefore: fc.nat(2), lasts: fc.nat(LONGEST), amount: wei(deposit, 1n) })
  .chain(base => fc.nat(base.lasts).map(statedAfter => ({ ...base, statedAfter })))

/** Epochs until long after the withdrawal; the payer asks for everything in epoch 2 and takes it as soon as it may. */
function play({ holdBefore, lasts, statedAfter, amount }: Attempt) {
  const requestEpoch = 2
  const acceptedIn = requestEpoch - holdBefore
  const hold: Hold = iosdHold({ maxAmount: amount, expiresEpoch: acceptedIn + lasts })
  const escrow = new PaperEscrow(PAYER, LONGEST)
  escrow.deposit(ASSET.iosd, deposit)
  const epochs = new Epochs()
  let [paidBack, workerPaid, overdrawn, finishedIn] = [0n, 0n, false, -1]
  for (let epoch = 0; epoch < requestEpoch + LONGEST + 6; epoch++) {
    const mayHold = escrow.free(ASSET.iosd) >= amount
    if (epoch === requestEpoch) escrow.request(ASSET.iosd, epoch)
    const record: WorkRecord = hire({ hold: holdId(DOMAIN, hold), cumulativeCharge: amount })
    const outcome = epochs.play({
      price,
      parameters,
      deposits: [escrow.line(epoch)],
      holds: epoch === acceptedIn && mayHold ? [hold] : [],
      receipts: [hireReceipt({ cumulativeCeiling: amount, validUntilEpoch: 20 })],
      batches: epoch === acceptedIn + statedAfter ? [{ worker: WORKER, seqFrom: 1, records: [record] }] : [],
    })
    workerPaid += outcome.usage.hires.get(WORKER) ?? 0n
    const [debits] = outcome.debits
    if ((debits?.cumulativeIosd ?? 0n) > escrow.left(ASSET.iosd)) overdrawn = true
    // Active the moment it is computed: nobody can be faster.
    if (!escrow.mayFinish(ASSET.iosd, { settled: epoch + 1, nowSec: 0, activatedSec: 0 })) continue
    paidBack += escrow.finish(ASSET.iosd, debits)
    finishedIn = epoch
  }
  return { paidBack, workerPaid, overdrawn, finishedIn }
}

describe('a withdrawal that tries to outrun settlement', () => {
  it('is paid after every hold that was open at its request: the worker in full, the payer the rest', () => {
    fc.assert(
      fc.property(attempt, each => {
        const { paidBack, workerPaid, overdrawn } = play(each)
        expect([workerPaid, paidBack, overdrawn]).to.deep.equal([each.amount, deposit - each.amount, false])
      }),
      { seed: SEED, numRuns: 150 },
    )
  })

  it('waits for the longest hold and one more epoch, not longer', () => {
    const { finishedIn } = play({ holdBefore: 0, lasts: LONGEST, statedAfter: LONGEST, amount: ONE })
    expect(finishedIn).to.equal(2 + LONGEST + 1)
  })

  it('cannot leave room for a hold once it is asked for: nothing is free any more', () => {
    const escrow = new PaperEscrow(PAYER, LONGEST)
    escrow.deposit(ASSET.iosd, deposit)
    escrow.request(ASSET.iosd, 2)
    expect(escrow.free(ASSET.iosd)).to.equal(0n)
    // What was accepted before stays covered in the eyes of auditors until it is settled.
    expect(escrow.line(2 + LONGEST + 1).iosd).to.equal(deposit)
    expect(escrow.line(2 + LONGEST + 2).iosd).to.equal(0n)
  })
})

/** The parameters of launch: what `world.ts` computes with. */
const LAUNCH_LONGEST = PARAMETERS.longestHoldEpochs
/** Somebody whose money is in escrow beside the payer's. */
const BYSTANDER = addressOf('idle payer')

const escrowWith = (iosd: bigint) => {
  const escrow = new PaperEscrow(PAYER, LAUNCH_LONGEST)
  escrow.deposit(ASSET.io, 100n * ONE)
  escrow.deposit(ASSET.iosd, iosd)
  return escrow
}

const linesIn = (escrow: PaperEscrow, epoch: number): readonly DepositLine[] =>
  sortedBy([escrow.line(epoch), { payer: BYSTANDER, io: 100n * ONE, iosd: 100n * ONE }], line =>
    new TextEncoder().encode(line.payer),
  )

/** What an auditor says to an honest proposal over these inputs, at whose epoch's end the escrow stands so. */
function audited(inputs: EpochInputs, escrow: PaperEscrow) {
  const { bundle, report, chain, own } = caseOf(inputs)
  const view = {
    ...chain,
    countedOn: (payer: string, asset: 1 | 2, acceptedIn: number) =>
      payer === PAYER ? countedOn(balanceOf(escrow.balances(), asset), acceptedIn) : 100n * ONE,
  }
  return auditEpoch(proposalOf(bundle, report), view, own, nobleIdentityCrypto)
}

/** 20 IOSD are charged in epoch 0, in which all is asked back, and no price comes until the withdrawal may be taken. */
function waitingUntilWithdrawal() {
  const escrow = escrowWith(100n * ONE)
  escrow.request(ASSET.iosd, 0)
  const quiet = (epoch: number) => ({ price: undefined, deposits: linesIn(escrow, epoch) })
  let inputs = inputsOf({ ...quiet(0), results: [], windows: [] })
  for (let epoch = 1; epoch <= LAUNCH_LONGEST + 1; epoch++)
    inputs = nextInputs(inputs, computeEpoch(inputs, TERMS), quiet(epoch))
  return { escrow, last: inputs, outcome: computeEpoch(inputs, TERMS), next: LAUNCH_LONGEST + 2 }
}

describe('a withdrawal while a charge waits', () => {
  it('leaves an epoch that auditors sign, and in which nobody else pays for it, when it is taken before the epoch’s end', () => {
    const { escrow, last, outcome, next } = waitingUntilWithdrawal()
    expect(escrow.mayFinish(ASSET.iosd, { settled: next, nowSec: 0, activatedSec: 0 })).to.equal(true)
    expect(escrow.finish(ASSET.iosd, undefined)).to.equal(100n * ONE)
    const inputs = nextInputs(last, outcome, { deposits: linesIn(escrow, next) })
    expect(audited(inputs, escrow)).to.have.property('ok')
    expect(computeEpoch(inputs, TERMS).usage.debitIosd).to.equal(0n)
  })

  it('is left out of the first epoch that it can outrun, so that nothing is debited of it when it is taken after the end', () => {
    const { escrow, last, outcome, next } = waitingUntilWithdrawal()
    const inputs = nextInputs(last, outcome, { deposits: linesIn(escrow, next) })
    escrow.finish(ASSET.iosd, undefined)
    const { debits } = computeEpoch(inputs, TERMS)
    expect(debits.find(line => line.payer === PAYER)?.cumulativeIosd).to.equal(0n)
    // In the epoch before, it still was the payer's to pay with.
    const priced = { ...last, price: inputsOf({ header: last.header }).price }
    expect(computeEpoch(priced, TERMS).usage.hires.get(WORKER)).to.equal(20n * ONE)
  })

  it('leaves the worker what is there of its charge, and the rest when the payer deposits again', () => {
    const { escrow, last, outcome, next } = waitingUntilWithdrawal()
    escrow.finish(ASSET.iosd, undefined)
    escrow.deposit(ASSET.iosd, 12n * ONE)
    const some = nextInputs(last, outcome, { deposits: linesIn(escrow, next) })
    const paid = computeEpoch(some, TERMS)
    expect(paid.usage.hires.get(WORKER)).to.equal(12n * ONE)
    escrow.deposit(ASSET.iosd, 50n * ONE)
    const rest = nextInputs(some, paid, { deposits: linesIn(escrow, next + 1) })
    expect(computeEpoch(rest, TERMS).usage.hires.get(WORKER)).to.equal(8n * ONE)
  })
})

describe('a hold that is accepted after a withdrawal was asked for', () => {
  /** Asked for in epoch 0; then `epoch` with one hold, and nothing before it. */
  function heldIn(epoch: number, maxAmount: bigint, requested = 100n * ONE) {
    const escrow = escrowWith(100n * ONE)
    escrow.request(ASSET.iosd, 0, { amount: requested })
    const quiet = (at: number) => ({ deposits: linesIn(escrow, at) })
    const nothing = { acceptances: [], receipts: [], batches: [], results: [], windows: [] }
    const hold = iosdHold({ maxAmount, expiresEpoch: epoch + 10 })
    const acceptances = [acceptHold(hold, 'payer', { epoch })]
    let inputs = inputsOf({ ...quiet(0), ...nothing, ...(epoch === 0 ? { acceptances } : {}) })
    while (inputs.header.epoch < epoch) {
      const at = inputs.header.epoch + 1
      const more = at === epoch ? { acceptances } : {}
      inputs = nextInputs(inputs, computeEpoch(inputs, TERMS), { ...quiet(at), ...more })
    }
    return audited(inputs, escrow)
  }

  it('is refused by auditors in the epoch of its acceptance, once a relayer must have known', () => {
    for (const epoch of [2, 3, LAUNCH_LONGEST + 1, LAUNCH_LONGEST + 2])
      expect(heldIn(epoch, 50n * ONE)).to.have.property('refused', 'HOLD_OVER_ACCEPTED')
  })

  it('is signed in the request’s own epoch and the next, in which a relayer may not have seen it', () => {
    for (const epoch of [0, 1]) expect(heldIn(epoch, 50n * ONE)).to.have.property('ok')
  })

  it('is signed as far as there is more than was asked back', () => {
    expect(heldIn(5, 50n * ONE, 50n * ONE)).to.have.property('ok')
    expect(heldIn(5, 50n * ONE, 50n * ONE + 1n)).to.have.property('refused', 'HOLD_OVER_ACCEPTED')
  })
})
