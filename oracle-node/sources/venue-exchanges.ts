import { VENUE_IDS, type VenueId } from '../../config/venue-ids.ts'
import type { SourcePlan } from '../../protocol/sources/types.ts'
import { createExchange, type Exchange, type ExchangeOptions } from './exchange.ts'

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
 * Makes the exchanges of a plan: the real adapters. Importing this file loads ccxt (about 0.5 s and 90 MB).
 *
 * @throws {NoAdapterError} at once, not when the venue is first asked
 */
export function venueExchanges(plan: SourcePlan, options: ExchangeOptions): (venue: string) => Exchange {
  const known = new Map<string, VenueId>(VENUE_IDS.map(id => [id, id]))
  const named = new Set(plan.legs.flatMap(leg => leg.venues.map(({ id }) => id)))
  const missing = [...named].filter(venue => !known.has(venue))
  if (missing.length > 0) throw new NoAdapterError(missing)
  return venue => {
    const id = known.get(venue)
    if (id === undefined) throw new NoAdapterError([venue])
    return createExchange(id, options)
  }
}
