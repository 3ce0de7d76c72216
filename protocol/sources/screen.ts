/** Looks at one venue's value alone: usable or not, and what it is worth. */

import { median } from '../statistics.ts'
import { BPS, mulDivUp } from '../units.ts'
import type { DropReason, LegPlan, VenueValue } from './types.ts'

/** No price of anything reaches 2^128 / 10^18; the bound keeps every later product and encoding small. */
export const MAX_VENUE_PRICE = (1n << 128n) - 1n

/**
 * median(bid, ask, last) of what is present. It is the same whichever of bid and ask is called which, and a lone
 * bid or ask is no price: nobody traded and one side of the book is empty.
 *
 * @returns null when there is not enough
 */
export function venuePrice(value: Pick<VenueValue, 'bid' | 'ask' | 'last'>): bigint | null {
  const present = prices(value)
  if (present.length === 0 || (present.length === 1 && value.last === null)) return null
  return median(present)
}

function prices({ bid, ask, last }: Pick<VenueValue, 'bid' | 'ask' | 'last'>): bigint[] {
  return [bid, ask, last].filter(price => price !== null)
}

/** Whether the bid lies above the ask by more than `crossedBps` of the ask. */
function isCrossed({ bid, ask }: VenueValue, crossedBps: number): boolean {
  if (bid === null || ask === null || bid <= ask) return false
  return mulDivUp(bid - ask, BPS, ask) > BigInt(crossedBps)
}

/** The venue's price, or the first rule that it breaks. What needs its neighbours is decided in `leg.ts`. */
export function screen(value: VenueValue, plan: LegPlan, nowMs: number): bigint | DropReason {
  const price = venuePrice(value)
  if (price === null) return 'MISSING_VALUE'
  const present = prices(value)
  if (present.some(p => p <= 0n)) return 'NON_POSITIVE'
  if (present.some(p => p > MAX_VENUE_PRICE)) return 'TOO_LARGE'

  const newestMs = Math.max(value.receivedAtMs, value.exchangeTimeMs ?? value.receivedAtMs)
  if (newestMs > nowMs + plan.futureMs) return 'FUTURE'
  if (nowMs - value.receivedAtMs > plan.staleMs) return 'STALE'
  if (value.exchangeTimeMs !== null && nowMs - value.exchangeTimeMs > plan.exchangeStaleMs) return 'STALE'
  if (plan.frozenMs !== undefined && nowMs - value.changedAtMs > plan.frozenMs) return 'FROZEN'

  if (value.volume !== null && value.volume <= 0n) return 'ZERO_VOLUME'
  if (isCrossed(value, plan.crossedBps)) return 'CROSSED'
  return price
}
