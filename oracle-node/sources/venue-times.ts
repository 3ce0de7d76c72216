import type { VenueId } from '../../config/venue-ids.ts'

/**
 * Venues whose time means the same over REST as in their stream: when the ticker was made (okx, bitget, htx, xt,
 * cryptocom, coinone), when its 24 hours end (binance), or the last trade (upbit, bithumb). Elsewhere one way tells no
 * time, or tells another one: Coinbase streams when it sent the message and answers with the last trade, Bitstamp
 * answers in whole seconds. A venue that is not listed is only compared with what came the same way.
 */
const SAME_EITHER_WAY: ReadonlySet<string> = new Set<VenueId>([
  'binance',
  'okx',
  'bitget',
  'htx',
  'xt',
  'upbit',
  'bithumb',
  'coinone',
  'cryptocom',
])

/** Whether times that a venue told over REST and in its stream can be told earlier from later. */
export function isTimeSameEitherWay(venue: string): boolean {
  return SAME_EITHER_WAY.has(venue)
}
