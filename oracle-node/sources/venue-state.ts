import type { Posted } from './board.ts'
import type { SourceTiming } from './timing.ts'
import type { SourceErrorCode } from './venue-supervisor.ts'

/** How a pair of a venue comes, or why it does not. */
export type VenueState = 'starting' | 'streaming' | 'polling' | 'not-listed' | 'geo-blocked' | 'unreachable'

/** What is known of a venue's market list. `unknown`: it has not answered yet. */
export type Listing = 'listed' | 'not-listed' | 'geo-blocked' | 'unreachable' | 'unknown'

/**
 * Pure. `trouble` is the last failure since the last value. A value from a time to come, before our clock was set back,
 * is as good as none: nobody knows how old it is.
 */
export function venueState(
  held: Posted | undefined,
  trouble: SourceErrorCode | undefined,
  nowMs: number,
  timing: Pick<SourceTiming, 'watchDeadMs'>,
): VenueState {
  if (held !== undefined) {
    const ageMs = nowMs - held.value.receivedAtMs
    const isNew = ageMs >= 0 && ageMs < timing.watchDeadMs
    if (isNew) return held.transport === 'websocket' ? 'streaming' : 'polling'
  }
  if (trouble === undefined && held === undefined) return 'starting'
  if (trouble === 'NOT_LISTED') return 'not-listed'
  if (trouble === 'GEO_BLOCKED') return 'geo-blocked'
  return 'unreachable'
}

/** Pure. What a first look at the market list found. */
export function listingOf(looked: boolean, trouble: SourceErrorCode | undefined): Listing {
  if (!looked) return 'unknown'
  if (trouble === 'NOT_LISTED') return 'not-listed'
  if (trouble === 'GEO_BLOCKED') return 'geo-blocked'
  return trouble === undefined ? 'listed' : 'unreachable'
}
