/** Epochs are slots of block time: `epochOf(t) = ⌊(t − t0)/L⌋`, with t0 and L fixed at deployment. */

export interface EpochClock {
  /** t0, unix seconds. */
  readonly startSec: number
  /** L, seconds: at most 3,600. */
  readonly lengthSec: number
}

/** Negative before t0, when no epoch has begun. */
export function epochOf(clock: EpochClock, unixSec: number): number {
  return Math.floor((unixSec - clock.startSec) / clock.lengthSec)
}

/** The first second of an epoch. */
export function epochStartSec(clock: EpochClock, epoch: number): number {
  return clock.startSec + epoch * clock.lengthSec
}

/** The first second after an epoch. */
export function epochEndSec(clock: EpochClock, epoch: number): number {
  return epochStartSec(clock, epoch + 1)
}
