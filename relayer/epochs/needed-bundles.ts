/** Which bundles are still worth their room. */
import type { Hash } from '../../protocol/bytes.ts'
import type { EpochStore } from './epoch-store.ts'

/** Bundles of so many epochs are kept: oracle nodes that were away fetch them here, and people look at them. */
export const KEPT_BUNDLES = 64

/**
 * Of the newest epochs, and of the one that the next report starts from: emptied epochs have none, so that it may be
 * older than all of these.
 *
 * @param owedFrom the first epoch that is owed in the next report
 */
export function neededBundles(
  store: Pick<EpochStore, 'newest' | 'state'>,
  owedFrom: number,
): ReadonlySet<Hash> {
  const kept = store.newest(KEPT_BUNDLES).map(({ state }) => state)
  return new Set([...kept, store.state(owedFrom - 1)].flatMap(state => state?.bundleHash ?? []))
}
