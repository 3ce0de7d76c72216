/**
 * Challenge windows: which slots of block time are windows, and from which blocks their beacons come. Everybody who
 * follows the chain derives the same, so nobody has to be told.
 *
 * Time since t0 is cut into slots of `slotSec`. A slot is a window when its beacon says so: nobody knows before the
 * block ahead of it. The interim beacons are hashes of blocks; whoever makes blocks can bias them (PROTOCOL).
 */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { ByteWriter, bytesOf, bytesToBigint, type Hash, hexOf } from '../bytes.ts'
import type { Domain } from '../domain.ts'
import { type EpochClock, epochEndSec, epochOf } from './time.ts'

/** What all nodes of a network agree on. The epoch's length is a multiple of `slotSec`. */
export interface WindowTerms {
  readonly clock: EpochClock
  readonly slotSec: number
  /** One slot in so many is a window, on average. */
  readonly every: number
  /** After a window's end its root may still reach the oracle nodes for so long; then the draw's block is made. */
  readonly graceSec: number
}

const BEACON_TAG = new TextEncoder().encode('IO challenge window beacon')
const DRAW_TAG = new TextEncoder().encode('IO challenge draw beacon')

/** Number of the slot that `unixSec` is in; negative before t0. */
export function slotOf({ clock, slotSec }: WindowTerms, unixSec: number): number {
  return Math.floor((unixSec - clock.startSec) / slotSec)
}

/** The first second of a slot. The window's beacon is of the last block before it. */
export function slotStartSec({ clock, slotSec }: WindowTerms, slot: number): number {
  return clock.startSec + slot * slotSec
}

/** The first second after a slot: the deadline of its commitments. */
export function slotEndSec(terms: WindowTerms, slot: number): number {
  return slotStartSec(terms, slot + 1)
}

/** The draw's beacon is of the first block at or after this second. */
export function drawSec(terms: WindowTerms, slot: number): number {
  return slotEndSec(terms, slot) + terms.graceSec
}

export function epochOfSlot(terms: WindowTerms, slot: number): number {
  return epochOf(terms.clock, slotStartSec(terms, slot))
}

/** The last slot of an epoch is never a window: what its devices state could not be taken in in time. */
export function mayBeWindow(terms: WindowTerms, slot: number): boolean {
  return slot >= 0 && slotEndSec(terms, slot) < epochEndSec(terms.clock, epochOfSlot(terms, slot))
}

/** @param blockHash of the last block before the slot */
export function windowBeacon(domain: Domain, slot: number, blockHash: Hash): Hash {
  const bytes = new ByteWriter()
    .fixed(BEACON_TAG, BEACON_TAG.length)
    .uint(domain.chainId, 8)
    .hex(domain.registry, 20)
    .uint(slot, 8)
    .hex(blockHash, 32)
    .done()
  return hexOf(keccak_256(bytes))
}

export function isWindow(terms: WindowTerms, slot: number, beacon: Hash): boolean {
  return mayBeWindow(terms, slot) && bytesToBigint(bytesOf(beacon)) % BigInt(terms.every) === 0n
}

/**
 * What is opened is drawn after everybody has committed: H(commitment root ‖ block hash of a later block).
 *
 * @param blockHash of the first block at or after {@link drawSec}
 */
export function drawBeacon(root: Hash, blockHash: Hash): Hash {
  const bytes = new ByteWriter().fixed(DRAW_TAG, DRAW_TAG.length).hex(root, 32).hex(blockHash, 32).done()
  return hexOf(keccak_256(bytes))
}
