/** When another group key has to be made. Aggregators call by it, and members take part by it: neither asks the other. */
import type { RegistryView } from '../membership.ts'

export const ROTATION_REASONS = ['FIRST', 'MEMBERS', 'SUSPENSION', 'SCHEDULE'] as const
/**
 * - `FIRST`: there is no key.
 * - `MEMBERS`: a quorum has agreed on another list of members.
 * - `SUSPENSION`: a member that holds a share of the newest key is suspended.
 * - `SCHEDULE`: the newest key has counted for `rotationSec`.
 */
export type RotationReason = (typeof ROTATION_REASONS)[number]

export interface RotationTerms {
  readonly rotationSec: number
}

/** PriceFeed takes no report that is older (its LONGEST_AGE_SEC): by then the last one of the key before is worthless. */
const LONGEST_REPORT_AGE_SEC = 30

/**
 * Why the next key is due, or undefined when it is not. Never before the last handover is over, for the registry keeps
 * two keys: a third would end the first one while rounds still belong to it.
 */
export function rotationDue(
  { newest, previous, pending, switchAtSec }: RegistryView,
  nowSec: number,
  { rotationSec }: RotationTerms,
): RotationReason | undefined {
  const { groupKey } = newest
  if (groupKey === undefined) return 'FIRST'
  const handedOverSec = previous === undefined ? switchAtSec : switchAtSec + LONGEST_REPORT_AGE_SEC
  if (nowSec < handedOverSec) return undefined
  if (pending !== undefined) return 'MEMBERS'
  const lost = newest.members.some(({ slot, suspended }) => suspended && groupKey.participants.includes(slot))
  if (lost) return 'SUSPENSION'
  return nowSec >= switchAtSec + rotationSec ? 'SCHEDULE' : undefined
}
