/**
 * When a certified report is worth a transaction, and whose transaction it is: pure decisions.
 *
 * What gas costs is the base fee of the newest block; up to `comfortableBaseFee` it does not matter, above it:
 *
 * | Reason      | Base fee         | Goes on chain when                                                               |
 * | ----------- | ---------------- | -------------------------------------------------------------------------------- |
 * | `FIRST`     | any              | at once: without a price nothing works                                           |
 * | `DEVIATION` | ≤ comfortable    | the price has moved by `deviationBps`                                            |
 * | `DEVIATION` | k × comfortable  | it has moved by k × `deviationBps`, k at most `maxDeviationFactor`               |
 * | `HEARTBEAT` | ≤ comfortable    | the one on chain is `heartbeatSec` old                                           |
 * | `HEARTBEAT` | above            | it is `heartbeatSec` + `heartbeatSlackSec` old, or the fee has come down before  |
 *
 * So whatever gas costs, the price on chain is never further off than `maxDeviationFactor` × `deviationBps` nor older
 * than heartbeat and slack, unless gas costs more than the transactor ever pays.
 */
import type { Report } from '../../protocol/report.ts'
import { type Round, roundStartMs } from '../../protocol/rounds.ts'
import { distanceBps, mulDivUp } from '../../protocol/units.ts'

export interface PushRules {
  readonly deviationBps: number
  readonly heartbeatSec: number
  /** How much later than that a heartbeat may come while gas is dear. */
  readonly heartbeatSlackSec: number
  /** Wei. */
  readonly comfortableBaseFee: bigint
  /** The deviation that is asked for while gas is dear is at most so many times `deviationBps`. */
  readonly maxDeviationFactor: number
  /** How long the next aggregator leaves a due update to the one before it: longer than two blocks. */
  readonly handoverSec: number
  /** Length of a turn at pushing: several times `handoverSec`. */
  readonly turnSec: number
  /** The contract refuses an older observation. */
  readonly maxAgeSec: number
}

export type PushReason = 'FIRST' | 'DEVIATION' | 'HEARTBEAT'

type ReasonRules = Pick<
  PushRules,
  'deviationBps' | 'heartbeatSec' | 'heartbeatSlackSec' | 'comfortableBaseFee' | 'maxDeviationFactor'
>

/**
 * Why the chain should hear of `report`, or undefined when what is there is good enough.
 *
 * @param baseFee wei; 0n for what has been decided already and is not to be weighed against gas again
 */
export function pushReason(
  report: Report,
  onChain: Report | undefined,
  baseFee: bigint,
  rules: ReasonRules,
): PushReason | undefined {
  if (onChain === undefined) return 'FIRST'
  if (report.round <= onChain.round || report.observedAt < onChain.observedAt) return undefined
  if (distanceBps(report.price, onChain.price) >= requiredDeviationBps(baseFee, rules)) return 'DEVIATION'
  const slackSec = baseFee > rules.comfortableBaseFee ? rules.heartbeatSlackSec : 0
  return report.observedAt - onChain.observedAt >= rules.heartbeatSec + slackSec ? 'HEARTBEAT' : undefined
}

/** How far a price must have moved, in basis points, while gas costs `baseFee`. Grows with it, up to a cap. */
export function requiredDeviationBps(
  baseFee: bigint,
  {
    deviationBps,
    comfortableBaseFee,
    maxDeviationFactor,
  }: Pick<PushRules, 'deviationBps' | 'comfortableBaseFee' | 'maxDeviationFactor'>,
): bigint {
  const normal = BigInt(deviationBps)
  if (baseFee <= comfortableBaseFee) return normal
  const most = normal * BigInt(maxDeviationFactor)
  // A fee of nothing is never exceeded on a chain without one, and always on any other.
  const scaled = comfortableBaseFee === 0n ? most : mulDivUp(normal, baseFee, comfortableBaseFee)
  return scaled < most ? scaled : most
}

/** A block may take this long; a report that would be too old in it is not sent any more. */
const BLOCK_SEC = 12

/** Whether a transaction with the report that is sent now will still be taken by the contract. */
export function isFreshEnough(
  report: Report,
  nowSec: number,
  { maxAgeSec }: Pick<PushRules, 'maxAgeSec'>,
): boolean {
  return nowSec - report.observedAt <= Math.max(maxAgeSec - BLOCK_SEC, maxAgeSec / 2)
}

/** An update that is due, as every aggregator sees it that looks at the same chain and the same reports. */
export interface Due {
  /** The round on chain that it replaces. Once that has been replaced, an update that is due is another one. */
  readonly onChain: Round | undefined
  /** The first report of those that have been due without a pause. */
  readonly since: Report
  /** It began when this aggregator did, or came back: for the others it may have begun before. */
  readonly perhapsOlder: boolean
}

/**
 * Whether aggregator `index` sends an update that is due. One has the turn and sends at once; the others follow at a
 * distance, so that a dead one costs seconds and a living one no second transaction. Places behind the turn:
 *
 * | the aggregator                                                                                | places       |
 * | --------------------------------------------------------------------------------------------- | ------------ |
 * | whose turn it was when the update became due                                                  | 0            |
 * | k places behind it                                                                            | k            |
 * | anyone, for what became due within a handover after the turn changed: two views of the chain may differ on when that was | + 1 |
 * | anyone, for what may have been due before it looked: all others go first                      | + all        |
 */
export function mayPush(
  index: number,
  aggregators: number,
  { since, perhapsOlder }: Pick<Due, 'since' | 'perhapsOlder'>,
  nowMs: number,
  { handoverSec, turnSec }: Pick<PushRules, 'handoverSec' | 'turnSec'>,
): boolean {
  if (aggregators <= 1) return true
  const sinceMs = roundStartMs(since.round)
  const turn = Math.floor(sinceMs / (turnSec * 1_000))
  const rank = (index - (turn % aggregators) + aggregators) % aggregators
  const justChanged = sinceMs - turn * turnSec * 1_000 < handoverSec * 1_000
  const places = rank + (justChanged ? 1 : 0) + (perhapsOlder ? aggregators : 0)
  // Not by the clock alone: one that is slow would keep an aggregator from its own turn.
  return places === 0 || nowMs - sinceMs >= places * handoverSec * 1_000
}
