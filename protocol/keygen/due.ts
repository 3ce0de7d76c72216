/** When another group key has to be made. Aggregators call by it, and members take part by it: neither asks the other. */
import type { Member, Membership, RegistryView } from '../membership.ts'

export const ROTATION_REASONS = ['FIRST', 'MEMBERS', 'SUSPENSION', 'SCHEDULE', 'INCOMPLETE'] as const
/**
 * - `FIRST`: there is no key.
 * - `MEMBERS`: a quorum has agreed on another list of members.
 * - `SUSPENSION`: a member that holds a share of the newest key is suspended.
 * - `SCHEDULE`: the newest key has counted for `rotationSec`.
 * - `INCOMPLETE`: an active member holds no share of the newest key, so that fewer faulty ones could stop it.
 */
export type RotationReason = (typeof ROTATION_REASONS)[number]

export interface RotationTerms {
  readonly rotationSec: number
}

/** A key that was made without somebody counts at least this long: who spoils one must not change it all the time. */
const COOL_DOWN_SEC = 600

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
  const countedSec = nowSec - switchAtSec
  if (countedSec >= rotationSec) return 'SCHEDULE'
  const isIncomplete = withoutShare(newest).length > 0
  return isIncomplete && countedSec >= Math.min(COOL_DOWN_SEC, rotationSec / 2) ? 'INCOMPLETE' : undefined
}

/** Active members that hold no share of a key, ascending by slot. */
export function withoutShare({ members, groupKey }: Membership): Member[] {
  return members.filter(({ slot, suspended }) => !suspended && groupKey?.participants.includes(slot) !== true)
}

/** Whether a key of these makers is what the reason asks for: an incomplete one is not replaced by another of the same. */
export function answersReason(
  reason: RotationReason,
  { newest }: RegistryView,
  participants: readonly number[],
): boolean {
  return reason !== 'INCOMPLETE' || withoutShare(newest).some(({ slot }) => participants.includes(slot))
}
