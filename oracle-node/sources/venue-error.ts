import type { VenueId } from '../../config/venue-ids.ts'

/** Why a venue gives nothing. Closed: codes are labels of metrics. */
export const VENUE_ERROR_CODES = [
  'NETWORK',
  'TIMEOUT',
  'RATE_LIMITED',
  'GEO_BLOCKED',
  'NOT_LISTED',
  'BAD_ANSWER',
  'STREAM_LOST',
  'CLOSED',
] as const

export type VenueErrorCode = (typeof VENUE_ERROR_CODES)[number]

/** A call to a venue failed. */
export class VenueError extends Error {
  readonly code: VenueErrorCode
  readonly venueId: VenueId
  /** How long the venue asked to be left alone. */
  readonly retryAfterMs: number | undefined
  constructor(venueId: VenueId, code: VenueErrorCode, cause?: unknown, retryAfterMs?: number) {
    super(`${venueId}: ${code}`, cause === undefined ? undefined : { cause })
    this.name = 'VenueError'
    this.code = code
    this.venueId = venueId
    this.retryAfterMs = retryAfterMs
  }
}

/** The code of whatever was thrown while a venue was used; BAD_ANSWER for what has none of ours. */
export function codeOf(error: unknown): VenueErrorCode {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return VENUE_ERROR_CODES.find(known => known === code) ?? 'BAD_ANSWER'
}

/** How long whatever was thrown says that the venue wants to be left alone; 0 where it says nothing. */
export function retryAfterOf(error: unknown): number {
  const ms = error instanceof Error && 'retryAfterMs' in error ? error.retryAfterMs : undefined
  return typeof ms === 'number' && ms > 0 ? ms : 0
}

/** Asked again, the venue would say the same for minutes. */
export function isHopeless(code: string | undefined): boolean {
  return code === 'NOT_LISTED' || code === 'GEO_BLOCKED'
}
