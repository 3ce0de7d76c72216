/**
 * Payers, workers, a relayer and an escrow through many epochs, told by a script: what happens in which order is the
 * script's, what follows from it is computed and audited by the code that nodes run. Settlement may lag, prices be
 * missing, and requests be paid for their age alone. Signatures are only names.
 */
import { type Address, bytesOf, hexOf } from '../../../protocol/bytes.ts'
import { auditEpoch } from '../../../protocol/epoch/audit.ts'
import type { Audited, Refused } from '../../../protocol/epoch/audit-types.ts'
import type { EpochInputs } from '../../../protocol/epoch/bundle.ts'
import { encodeDeposit } from '../../../protocol/epoch/bundle-items.ts'
import { computeEpoch, type EpochOutcome, reportOf } from '../../../protocol/epoch/compute.ts'
import { EMPTY_STATE } from '../../../protocol/epoch/state.ts'
import { epochEndSec, epochStartSec } from '../../../protocol/epoch/time.ts'
import {
  balanceOf,
  countedOn,
  depositLines,
  isLate,
  lastLookSec,
  lateDepositLines,
  type PayerBalances,
} from '../../../protocol/epoch/withdrawals.ts'
import type { CertificateCrypto } from '../../../protocol/identity.ts'
import { packReport } from '../../../protocol/report.ts'
import { roundAt } from '../../../protocol/rounds.ts'
import { ONE, type Price } from '../../../protocol/units.ts'
import { encodeSignedBatch } from '../../../protocol/usage/batch.ts'
import { type AcceptedHold, encodeAcceptedHold, type Hold, holdId } from '../../../protocol/usage/hold.ts'
import {
  type Channel,
  channelKey,
  encodeSignedReceipt,
  HIRE_IN_IO,
  HIRE_IN_IOSD,
} from '../../../protocol/usage/receipt.ts'
import type { WorkRecord } from '../../../protocol/usage/record.ts'
import { ASSET, type Asset, NOBODY, WORK_KIND } from '../../../protocol/usage/wire.ts'
import { decideHold, type PayerBook } from '../../../relayer/intake/hold-decision.ts'
import { addressOf, hash } from '../epoch/cast.ts'
import {
  caseOf,
  hire,
  hireReceipt,
  iosdHold,
  LENGTH_SEC,
  OTHER_WORKER,
  PARAMETERS,
  proposalOf,
  START_SEC,
  sortedBy,
  TERMS,
  WORKER,
} from '../epoch/world.ts'
import { DOMAIN, FEED_ID, KEY_EPOCH } from '../protocol/network.ts'
import { PaperEscrow } from './paper-escrow.ts'

export const LONGEST = 2
/** Six of them are as long as it takes until requests are paid for their age. */
const EPOCH_SEC = 5 * 86_400
const CLOCK = { startSec: 0, lengthSec: EPOCH_SEC }
const VALID_SEC = EPOCH_SEC / 2
const WITHDRAWALS = { clock: CLOCK, longestHoldEpochs: LONGEST }
const WORKERS = [WORKER, OTHER_WORKER] as const
const ASSETS = [ASSET.io, ASSET.iosd] as const
const PRICE = ONE as Price
const RELAYER = addressOf('relayer')
const NONCE = addressOf('nonce')
const PAYERS = [addressOf('payer 0'), addressOf('payer 1')]
const FAR = 1_000_000

/** Parts are hundredths of what there is. */
export type Action =
  | {
      readonly type: 'deposit' | 'request'
      readonly payer: number
      readonly asset: Asset
      readonly part: number
    }
  | { readonly type: 'cancel' | 'finish'; readonly payer: number; readonly asset: Asset }
  /** The relayer knows final blocks; `behind` says how far, in hundredths of all that it may not know. */
  | {
      readonly type: 'hold'
      readonly payer: number
      readonly asset: Asset
      readonly worker: number
      readonly part: number
      readonly lasts: number
      readonly behind: number
    }
  /** The worker of a hold, counted from the newest, states that this part of it has been used up. */
  | { readonly type: 'charge'; readonly hold: number; readonly part: number }
  /** Proposes the next epoch that has ended, or makes the proposed one active. */
  | { readonly type: 'settle' }

export interface EpochScript {
  readonly hasPrice: boolean
  readonly actions: readonly Action[]
}

/** What an auditor said of an epoch. */
export interface Judged {
  readonly epoch: number
  readonly isLate: boolean
  readonly answer: Audited | Refused
  /** Wei that was charged and not debited when the epoch was over. */
  readonly waiting: bigint
}

interface Moment {
  readonly sec: number
  readonly balances: readonly PayerBalances[]
}

interface Taken {
  readonly acceptances: AcceptedHold[]
  readonly records: Map<Address, WorkRecord[]>
  readonly hasPrice: boolean
}

