/**
 * Leases: a payer has the worker to itself, and is charged by the second. Time is metered while the payer's receipt and
 * hold cover it; when they have not for some seconds, the lease is over. Seconds that were not covered are not charged.
 */
import type { Address, Hash } from '../../protocol/bytes.ts'
import { type AcceptedHold, holdId } from '../../protocol/usage/hold.ts'
import { isLeaseEndSigned } from '../../protocol/usage/lease-end.ts'
import type { Channel, SignedReceipt } from '../../protocol/usage/receipt.ts'
import type { SignedStatement } from '../../protocol/usage/statement.ts'
import { NOBODY, WORK_KIND } from '../../protocol/usage/wire.ts'
import { hireWorkHash } from '../../protocol/usage/work-hash.ts'
import type { Amounts, Ledger } from '../channels/ledger.ts'
import type { TakeReceipt } from '../channels/take-receipt.ts'
import {
  isBetterReceipt,
  type Offer,
  PRICE_ASSET,
  refuseTerms,
  type TermsContext,
} from '../channels/terms.ts'
import type { Occupancy } from '../occupancy.ts'
import { RefusedError } from '../refused.ts'

export interface HiresOptions {
  readonly worker: Address
  /** Wei. */
  readonly iosdPerSec: bigint
}

export interface HiresDeps {
  readonly ledger: Ledger
  readonly occupancy: Occupancy
  readonly terms: Pick<TermsContext, 'domain' | 'crypto' | 'isRelayer' | 'isGateway'>
  readonly takeReceipt: TakeReceipt
  readonly mustLastUntil: () => number
  /** @throws {RefusedError} NOT_READY, BACKLOG */
  readonly admit: () => void
  /** Milliseconds since an arbitrary start. */
  readonly monotonic: () => number
  /** Unix seconds of the wall clock. */
  readonly nowSec: () => number
  readonly onSeconds: (seconds: number) => void
  readonly onEnd: (lease: Hash, reason: LeaseEnd) => void
}

/** Why a lease is over. */
export type LeaseEnd = 'CLOSED' | 'NOT_COVERED' | 'STOPPED'

interface Lease {
  readonly channel: Channel
  hold: AcceptedHold
  receipt: SignedReceipt
  /** Up to here time has been metered, on the monotonic clock. */
  meteredMs: number
  /** Whole seconds in a row that nothing covered. */
  uncoveredSec: number
}

export interface ClosedLease {
  /** Wei of IOSD over the lease's life. */
  readonly charged: bigint
  readonly statement: SignedStatement
}

/** A payer that feeds receipts may be this late before somebody else gets the worker. */
const GRACE_SEC = 5
/** Covered at the begin: who pays for less would keep the worker from others for the grace alone, again and again. */
const FIRST_SEC = BigInt(GRACE_SEC)

export class Hires {
  readonly #options: HiresOptions
  readonly #deps: HiresDeps
  #lease: Lease | undefined

  constructor(options: HiresOptions, deps: HiresDeps) {
    this.#options = options
    this.#deps = deps
  }

  /**
   * Begins a lease named by its receipt; the same lease again goes on, from now on under this hold. One that has ended
   * begins again with a receipt that says more than all before: hold and old receipts are known to others.
   *
   * @throws {RefusedError}
   */
  async begin(hold: AcceptedHold, receipt: SignedReceipt): Promise<Hash> {
    const { id } = receipt.receipt
    this.#checkBegin(hold, receipt)
    await this.#deps.takeReceipt(receipt)
    // Somebody else may have come meanwhile, or the lease may have ended.
    const running = this.#checkBegin(hold, receipt)
    if (running !== undefined) {
      this.#renew(running, receipt, hold)
      return id
    }
    const channel = this.#channel(receipt.receipt.payer, id)
    this.#deps.ledger.noteLease(channel, receipt)
    this.#deps.occupancy.hire(channel.payer)
    this.#lease = { channel, hold, receipt, meteredMs: this.#deps.monotonic(), uncoveredSec: 0 }
    return id
  }

  /** Takes a receipt with a higher ceiling. @throws {RefusedError} */
  async extend(id: Hash, receipt: SignedReceipt): Promise<void> {
    this.#checkExtend(id, receipt)
    await this.#deps.takeReceipt(receipt)
    const lease = this.#checkExtend(id, receipt)
    this.#renew(lease, receipt, lease.hold)
  }

