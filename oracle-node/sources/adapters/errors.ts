import type { VenueId } from '../../../config/venue-ids.ts'
import { adapterErrors } from './ccxt.ts'
import type { RestCall } from './rest-calls.ts'

export type VenueErrorCode =
  | 'NETWORK'
  | 'TIMEOUT'
  | 'RATE_LIMITED'
  | 'GEO_BLOCKED'
  | 'NOT_LISTED'
  | 'BAD_ANSWER'
  | 'STREAM_LOST'
  | 'CLOSED'

/** The same call on the same exchange cannot succeed later. */
const FINAL: ReadonlySet<VenueErrorCode> = new Set(['NOT_LISTED', 'GEO_BLOCKED', 'STREAM_LOST', 'CLOSED'])

/** A call to a venue failed. `retryable` is false where the same call cannot succeed later. */
export class VenueError extends Error {
  readonly code: VenueErrorCode
  readonly venueId: VenueId
  readonly retryable: boolean
  /** How long the venue asked to be left alone. */
  readonly retryAfterMs: number | undefined
  constructor(venueId: VenueId, code: VenueErrorCode, cause?: unknown, retryAfterMs?: number) {
    super(`${venueId}: ${code}`, cause === undefined ? undefined : { cause })
    this.name = 'VenueError'
    this.code = code
    this.venueId = venueId
    this.retryable = !FINAL.has(code)
    this.retryAfterMs = retryAfterMs
  }
}

/** More than this was sent for one answer. */
export class TooLargeError extends Error {
  readonly code = 'TOO_LARGE'
  constructor(what: string, maxBytes: number) {
    super(`${what} is longer than ${maxBytes} bytes`)
    this.name = 'TooLargeError'
  }
}

/** What an adapter threw, in our words; `call` is what is known of the answer that made it throw. */
export function toVenueError(venueId: VenueId, error: unknown, call?: RestCall): VenueError {
  if (error instanceof VenueError) return error
  const code = codeOf(error, call?.status)
  return new VenueError(venueId, code, error, code === 'RATE_LIMITED' ? call?.retryAfterMs : undefined)
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
  // ccxt calls both "not available". Public data is refused to nobody but the wrong country.
  if (status === 403 || status === 451) return 'GEO_BLOCKED'
  if (error instanceof adapterErrors.RequestTimeout) return 'TIMEOUT'
  if (error instanceof adapterErrors.NetworkError) return 'NETWORK'
  return 'BAD_ANSWER'
}