interface Proposed {
  readonly inputs: EpochInputs
  readonly outcome: EpochOutcome
  readonly validUntilSec: number
}

/** Names for signatures: the signer's address, and nothing else. */
export const nameCrypto: CertificateCrypto = {
  recover: (_digest, signature) => hexOf(signature.subarray(0, 20)),
  verifyGroup: () => true,
}

export function signedBy(address: Address): Uint8Array {
  const signature = new Uint8Array(64)
  signature.set(bytesOf(address))
  return signature
}

export class History {
  /** All answers, in order; the last one of an epoch counts. */
  readonly judged: Judged[] = []
  /** Whether a payer was ever debited, or paid, more than it had. */
  overdrawn = false
  /** Wei of either asset that went back to payers. */
  paidOut = 0n
  readonly #isHonest: boolean
  readonly #payers = PAYERS.map(payer => new PaperEscrow(payer, LONGEST))
  readonly #moments: Moment[] = []
  readonly #taken: Taken[] = []
  readonly #holds: Hold[] = []
  readonly #charged = new Map<string, bigint>()
  #epoch = 0
  #nowSec = 0
  #activatedSec = 0
  #settled: { readonly inputs: EpochInputs; readonly outcome: EpochOutcome } | undefined
  #proposed: Proposed | undefined