  /** Ends a lease for its payer, who signs that it is to end. @throws {RefusedError} NO_LEASE, NOT_THE_PAYER */
  close(id: Hash, asked: { readonly validUntil: number; readonly signature: Uint8Array }): ClosedLease {
    const lease = this.#find(id)
    const { domain, crypto } = this.#deps.terms
    const hold = holdId(domain, lease.hold.hold)
    const end = { worker: this.#options.worker, lease: id, hold, validUntil: asked.validUntil }
    const expected = { payer: lease.channel.payer, nowSec: this.#deps.nowSec() }
    if (!isLeaseEndSigned(domain, end, asked.signature, expected, crypto))
      throw new RefusedError('NOT_THE_PAYER')
    this.meter()
    this.#end('CLOSED')
    const { units, charge } = this.#deps.ledger.charged(lease.channel)
    return {
      charged: charge,
      statement: this.#deps.ledger.statement(lease.channel, hireWorkHash(id, units)),
    }
  }

  /** Charges the whole seconds since the last call, as many of them as are covered. */
  meter(): void {
    const lease = this.#lease
    if (lease === undefined) return
    const seconds = Math.floor((this.#deps.monotonic() - lease.meteredMs) / 1_000)
    if (seconds < 1) return
    lease.meteredMs += seconds * 1_000
    const covered = this.#covered(lease, BigInt(seconds))
    if (covered > 0n) {
      this.#charge(lease, covered)
      this.#deps.onSeconds(Number(covered))
    }
    lease.uncoveredSec = covered < BigInt(seconds) ? lease.uncoveredSec + seconds - Number(covered) : 0
    if (lease.uncoveredSec >= GRACE_SEC) this.#end('NOT_COVERED')
  }

  /** For a process that stops. */
  stop(): void {
    this.meter()
    if (this.#lease !== undefined) this.#end('STOPPED')
  }

  /** @returns the lease, when it goes on already @throws {RefusedError} */
  #checkBegin(hold: AcceptedHold, receipt: SignedReceipt): Lease | undefined {
    const { payer, id } = receipt.receipt
    // What has passed is charged under the hold that it passed under.
    this.meter()
    const running = this.#lease
    if (running?.channel.id === id) {
      this.#checkRenewal(running, receipt, hold)
      return running
    }
    const { ledger, admit, occupancy } = this.#deps
    const channel = this.#channel(payer, id)
    admit()
    occupancy.admitHire()
    const offer = ledger.beginOffer(channel, this.#costOf(FIRST_SEC), this.#deps.mustLastUntil())
    this.#checkTerms(channel, receipt, hold, FIRST_SEC, offer)
    if (!ledger.isNewToLease(channel, receipt)) throw new RefusedError('RECEIPT_TOO_LOW', { offer })
    return undefined
  }

  /** @throws {RefusedError} */
  #checkExtend(id: Hash, receipt: SignedReceipt): Lease {
    this.meter()
    const lease = this.#find(id)
    this.#checkRenewal(lease, receipt, lease.hold)
    return lease
  }

  /** A second more must be covered, and another hold needs a receipt that was not seen before. @throws {RefusedError} */
  #checkRenewal(lease: Lease, receipt: SignedReceipt, hold: AcceptedHold): void {
    const { ledger, terms, mustLastUntil } = this.#deps
    if (receipt.receipt.payer !== lease.channel.payer) throw new RefusedError('LEASE_TAKEN')
    this.#checkTerms(lease.channel, receipt, hold, 1n)
    const isSameHold = holdId(terms.domain, hold.hold) === holdId(terms.domain, lease.hold.hold)
    if (isSameHold || ledger.isNewToLease(lease.channel, receipt)) return
    const offer = ledger.beginOffer(lease.channel, this.#costOf(1n), mustLastUntil())
    throw new RefusedError('RECEIPT_TOO_LOW', { offer })
  }

  #renew(lease: Lease, receipt: SignedReceipt, hold: AcceptedHold): void {
    this.#deps.ledger.noteLease(lease.channel, receipt)
    lease.hold = hold
    if (isBetterReceipt(receipt, lease.receipt)) lease.receipt = receipt
  }

  #costOf(seconds: bigint): Amounts {
    return { units: seconds, charge: seconds * this.#options.iosdPerSec }
  }

  #charge({ channel, receipt, hold }: Lease, seconds: bigint): void {
    const { units } = this.#deps.ledger.charged(channel)
    this.#deps.ledger.charge(channel, {
      ...this.#costOf(seconds),
      receipt,
      hold,
      workHash: hireWorkHash(channel.id, units + seconds),
    })
  }

  /** Of so many seconds, those that receipt and hold have room for. */
  #covered({ channel, receipt, hold }: Lease, seconds: bigint): bigint {
    const { iosdPerSec } = this.#options
    const { cumulativeCeiling, cumulativeUnits, validUntilEpoch } = receipt.receipt
    const until = this.#deps.mustLastUntil()
    if (validUntilEpoch < until || hold.hold.expiresEpoch < until) return 0n
    const { units, charge } = this.#deps.ledger.charged(channel)
    const room = least(cumulativeCeiling - charge, hold.hold.maxAmount - this.#deps.ledger.usedOf(hold))
    const payable = iosdPerSec === 0n ? seconds : room / iosdPerSec
    const fitting = least(least(seconds, payable), cumulativeUnits - units)
    return fitting > 0n ? fitting : 0n
  }

  /** @param shown what the payer is told that would do */
  #checkTerms(
    channel: Channel,
    receipt: SignedReceipt,
    hold: AcceptedHold,
    seconds: bigint,
    shown?: Offer,
  ): void {
    const { ledger, terms } = this.#deps
    const cost = this.#costOf(seconds)
    const offer = ledger.offer(channel, cost, this.#deps.mustLastUntil())
    const refusal = refuseTerms(offer, receipt, hold, {
      ...terms,
      asset: PRICE_ASSET.hire,
      holdUsed: ledger.usedOf(hold),
      mostCost: cost.charge,
    })
    if (refusal !== undefined) throw new RefusedError(refusal, { offer: shown ?? offer })
  }

  #find(id: Hash): Lease {
    if (this.#lease?.channel.id !== id) throw new RefusedError('NO_LEASE')
    return this.#lease
  }

  #end(reason: LeaseEnd): void {
    const id = this.#lease?.channel.id
    this.#lease = undefined
    this.#deps.occupancy.release()
    if (id !== undefined) this.#deps.onEnd(id, reason)
  }

  #channel(payer: Address, id: Hash): Channel {
    const { worker } = this.#options
    return { payer, worker, gateway: NOBODY, kind: WORK_KIND.hire, id, version: 0 }
  }
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
