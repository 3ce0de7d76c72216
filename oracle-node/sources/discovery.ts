import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { withDeadline } from './deadline.ts'
import type { Listing } from './venue-state.ts'

/** A venue that does not answer must not keep the report back for long. */
export const DISCOVERY_MS = 10_000

/** What can be asked of a supervisor. */
export interface Discovered {
  readonly venue: string
  readonly pairs: readonly string[]
  looked(): Promise<void>
  listing(pair: string): Listing
}

/**
 * Says once, when every venue was looked at or {@link DISCOVERY_MS} have passed, which of them can be used from here.
 * None of it is fatal: a leg without enough venues abstains.
 */
export async function reportDiscovery(
  venues: readonly Discovered[],
  deps: { readonly clock: Pick<Clock, 'sleep'>; readonly logger: Logger },
  signal: AbortSignal,
): Promise<void> {
  const all = Promise.all(venues.map(venue => venue.looked()))
  await withDeadline(all, DISCOVERY_MS, deps.clock, signal).catch(() => {})
  if (signal.aborted) return
  const of = (...kinds: Listing[]): string[] =>
    venues.flatMap(({ venue, pairs, listing }) =>
      pairs.flatMap(pair => (kinds.includes(listing(pair)) ? [`${venue} ${pair}`] : [])),
    )
  deps.logger.info('these venues can be used from here', {
    listed: of('listed'),
    notListed: of('not-listed'),
    geoBlocked: of('geo-blocked'),
    unreachable: of('unreachable', 'unknown'),
  })
}