  /** @param isHonest whether the relayer accepts only what it should */
  constructor(isHonest: boolean) {
    this.#isHonest = isHonest
    for (const payer of this.#payers) for (const asset of ASSETS) payer.deposit(asset, 100n * ONE)
    this.#note()
  }

  play(script: readonly EpochScript[]): this {
    for (const { hasPrice, actions } of script) {
      const startSec = epochStartSec(CLOCK, this.#epoch)
      this.#taken.push({ acceptances: [], records: new Map(), hasPrice })
      for (const [index, action] of actions.entries()) {
        this.#nowSec = startSec + Math.floor((EPOCH_SEC * (index + 1)) / (actions.length + 1))
        this.#do(action)
        this.#note()
      }
      this.#epoch++
    }
    return this
  }

  /** Settles all that is left, each epoch at once. */
  settleAll(): this {
    this.#nowSec = epochStartSec(CLOCK, this.#epoch) + 1
    for (let turns = 0; turns < 4 * this.#epoch && this.#next < this.#epoch; turns++) this.#settle()
    return this
  }

  get settledEpochs(): number {
    return this.#next
  }

  get epochs(): number {
    return this.#epoch
  }

  get #next(): number {
    return (this.#settled?.inputs.header.epoch ?? -1) + 1
  }

  #do(action: Action): void {
    switch (action.type) {
      case 'deposit':
        this.#payer(action).deposit(action.asset, ONE * BigInt(action.part + 1))
        break
      case 'request':
        this.#request(this.#payer(action), action.asset, action.part)
        break
      case 'cancel':
        this.#payer(action).cancel(action.asset)
        break
      case 'finish':
        this.#finish(this.#payer(action), action.asset)
        break
      case 'hold':
        this.#accept(action)
        break
      case 'charge':
        this.#charge(action)
        break
      case 'settle':
        this.#settle()
        break
      default:
        action satisfies never
    }
  }

  #request(escrow: PaperEscrow, asset: Asset, part: number): void {
    const amount = (escrow.left(asset) * BigInt(part)) / 100n
    if (escrow.isAsked(asset) || amount === 0n) return
    escrow.request(asset, this.#epoch, { amount, nowSec: this.#nowSec })
  }

  #payer({ payer }: { readonly payer: number }): PaperEscrow {
    const found = this.#payers[payer]
    if (found === undefined) throw new RangeError(`no payer ${payer}`)
    return found
  }

  #finish(escrow: PaperEscrow, asset: Asset): void {
    const active = { settled: this.#next, nowSec: this.#nowSec, activatedSec: this.#activatedSec }
    if (!escrow.mayFinish(asset, active)) return
    this.paidOut += escrow.finish(asset, this.#debitsOf(escrow))
    this.#look()
  }

  #accept(action: Extract<Action, { type: 'hold' }>): void {
    const payer = this.#payer(action)
    const worker = WORKERS[action.worker] ?? WORKER
    const known = this.#known(action.behind).find(item => item.payer === payer.payer)
    if (known === undefined) return
    const book = this.#bookOf(known)
    const room = action.asset === ASSET.io ? book.io : book.iosd
    const free = room.free - room.open - room.unsettled
    // Who cheats counts what is there, whatever has been asked back or promised.
    const most = this.#isHonest ? free : payer.left(action.asset)
    const hold: Hold = iosdHold({
      payer: payer.payer,
      payee: worker,
      asset: action.asset,
      maxAmount: (most * BigInt(action.part)) / 100n,
      expiresEpoch: this.#epoch + action.lasts,
      nonce: BigInt(this.#holds.length),
    })
    if (hold.maxAmount <= 0n) return
    const terms = { epoch: this.#epoch, longestHoldEpochs: LONGEST, feeBps: PARAMETERS.feeBps, price: PRICE }
    if (this.#isHonest && 'refused' in decideHold(hold, book, terms)) return
    this.#holds.push(hold)
    this.#taken[this.#epoch]?.acceptances.push({
      hold,
      payerSignature: signedBy(payer.payer),
      epoch: this.#epoch,
      snapshotBlock: 0,
      openTotal: hold.maxAmount,
      relayerSignature: signedBy(RELAYER),
    })
  }

  /** Balances at a moment from the beginning of the epoch before on: final blocks are no further behind. */
  #known(behind: number): readonly PayerBalances[] {
    const from = epochStartSec(CLOCK, this.#epoch - 1)
    const first = this.#moments.findLastIndex(({ sec }) => sec <= from)
    const oldest = Math.max(0, first)
    const index = this.#moments.length - 1 - Math.floor(((this.#moments.length - 1 - oldest) * behind) / 100)
    return this.#moments[index]?.balances ?? []
  }

  #bookOf(known: PayerBalances): PayerBook {
    const { payer } = known
    const closing = this.#settled?.outcome.closing ?? EMPTY_STATE
    const debits = this.#settled?.outcome.debits.find(line => line.payer === payer)
    const open = [
      ...closing.holds.map(({ hold, used }) => ({ hold, left: hold.maxAmount - used })),
      ...this.#taken
        .slice(this.#next)
        .flatMap(({ acceptances }) => acceptances.map(({ hold }) => ({ hold, left: hold.maxAmount }))),
    ].filter(({ hold }) => hold.payer === payer)
    const channels = closing.channels.filter(({ channel }) => channel.payer === payer)
    const sum = (amounts: readonly bigint[]) => amounts.reduce((a, b) => a + b, 0n)
    const of = (asset: Asset) => ({
      free:
        balanceOf(known, asset).deposited -
        balanceOf(known, asset).requested -
        ((asset === ASSET.io ? debits?.cumulativeIo : debits?.cumulativeIosd) ?? 0n),
      open: sum(open.filter(({ hold }) => hold.asset === asset).map(({ left }) => left)),
      unsettled: sum(channels.filter(item => item.asset === asset).map(item => item.claimed - item.settled)),
    })
    const inIo = channels.filter(item => item.asset === ASSET.io)
    const io = of(ASSET.io)
    return {
      io,
      iosd: of(ASSET.iosd),
      feeBase: io.open + sum(inIo.map(item => item.claimed - item.feeSettled)),
      openHolds: open.length,
    }
  }

  #charge({ hold: index, part }: Extract<Action, { type: 'charge' }>): void {
    if (this.#holds.length === 0) return
    const hold = this.#holds.at(-1 - (index % this.#holds.length))
    if (hold === undefined) return
    const { payer, payee: worker, asset } = hold
    // A lease is paid in one asset.
    const id = hash(`lease in ${asset}`)
    const key = `${payer} ${worker} ${asset}`
    const charged = (this.#charged.get(key) ?? 0n) + (hold.maxAmount * BigInt(part)) / 100n
    this.#charged.set(key, charged)
    const records = this.#taken[this.#epoch]?.records
    const record = hire({
      payer,
      id,
      hold: holdId(DOMAIN, hold),
      version: asset === ASSET.io ? HIRE_IN_IO : HIRE_IN_IOSD,
      cumulativeUnits: 1n,
      cumulativeCharge: charged,
    })
    records?.set(worker, [...(records.get(worker) ?? []), record])
  }

  #settle(): void {
    const proposed = this.#proposed
    this.#proposed = undefined
    if (proposed !== undefined && this.#nowSec <= proposed.validUntilSec) {
      this.#settled = proposed
      this.#activatedSec = this.#nowSec
      this.#look()
      return
    }
    if (this.#next >= this.#epoch) return
    this.#propose(true)
  }

  #propose(withHolds: boolean): void {
    const validUntilSec = this.#nowSec + VALID_SEC
    const inputs = this.#inputsOf(this.#next, validUntilSec, withHolds)
    // What an auditor sees does not depend on the batches, and promises for them are not what this is about.
    const { chain, own, report: frame } = caseOf({ ...inputs, batches: [] })
    const outcome = computeEpoch(inputs, TERMS)
    const bundle = { ...inputs, rewards: outcome.rewards, debits: outcome.debits }
    const report = reportOf(inputs, outcome, { ...frame, previous: chain.previous })
    const atEnd = new Map(this.#endOf(this.#next).map(item => [item.payer, item]))
    const view = {
      ...chain,
      isRelayer: (address: Address) => address === RELAYER,
      countedOn: (payer: Address, asset: Asset, acceptedIn: number) => {
        const balances = atEnd.get(payer)
        return balances === undefined ? 0n : countedOn(balanceOf(balances, asset), acceptedIn)
      },
    }
    const answer = auditEpoch(proposalOf(bundle, report), view, own, nameCrypto)
    const waiting = outcome.closing.channels.reduce((sum, item) => sum + item.claimed - item.settled, 0n)
    const late = isLate(this.#next, validUntilSec, WITHDRAWALS)
    this.judged.push({ epoch: this.#next, isLate: late, answer, waiting })
    if ('ok' in answer) this.#proposed = { inputs, outcome, validUntilSec }
    // Refused for what was accepted: another relayer settles the epoch without it.
    else if (withHolds) this.#propose(false)
  }

  #inputsOf(epoch: number, validUntilSec: number, withHolds: boolean): EpochInputs {
    const taken = this.#taken[epoch]
    const before = this.#settled
    const batches = [...(taken?.records ?? [])].map(([worker, records]) => {
      const earlier = this.#taken.slice(0, epoch).flatMap(item => item.records.get(worker) ?? [])
      return { batch: { worker, seqFrom: earlier.length + 1, records }, signature: signedBy(worker) }
    })
    const channels = new Map<string, Channel>()
    for (const { batch } of batches) {
      for (const { payer, id, version } of batch.records) {
        const channel = { payer, worker: batch.worker, gateway: NOBODY, kind: WORK_KIND.hire, id, version }
        channels.set(channelKey(channel), channel)
      }
    }
    const receipts = [...channels.values()].map(channel => ({
      receipt: hireReceipt({ ...channel, cumulativeCeiling: BigInt(FAR) * ONE, validUntilEpoch: FAR }),
      signature: signedBy(channel.payer),
    }))
    return {
      header: {
        domain: DOMAIN,
        epoch,
        snapshotBlock: 100 + epoch,
        snapshotHash: hash(`block ${100 + epoch}`),
        burned: 0n,
        reserve: before?.outcome.allocation.reserveAfter ?? 0n,
      },
      parameters: { ...PARAMETERS, maxDebitBps: 10_000, longestHoldEpochs: LONGEST },
      price: taken?.hasPrice === true ? certified(epoch) : undefined,
      deposits: sortedBy(this.#deposits(epoch, validUntilSec), encodeDeposit),
      windows: [],
      results: [],
      opening: before?.outcome.closing ?? EMPTY_STATE,
      openingRewards: before?.outcome.rewards ?? [],
      openingDebits: before?.outcome.debits ?? [],
      models: [],
      acceptances: sortedBy(withHolds ? (taken?.acceptances ?? []) : [], encodeAcceptedHold),
      receipts: sortedBy(receipts, encodeSignedReceipt),
      batches: sortedBy(batches, encodeSignedBatch),
    }
  }

  #deposits(epoch: number, validUntilSec: number) {
    const atEnd = this.#endOf(epoch)
    if (!isLate(epoch, validUntilSec, WITHDRAWALS)) return depositLines(atEnd, epoch, WITHDRAWALS)
    const times = { validUntilSec, activatedSec: epoch === 0 ? undefined : this.#activatedSec }
    const lookSec = Math.max(lastLookSec(times) + 1, epochEndSec(CLOCK, epoch))
    return lateDepositLines(atEnd, this.#before(lookSec), epoch, times, WITHDRAWALS)
  }

  #endOf(epoch: number): readonly PayerBalances[] {
    return this.#before(epochEndSec(CLOCK, epoch))
  }

  #before(sec: number): readonly PayerBalances[] {
    return this.#moments.findLast(moment => moment.sec < sec)?.balances ?? []
  }

  #note(): void {
    this.#moments.push({ sec: this.#nowSec, balances: this.#payers.map(payer => payer.balances()) })
  }

  #debitsOf({ payer }: PaperEscrow) {
    return this.#settled?.outcome.debits.find(line => line.payer === payer)
  }

  #look(): void {
    for (const payer of this.#payers) {
      const debits = this.#debitsOf(payer)
      const isOver =
        (debits?.cumulativeIo ?? 0n) > payer.left(ASSET.io) ||
        (debits?.cumulativeIosd ?? 0n) > payer.left(ASSET.iosd)
      if (isOver) this.overdrawn = true
    }
  }
}

function certified(epoch: number): EpochInputs['price'] {
  const observedAt = START_SEC + epoch * LENGTH_SEC + 100
  const word = packReport({
    price: PRICE,
    confidence: 5,
    observedAt,
    round: roundAt(observedAt * 1_000, 1_000),
  })
  const signature = { r: NONCE, s: 1n }
  return { keyEpoch: KEY_EPOCH, feedId: FEED_ID, word, certificate: { kind: 'group', signature } }
}
