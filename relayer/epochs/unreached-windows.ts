/**
 * Windows whose roots came too late for most. A node that lacks a root believes f + 1 others that had it in time, and
 * never lets go of one that it has. So where more than f nodes refuse a window, at most f had it, and the others sign
 * without it: its work counts for nobody. One node's word is not enough, as it may be a lie.
 */
import type { AuditRefusal } from '../../protocol/epoch/audit-types.ts'
import type { EpochRefusal } from './epoch-store.ts'
import type { TakenIn } from './inputs.ts'

const REFUSED_ROOT: AuditRefusal = 'COMMITMENTS_ROOT'
const WINDOW = /^\d{1,10}$/

/** Windows whose roots more than `faults` nodes have refused in attempts before this one. */
export function unreachedWindows(
  refusals: readonly EpochRefusal[],
  attempt: number,
  faults: number,
): ReadonlySet<number> {
  const slots = new Map<number, Set<number>>()
  for (const { where, slot, code, attempt: when } of refusals) {
    const key = where?.part === 'windows' ? (where.key ?? '') : ''
    if (when >= attempt || code !== REFUSED_ROOT || !WINDOW.test(key)) continue
    slots.set(Number(key), (slots.get(Number(key)) ?? new Set()).add(slot))
  }
  return new Set([...slots].filter(([, refused]) => refused.size > faults).map(([window]) => window))
}

/** What was taken in, without these windows. */
export function withoutWindows(takenIn: TakenIn, windows: ReadonlySet<number>): TakenIn {
  if (windows.size === 0) return takenIn
  return {
    ...takenIn,
    windows: takenIn.windows.filter(({ window }) => !windows.has(window)),
    results: takenIn.results.filter(({ window }) => !windows.has(window)),
  }
}
