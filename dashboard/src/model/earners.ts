import type { Address } from '../../../protocol/bytes.ts'
import type { Wei } from '../../../protocol/units.ts'
import type { Economy } from './economy.ts'
import type { WorkerLine } from './relayer-look.ts'

export type EarnerRole = 'worker' | 'model owner' | 'gateway'

/** Somebody who earns IO, and what is known of it. */
export interface EarnerRow {
  role: EarnerRole
  account: Address
  work: WorkerLine | null
  /** Ever earned, by the relayer's word; `null` when it did not say. */
  earned: Wei | null
  /** Ever claimed, by the chain's word. */
  claimed: Wei | null
}

/** Whom the page asks about: more would be a list that nobody reads, and a request each. */
export const MAX_OTHERS = 16

/** Owners of models and gateways, each once: whoever works too stands among the workers. */
export function otherEarners(
  economy: Economy,
  workers: readonly WorkerLine[],
): { role: EarnerRole; account: Address }[] {
  const seen = new Set(workers.map(worker => worker.worker))
  const named = [
    ...[...economy.modelOwners.keys()].map(account => ({ role: 'model owner' as const, account })),
    ...economy.gateways.map(account => ({ role: 'gateway' as const, account })),
  ]
  const others = named.filter(({ account }) => !seen.has(account) && seen.add(account))
  return others.slice(0, MAX_OTHERS)
}

/** Workers by what they earned, then the others. */
export function earnerRows(
  workers: readonly WorkerLine[],
  economy: Economy | null,
  earned: ReadonlyMap<Address, Wei>,
): EarnerRow[] {
  const claimed = (account: Address) => economy?.claimedBy.get(account) ?? null
  const working = [...workers]
    .sort((a, b) => compare(b.earned, a.earned) || (a.worker < b.worker ? -1 : 1))
    .map(
      (work): EarnerRow => ({
        role: 'worker',
        account: work.worker,
        work,
        earned: work.earned,
        claimed: claimed(work.worker),
      }),
    )
  const others = economy === null ? [] : otherEarners(economy, workers)
  return [
    ...working,
    ...others.map(({ role, account }) => ({
      role,
      account,
      work: null,
      earned: earned.get(account) ?? null,
      claimed: claimed(account),
    })),
  ]
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}
