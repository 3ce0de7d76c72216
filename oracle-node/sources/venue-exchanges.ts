import { VENUE_IDS, type VenueId } from '../../config/venue-ids.ts'
import type { SourcePlan } from '../../protocol/sources/types.ts'
import { createExchange, type Exchange, type ExchangeOptions } from './exchange.ts'
import { pairsByVenue } from './pairs.ts'

/** The plan names venues that this build has no adapter for. Only another plan or another build helps. */
export class NoAdapterError extends Error {
  readonly code = 'NO_ADAPTER'
  readonly venues: readonly string[]
  constructor(venues: readonly string[]) {
    super(`there is no adapter for ${venues.join(', ')}; there are ${VENUE_IDS.join(', ')}`)
    this.name = 'NoAdapterError'
    this.venues = venues
  }
}

/**
 * Makes the exchanges of a plan: the real adapters, each loaded when its venue is first asked, and of each venue's
 * markets those of the plan.
 *
 * @throws {NoAdapterError} at once, not when the venue is first asked
 */
export function venueExchanges(
  plan: SourcePlan,
  options: Omit<ExchangeOptions, 'pairs'>,
): (venue: string) => Exchange {
  const known = new Map<string, VenueId>(VENUE_IDS.map(id => [id, id]))
  const pairs = pairsByVenue(plan)
  const missing = [...pairs.keys()].filter(venue => !known.has(venue))
  if (missing.length > 0) throw new NoAdapterError(missing)
  return venue => {
    const id = known.get(venue)
    if (id === undefined) throw new NoAdapterError([venue])
    return createExchange(id, { ...options, pairs: pairs.get(venue) ?? [] })
  }
}
