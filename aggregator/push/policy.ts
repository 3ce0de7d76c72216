/** When a certified report is worth a transaction: a pure decision. */
import type { Report } from '../../protocol/report.ts'
import { distanceBps } from '../../protocol/units.ts'

export interface PushRules {
  readonly deviationBps: number
  readonly heartbeatSec: number
  /** How long the next aggregator leaves a due update to the one whose turn it is. */
  readonly handoverSec: number
  /** Length of a turn at pushing. */
  readonly turnSec: number
}

export type PushReason = 'FIRST' | 'DEVIATION' | 'HEARTBEAT'

/** Why the chain should hear of `report`, or undefined when what is there is good enough. */
export function pushReason(
  report: Report,
  onChain: Report | undefined,
  rules: Pick<PushRules, 'deviationBps' | 'heartbeatSec'>,
): PushReason | undefined {
  if (onChain === undefined) return 'FIRST'
  if (report.round <= onChain.round) return undefined
  if (distanceBps(report.price, onChain.price) >= BigInt(rules.deviationBps)) return 'DEVIATION'
  return report.observedAt - onChain.observedAt >= rules.heartbeatSec ? 'HEARTBEAT' : undefined
}

/**
 * Whether aggregator `index` sends a report that has been due for `dueSec`. One has the turn and sends at once;
 * the others follow at a distance, so that a dead one costs seconds and a living one no second transaction.
 */
export function mayPush(
  index: number,
  aggregators: number,
  nowSec: number,
  dueSec: number,
  rules: Pick<PushRules, 'handoverSec' | 'turnSec'>,
): boolean {
  const turn = Math.floor(nowSec / rules.turnSec) % aggregators
  const rank = (index - turn + aggregators) % aggregators
  return dueSec >= rank * rules.handoverSec
}
