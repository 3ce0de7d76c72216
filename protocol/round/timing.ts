/**
 * When things may happen in a round. T is the start of its slot; the primary aggregator may propose from
 * D = T + collectMs, the backup from D2 = D + backupMs, nobody else ever.
 */
import { aggregatorTurn, type Round, roundStartMs } from '../rounds.ts'

export interface RoundTiming {
  /** Length of a slot, a multiple of 100. */
  readonly roundMs: number
  /** From T to D, in which quotes are collected. */
  readonly collectMs: number
  /** From D to D2, after which the backup may propose. */
  readonly backupMs: number
  /** How far honest clocks may stand apart. */
  readonly skewMs: number
  /**
   * δ: a proposal must hold every quote that a signer saw before D − δ. The margin is what a quote may need
   * from the first node that has it to the proposer.
   */
  readonly inclusionMarginMs: number
}

export function collectionDeadlineMs(round: Round, timing: RoundTiming): number {
  return roundStartMs(round) + timing.collectMs
}

export type Turn = 'primary' | 'backup'

/** The turn of aggregator `index` in a round, or undefined when it has none. */
export function turnOf(
  round: Round,
  index: number,
  aggregators: number,
  timing: RoundTiming,
): Turn | undefined {
  const { primary, backup } = aggregatorTurn(round, timing.roundMs, aggregators)
  if (index === primary) return 'primary'
  return index === backup ? 'backup' : undefined
}

/** From when an aggregator with this turn may propose an incomplete set of quotes. */
export function proposalTimeMs(round: Round, turn: Turn, timing: RoundTiming): number {
  return collectionDeadlineMs(round, timing) + (turn === 'backup' ? timing.backupMs : 0)
}
