/**
 * Leases: a payer has the worker to itself, and is charged by the second. Time is metered while the payer's receipt and
 * hold cover it; when they have not for some seconds, the lease is over. Seconds that were not covered are not charged.
 */
import type { Address, Hash } from '../../protocol/bytes.ts'
import type { AcceptedHold } from '../../protocol/usage/hold.ts'
import { isLeaseEndSigned } from '../../protocol/usage/lease-end.ts'
import type { Channel, SignedReceipt } from '../../protocol/usage/receipt.ts'
import type { SignedStatement } from '../../protocol/usage/statement.ts'
import { NOBODY, WORK_KIND } from '../../protocol/usage/wire.ts'
import { hireWorkHash } from '../../protocol/usage/work-hash.ts'
import type { Ledger } from '../channels/ledger.ts'
import { isBetterReceipt, PRICE_ASSET, refuseTerms, type TermsContext } from '../channels/terms.ts'
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
  readonly terms: Pick<TermsContext, 'domain' | 'crypto' | 'isRelayer'>
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

export class Hires {
  readonly #options: HiresOptions
  readonly #deps: HiresDeps
  #lease: Lease | undefined

  constructor(options: HiresOptions, deps: HiresDeps) {
    this.#options = options
    this.#deps = deps
  }

  /** Begins a lease named by its receipt; the same lease again goes on, from now on under this hold. @throws {RefusedError} */
  begin(hold: AcceptedHold, receipt: SignedReceipt): Hash {
    const { id } = receipt.receipt
    if (this.#lease?.channel.id === id) {
      this.#renew(this.#lease, receipt, hold)
      return id
    }
    const channel = this.#channel(receipt.receipt.payer, id)
    this.#deps.admit()
    this.#checkTerms(channel, receipt, hold)
    this.#deps.occupancy.hire(channel.payer)
    this.#lease = { channel, hold, receipt, meteredMs: this.#deps.monotonic(), uncoveredSec: 0 }
    return id
  }

  /** Takes a receipt with a higher ceiling. @throws {RefusedError} */
  extend(id: Hash, receipt: SignedReceipt): void {
    const lease = this.#find(id)
    this.#renew(lease, receipt, lease.hold)
  }

  /** Ends a lease for its payer, who signs that it is to end. @throws {RefusedError} NO_LEASE, NOT_THE_PAYER */
  close(id: Hash, asked: { readonly validUntil: number; readonly signature: Uint8Array }): ClosedLease {
    const lease = this.#find(id)
    const { domain, crypto } = this.#deps.terms
    const end = { worker: this.#options.worker, lease: id, validUntil: asked.validUntil }
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

  #renew(lease: Lease, receipt: SignedReceipt, hold: AcceptedHold): void {
    if (receipt.receipt.payer !== lease.channel.payer) throw new RefusedError('LEASE_TAKEN')
    // What has passed is charged under the hold that it passed under.
    this.meter()
    this.#checkTerms(lease.channel, receipt, hold)
    lease.hold = hold
    if (isBetterReceipt(receipt, lease.receipt)) lease.receipt = receipt
  }

  #charge({ channel, receipt, hold }: Lease, seconds: bigint): void {
    const { units } = this.#deps.ledger.charged(channel)
    this.#deps.ledger.charge(channel, {
      units: seconds,
      charge: seconds * this.#options.iosdPerSec,
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

  /** A second more must be covered, or there is nothing to begin with. */
  #checkTerms(channel: Channel, receipt: SignedReceipt, hold: AcceptedHold): void {
    const { ledger, terms } = this.#deps
    const second = { units: 1n, charge: this.#options.iosdPerSec }
    const offer = ledger.offer(channel, second, this.#deps.mustLastUntil())
    const refusal = refuseTerms(offer, receipt, hold, {
      ...terms,
      asset: PRICE_ASSET.hire,
      holdUsed: ledger.usedOf(hold),
      mostCost: second.charge,
    })
    if (refusal !== undefined) throw new RefusedError(refusal, { offer })
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
