/**
 * A window's root may reach some oracle nodes in time and others not: then the epoch is refused with the window and
 * without it. In a further attempt nodes let a window go that is left out, so the relayer leaves out what any node has
 * refused. Its work counts for nobody; the alternative is an epoch that is never settled.
 */
import type { AuditRefusal } from '../../protocol/epoch/audit-types.ts'
import type { EpochRefusal } from './epoch-store.ts'
import type { TakenIn } from './inputs.ts'

const REFUSED_ROOT: AuditRefusal = 'COMMITMENTS_ROOT'
const WINDOW = /^\d{1,10}$/

/** Windows whose roots any node has refused in an attempt before this one. */
export function unreachedWindows(refusals: readonly EpochRefusal[], attempt: number): ReadonlySet<number> {
  const named = refusals
    .filter(refusal => refusal.attempt < attempt && refusal.code === REFUSED_ROOT)
    .map(({ where }) => (where?.part === 'windows' ? (where.key ?? '') : ''))
  return new Set(named.filter(key => WINDOW.test(key)).map(Number))
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
