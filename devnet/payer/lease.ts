/** What a payer signs for while it hires: decided from values, the time included. */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { type Address, bytesOf, type Hash, hexOf } from '../../protocol/bytes.ts'
import { NOBODY, WORK_KIND } from '../../protocol/usage/wire.ts'
import type { Offer } from '../../sdk/payer.ts'
import type { PayerChannel } from '../../sdk/payer-state.ts'

export interface LeaseTerms {
  readonly id: Hash
  readonly worker: Address
  /** Wei. */
  readonly iosdPerSec: bigint
}

/** A lease that goes on. */
export interface Lease extends LeaseTerms {
  /** Digest of the hold that it goes on under. */
  readonly hold: Hash
  /** Where the channel stood when it began. */
  readonly units: bigint
  readonly charged: bigint
  readonly beganMs: number
  /** Of its hold. */
  readonly holdWei: bigint
  readonly expiresEpoch: number
  /** To be ended at once: only the statement at the end says what was charged before. */
  readonly isShort: boolean
}

/** What a worker may charge ahead of time: a feed, and a slow network. */
export const AHEAD_SEC = 10

/** Always the same for a payer and a worker: every channel is remembered for good by everybody who settles. */
export function leaseId(payer: Address, worker: Address): Hash {
  return hexOf(keccak_256(Uint8Array.from([...bytesOf(payer), ...bytesOf(worker)])))
}

/**
 * Where a lease begins. If more was signed for than a lease in good order leaves over, the one before ended without a
 * statement: the next one starts at what was signed, and is there to get a statement.
 */
export function startOf(known: PayerChannel | undefined): Pick<Lease, 'units' | 'charged' | 'isShort'> {
  if (known === undefined) return { units: 0n, charged: 0n, isShort: false }
  const isProven = known.ceilingUnits - known.units <= BigInt(2 * AHEAD_SEC)
  return isProven
    ? { units: known.units, charged: known.charged, isShort: false }
    : { units: known.ceilingUnits, charged: known.ceiling, isShort: true }
}

/** What the time so far, and a little more, may cost. Never less than was signed: a receipt that falls counts for nothing. */
export function offerAt(lease: Lease, known: PayerChannel | undefined, nowMs: number): Offer {
  const seconds = secondsBy(lease, nowMs)
  return {
    worker: lease.worker,
    gateway: NOBODY,
    kind: WORK_KIND.hire,
    id: lease.id,
    version: 0,
    cumulativeUnits: larger(lease.units + seconds, known?.ceilingUnits ?? 0n),
    cumulativeCeiling: larger(lease.charged + seconds * lease.iosdPerSec, known?.ceiling ?? 0n),
    validUntilEpoch: lease.expiresEpoch,
  }
}

/**
 * What a worker wants to see signed to begin a lease again: more than all that it was shown before. Undefined when it
 * wants more than a lease in good order leaves over.
 *
 * @param wantedUnits as the worker says
 */
export function raisedOffer(
  offer: Offer,
  wantedUnits: bigint,
  { iosdPerSec }: Pick<LeaseTerms, 'iosdPerSec'>,
): Offer | undefined {
  const more = wantedUnits - offer.cumulativeUnits
  if (more < 1n || more > BigInt(2 * AHEAD_SEC)) return undefined
  return {
    ...offer,
    cumulativeUnits: wantedUnits,
    cumulativeCeiling: offer.cumulativeCeiling + more * iosdPerSec,
  }
}

/** In the last epoch of its hold, or when the hold is used up. */
export function isAtEnd(lease: Lease, epoch: number, nowMs: number): boolean {
  return (
    lease.isShort || lease.expiresEpoch <= epoch || secondsBy(lease, nowMs) * lease.iosdPerSec > lease.holdWei
  )
}

function secondsBy({ beganMs }: Lease, nowMs: number): bigint {
  return BigInt(Math.ceil((nowMs - beganMs) / 1_000) + AHEAD_SEC)
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
