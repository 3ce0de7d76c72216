/**
 * Venues that a plan may name. The oracle node has an adapter for each; the venue simulator speaks for those in
 * `devnet/venues/formats`.
 */
export const VENUE_IDS = [
  'binance',
  'okx',
  'gate',
  'bybit',
  'kucoin',
  'bitget',
  'mexc',
  'htx',
  'bingx',
  'coinex',
  'lbank',
  'xt',
  'upbit',
  'bithumb',
  'coinone',
  'kraken',
  'coinbase',
  'bitstamp',
  'cryptocom',
  'gemini',
  'bitfinex',
] as const
export type VenueId = (typeof VENUE_IDS)[number]
