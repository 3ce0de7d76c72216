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
    bid: parsePrice(venue, 'bid', ticker.bid),
    ask: parsePrice(venue, 'ask', ticker.ask),
    last: parsePrice(venue, 'last', ticker.last),
    volume: parseField(venue, 'volume', ticker.baseVolume),
    exchangeTimeMs: ticker.exchangeTimeMs === null ? null : parseTime(venue, ticker.exchangeTimeMs),
    receivedAtMs: ticker.receivedAtMs,
  }
}

function parseField(venue: string, field: string, text: string | undefined): bigint | null {
  if (text === undefined) return null
  try {
    return parseDecimal(text)
  } catch (error) {
    if (error instanceof DecimalError) throw new TickerError(venue, field, error)
    throw error
  }
}

/** A price without bound would be carried into traces and encodings. */
function parsePrice(venue: string, field: string, text: string | undefined): bigint | null {
  const price = parseField(venue, field, text)
  if (price !== null && (price > MAX_VENUE_PRICE || price < -MAX_VENUE_PRICE))
    throw new TickerError(venue, field)
  return price
}

function parseTime(venue: string, timeMs: number): number {
  if (!Number.isSafeInteger(timeMs) || timeMs < 0) throw new TickerError(venue, 'time')
  return timeMs
}
