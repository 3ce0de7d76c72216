/**
 * Whom the next attempt at a key is made without. An attempt that fails although a quorum takes part names at least one
 * that is to blame, so with f faulty members there are at most f + 1 of them. Where fewer take part nobody is named.
 */
import type { Exclusion } from '../../protocol/keygen/blame.ts'

/**
 * The participants of the next attempt, never fewer than a quorum, and the exclusions that still stand. When a quorum
 * is not left, what is not proven is forgiven first: a member that was away may be back. When more than f are proven
 * to lie nothing can help, and all are called again.
 *
 * @param present slots that may take part, at least `quorum` of them, ascending
 */
export function participantsOf(
  excluded: readonly Exclusion[],
  present: readonly number[],
  quorum: number,
): { readonly participants: number[]; readonly excluded: readonly Exclusion[] } {
  const proven = excluded.filter(({ proof }) => proof !== undefined)
  for (const standing of [excluded, proven]) {
    const participants = present.filter(slot => !standing.some(exclusion => exclusion.slot === slot))
    if (participants.length >= quorum) return { participants, excluded: standing }
  }
  return { participants: [...present], excluded: [] }
}

/** Adds what was found. A proof takes the place of what was only seen. */
export function withFound(excluded: readonly Exclusion[], found: readonly Exclusion[]): Exclusion[] {
  const bySlot = new Map(excluded.map(exclusion => [exclusion.slot, exclusion]))
  for (const exclusion of found) {
    if (bySlot.get(exclusion.slot)?.proof === undefined) bySlot.set(exclusion.slot, exclusion)
  }
  return [...bySlot.values()]
}
