/**
 * Challenge windows: which slots of block time are windows, and when what of them is opened is drawn.
 *
 * Time since t0 is cut into slots of `slotSec`. When a slot begins, members make its beacon together, and that says
 * whether it is a window: nobody can know before, and nobody can bend it (`protocol/beacon`). Where too few members are
 * up there is no beacon, and no window.
 */
import { bytesOf, bytesToBigint, type Hash } from '../bytes.ts'
import { type EpochClock, epochEndSec, epochOf } from './time.ts'

/** What all nodes of a network agree on. The epoch's length is a multiple of `slotSec`. */
export interface WindowTerms {
  readonly clock: EpochClock
  readonly slotSec: number
  /** One slot in so many is a window, on average. */
  readonly every: number
  /** After a window's end its root may still reach the oracle nodes for so long; then the draw is made. */
  readonly graceSec: number
}

/** Number of the slot that `unixSec` is in; negative before t0. */
export function slotOf({ clock, slotSec }: WindowTerms, unixSec: number): number {
  return Math.floor((unixSec - clock.startSec) / slotSec)
}

/** The first second of a slot. From then on, by block time, its beacon is made. */
export function slotStartSec({ clock, slotSec }: WindowTerms, slot: number): number {
  return clock.startSec + slot * slotSec
}

/** The first second after a slot: the deadline of its commitments. */
export function slotEndSec(terms: WindowTerms, slot: number): number {
  return slotStartSec(terms, slot + 1)
}

/** From then on, by block time, the draw's beacon is made. A root that comes later counts for nobody. */
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

/** @param beacon of the slot: nobody knows it before the slot begins */
export function isWindow(terms: WindowTerms, slot: number, beacon: Hash): boolean {
  return mayBeWindow(terms, slot) && bytesToBigint(bytesOf(beacon)) % BigInt(terms.every) === 0n
}
