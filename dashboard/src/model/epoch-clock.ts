import { type EpochClock, epochEndSec, epochOf, epochStartSec } from '../../../protocol/epoch/time.ts'
import type { PageState } from './state.ts'

/** The epoch that runs, and how far it has come. */
export interface RunningEpoch {
  epoch: number
  /** Seconds since its start, and until its end. */
  elapsedSec: number
  leftSec: number
  lengthSec: number
}

/** A chain that makes no blocks has no time either: beyond this the clock of the page does not run ahead of it. */
const MAX_AHEAD_MS = 4_000

/**
 * The chain's time now, Unix seconds with a fraction: that of its newest block, and what has passed since that was
 * first seen. For display; the chain decides by its blocks alone.
 */
export function chainTimeSec(newest: { blockSec: number; seenAtMs: number }, nowMs: number): number {
  const aheadMs = Math.min(Math.max(0, nowMs - newest.seenAtMs), MAX_AHEAD_MS)
  return newest.blockSec + aheadMs / 1000
}

/** `undefined` before the first epoch. */
export function runningEpoch(clock: EpochClock, timeSec: number): RunningEpoch | undefined {
  const epoch = epochOf(clock, timeSec)
  if (epoch < 0) return undefined
  return {
    epoch,
    elapsedSec: timeSec - epochStartSec(clock, epoch),
    leftSec: epochEndSec(clock, epoch) - timeSec,
    lengthSec: clock.lengthSec,
  }
}

/** The running epoch, by the page's configuration, or else by the epochs of which the relayer tells. */
export function runningNow(
  state: Pick<PageState, 'chain' | 'config' | 'relayer'>,
  nowMs: number,
): RunningEpoch | undefined {
  const { chain, config, relayer } = state
  const newest = relayer?.epochs[0]
  const clock = config.epochs ?? (newest === undefined ? null : clockOf(newest))
  if (chain === null || clock === null) return undefined
  return runningEpoch(clock, chainTimeSec(chain, nowMs))
}

function clockOf(known: { epoch: number; startSec: number; endSec: number }): EpochClock | null {
  const { epoch, startSec, endSec } = known
  const lengthSec = endSec - startSec
  return lengthSec > 0 ? { startSec: startSec - epoch * lengthSec, lengthSec } : null
}

/** A CSS length. */
export function progressOf({ elapsedSec, lengthSec }: RunningEpoch): string {
  return `${Math.min(100, (100 * elapsedSec) / lengthSec).toFixed(1)}%`
}
