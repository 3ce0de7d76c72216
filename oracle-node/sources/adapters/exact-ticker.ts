import type { RawTicker } from '../exchange.ts'
import { type Adapter, type AdapterTicker, stringAt } from './adapter.ts'

/**
 * Makes the adapter tell what the venue told. ccxt's own `safeTicker` turns a price of zero into an absent one,
 * computes an absent last price from the opening price and the day's change, and throws on text that is no number,
 * which inside a stream costs every pair of the venue.
 *
 * @param frame hash of what is being parsed at the moment
 */
export function tellOnlyWhatIsTold(adapter: Adapter, frame: () => Uint8Array | undefined): void {
  adapter.safeTicker = ticker => ({ ...ticker, last: ticker.last ?? ticker.close, frame: frame() })
}

/**
 * An adapter's ticker in our words: digits as they came, nothing that was not there. What an adapter answers is hostile:
 * some, asked for one pair, pass on a ticker of another, or nothing at all.
 */
export function toRawTicker(ticker: AdapterTicker | undefined, receivedAtMs: number): RawTicker {
  const { timestamp, frame, ...told } = ticker ?? {}
  const bid = toDecimal(told.bid)
  const ask = toDecimal(told.ask)
  const last = toDecimal(told.last)
  const baseVolume = toDecimal(told.baseVolume)
  return {
    symbol: stringAt(ticker, 'symbol') ?? '',
    ...(bid === undefined ? {} : { bid }),
    ...(ask === undefined ? {} : { ask }),
    ...(last === undefined ? {} : { last }),
    ...(baseVolume === undefined ? {} : { baseVolume }),
    exchangeTimeMs: Number.isSafeInteger(timestamp) ? (timestamp ?? null) : null,
    receivedAtMs,
    ...(frame === undefined ? {} : { frame }),
  }
}

/** A JSON number stands for its shortest decimal that reads back as the same number. */
export function toDecimal(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'number' && Number.isFinite(value)) return String(value)
  return undefined
}
