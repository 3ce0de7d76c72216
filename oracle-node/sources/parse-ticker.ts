import { MAX_VENUE_PRICE } from '../../protocol/sources/screen.ts'
import type { VenueTicker } from '../../protocol/sources/types.ts'
import { DecimalError, parseDecimal } from '../../protocol/units.ts'
import type { RawTicker } from './exchange.ts'

/** A venue sent something that is not a ticker. Another message may be one: worth counting, not reconnecting. */
export class TickerError extends Error {
  readonly code = 'BAD_TICKER'
  readonly venue: string
  readonly field: string
  constructor(venue: string, field: string, cause?: unknown) {
    super(`${venue} sent a ticker with an unreadable ${field}`, cause === undefined ? undefined : { cause })
    this.name = 'TickerError'
    this.venue = venue
    this.field = field
  }
}

/**
 * Of a volume as of a price: 3.4 × 10^20 units a day are more than there are of anything. A venue that says so is
 * broken, or wants to be noticed; its volume would weigh nothing, for no volume does, but would fill traces.
 */
const MAX_VENUE_NUMBER = MAX_VENUE_PRICE

/**
 * The door: decimal strings become 18-decimal integers here, and nothing is made up. What is absent stays null, both
 * times stay what they were.
 *
 * @throws {TickerError} naming the field that cannot be read
 */
export function parseTicker(venue: string, pair: string, ticker: RawTicker): VenueTicker {
  if (ticker.symbol !== pair) throw new TickerError(venue, 'symbol')
  return {
    venue,
    pair,
    bid: parseField(venue, 'bid', ticker.bid),
    ask: parseField(venue, 'ask', ticker.ask),
    last: parseField(venue, 'last', ticker.last),
    volume: parseField(venue, 'volume', ticker.baseVolume),
    exchangeTimeMs: ticker.exchangeTimeMs === null ? null : parseTime(venue, ticker.exchangeTimeMs),
    receivedAtMs: ticker.receivedAtMs,
  }
}

/** What has no bound would be carried into traces and encodings. */
function parseField(venue: string, field: string, text: string | undefined): bigint | null {
  if (text === undefined) return null
  let value: bigint
  try {
    value = parseDecimal(text)
  } catch (error) {
    if (error instanceof DecimalError) throw new TickerError(venue, field, error)
    throw error
  }
  if (value > MAX_VENUE_NUMBER || value < -MAX_VENUE_NUMBER) throw new TickerError(venue, field)
  return value
}

function parseTime(venue: string, timeMs: number): number {
  if (!Number.isSafeInteger(timeMs) || timeMs < 0) throw new TickerError(venue, 'time')
  return timeMs
}
