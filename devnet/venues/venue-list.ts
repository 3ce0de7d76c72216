import type { VenueId } from '../../config/venue-ids.ts'

/** The venues whose formats the simulator speaks. */
export const SIMULATED_VENUES = [
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
] as const satisfies readonly VenueId[]
export type SimulatedVenue = (typeof SIMULATED_VENUES)[number]
