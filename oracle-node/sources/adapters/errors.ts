import type { VenueId } from '../../../config/venue-ids.ts'
import { VenueError, type VenueErrorCode } from '../venue-error.ts'
import { adapterErrors } from './ccxt.ts'
import type { RestCall } from './rest-calls.ts'

/** More than this was sent for one answer. */
export class TooLargeError extends Error {
  readonly code = 'TOO_LARGE'
  constructor(what: string, max: number, unit = 'bytes') {
    super(`${what} is longer than ${max} ${unit}`)
    this.name = 'TooLargeError'
  }
}

/** What an adapter threw, in our words; `call` is what is known of the answer that made it throw. */
export function toVenueError(venueId: VenueId, error: unknown, call?: RestCall): VenueError {
  if (error instanceof VenueError) return error
  return new VenueError(venueId, codeOf(error, call?.status), error, call?.retryAfterMs)
}

function codeOf(error: unknown, status: number | undefined): VenueErrorCode {
  if (error instanceof adapterErrors.ExchangeClosedByUser) return 'CLOSED'
  // Adapters look at the words first, and do not know all of those.
  if (status === 429) return 'RATE_LIMITED'
  if (error instanceof adapterErrors.BadSymbol) return 'NOT_LISTED'
  if (error instanceof adapterErrors.RestrictedLocation) return 'GEO_BLOCKED'
  if (error instanceof adapterErrors.RateLimitExceeded || error instanceof adapterErrors.DDoSProtection) {
    return 'RATE_LIMITED'
  }
  // ccxt calls both "not available". Public data is refused to nobody but the wrong country, or, for a while, by a
  // firewall.
  if (status === 403 || status === 451) return 'GEO_BLOCKED'
  if (error instanceof adapterErrors.RequestTimeout) return 'TIMEOUT'
  if (error instanceof adapterErrors.NetworkError) return 'NETWORK'
  return 'BAD_ANSWER'
}
