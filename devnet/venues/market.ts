import { uniform, wander } from './noise.ts'
import type { SimulatedVenue } from './venue-list.ts'

/** What a venue shows at one instant: decimal strings with the number of decimals the venue uses. */
export interface VenueQuote {
  readonly bid: string
  readonly ask: string
  /** Price of the last trade. */
  readonly last: string
  readonly bidSize: string
  readonly askSize: string
  /** Base currency traded in the last 24 h. */
  readonly volume: string
}

/** A market as one venue lists it. */
export interface Listing {
  /** `IO/USDT` */
  readonly symbol: string
  readonly base: string
  readonly quote: string
  /** Decimals of the price tick. */
  readonly priceDecimals: number
  readonly sizeDecimals: number
  /** Distance from best bid to best ask. */
  readonly spreadBps: number
  /** Typical base volume of 24 h. */
  readonly dailyVolume: number
}

/** A price of its own: slow large swings and quick small ones, as in a random walk. */
interface Walk {
  readonly start: number
  readonly swings: readonly { readonly periodMs: number; readonly bps: number }[]
}

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

const WALKS: Readonly<Record<string, Walk>> = {
  'IO/USDT': {
    start: 2.5,
    swings: [
      { periodMs: 24 * HOUR, bps: 900 },
      { periodMs: 2 * HOUR, bps: 300 },
      { periodMs: 10 * MINUTE, bps: 100 },
      { periodMs: MINUTE, bps: 30 },
      { periodMs: 5 * SECOND, bps: 3 },
    ],
  },
  'USDT/USD': {
    start: 0.9998,
    swings: [
      { periodMs: 24 * HOUR, bps: 3 },
      { periodMs: 10 * MINUTE, bps: 1.5 },
      { periodMs: 20 * SECOND, bps: 0.5 },
    ],
  },
  'USDC/USD': {
    start: 1.0001,
    swings: [
      { periodMs: 24 * HOUR, bps: 2 },
      { periodMs: 10 * MINUTE, bps: 1 },
      { periodMs: 20 * SECOND, bps: 0.4 },
    ],
  },
  'BTC/USD': {
    start: 64_000,
    swings: [
      { periodMs: 24 * HOUR, bps: 300 },
      { periodMs: 2 * HOUR, bps: 80 },
      { periodMs: 10 * MINUTE, bps: 25 },
      { periodMs: MINUTE, bps: 8 },
      { periodMs: 5 * SECOND, bps: 1.5 },
    ],
  },
  'USDT/KRW': {
    start: 1_390,
    swings: [
      { periodMs: 24 * HOUR, bps: 40 },
      { periodMs: 10 * MINUTE, bps: 4 },
      { periodMs: 20 * SECOND, bps: 1 },
    ],
  },
}

interface Market {
  /** The common price is the product of these walks over that of the others: arbitrage leaves nothing else. */
  readonly of: readonly string[]
  readonly over?: readonly string[]
  /** How far a venue wanders from the common price: further where little is traded. */
  readonly venueBps: number
}

const MARKETS: Readonly<Record<string, Market>> = {
  'IO/USDT': { of: ['IO/USDT'], venueBps: 3 },
  'USDT/USD': { of: ['USDT/USD'], venueBps: 0.7 },
  'IO/USDC': { of: ['IO/USDT', 'USDT/USD'], over: ['USDC/USD'], venueBps: 5 },
  'USDC/USD': { of: ['USDC/USD'], venueBps: 0.7 },
  'IO/BTC': { of: ['IO/USDT', 'USDT/USD'], over: ['BTC/USD'], venueBps: 6 },
  'BTC/USD': { of: ['BTC/USD'], venueBps: 1 },
  'BTC/USDT': { of: ['BTC/USD'], over: ['USDT/USD'], venueBps: 1 },
  'IO/USD': { of: ['IO/USDT', 'USDT/USD'], venueBps: 5 },
  'IO/KRW': { of: ['IO/USDT', 'USDT/KRW'], venueBps: 4 },
  'USDT/KRW': { of: ['USDT/KRW'], venueBps: 1.5 },
}

/** Every pair that some venue trades. */
export const SYMBOLS: readonly string[] = Object.keys(MARKETS)

/** Venues take turns being a little above and below the others. */
const VENUE_PERIOD_MS = 45 * SECOND
/** The last trade is up to this old. */
const TRADE_EVERY_MS = 1_500

/**
 * The price before the venue's own spread and offset.
 *
 * @throws {Error} for a symbol without a model
 */
export function commonPrice(seed: string, symbol: string, tMs: number): number {
  const { of, over = [] } = marketOf(symbol)
  const product = (symbols: readonly string[]): number =>
    symbols.reduce((price, factor) => price * walked(seed, factor, tMs), 1)
  return product(of) / product(over)
}

function walked(seed: string, symbol: string, tMs: number): number {
  const walk = WALKS[symbol]
  if (walk === undefined) throw new Error(`no walk of ${symbol}`)
  const bps = walk.swings.reduce(
    (sum, swing) => sum + swing.bps * wander(`${seed}/${symbol}/${swing.periodMs}`, swing.periodMs, tMs),
    0,
  )
  return walk.start * (1 + bps / 10_000)
}

/**
 * What `venue` shows for a listing at `tMs`. Pure: the same arguments, the same strings.
 *
 * @param factor multiplies the prices: for a venue that lies, or an asset that is worth something else
 */
export function quoteAt(
  seed: string,
  venue: SimulatedVenue,
  listing: Listing,
  tMs: number,
  factor = 1,
): VenueQuote {
  const key = `${seed}/${listing.symbol}/${venue}`
  const mid = venuePrice(seed, venue, listing, tMs) * factor
  const tick = 10 ** -listing.priceDecimals
  const bidTicks = Math.max(1, Math.round((mid * (1 - listing.spreadBps / 20_000)) / tick))
  const askTicks = Math.max(bidTicks + 1, Math.round((mid * (1 + listing.spreadBps / 20_000)) / tick))

  const slot = Math.floor(tMs / TRADE_EVERY_MS)
  const tradedAt = slot * TRADE_EVERY_MS
  const side = uniform(`${key}/side/${slot}`) < 0.5 ? -1 : 1
  const traded = venuePrice(seed, venue, listing, tradedAt) * factor
  const lastTicks = Math.max(1, Math.round((traded * (1 + (side * listing.spreadBps) / 20_000)) / tick))

  const volume = listing.dailyVolume * (1 + 0.2 * wander(`${key}/volume`, HOUR, tMs))
  const size = (name: string): string =>
    ((listing.dailyVolume / 5_000) * (0.1 + uniform(`${key}/${name}/${slot}`))).toFixed(listing.sizeDecimals)
  return {
    bid: (bidTicks * tick).toFixed(listing.priceDecimals),
    ask: (askTicks * tick).toFixed(listing.priceDecimals),
    last: (lastTicks * tick).toFixed(listing.priceDecimals),
    bidSize: size('bid'),
    askSize: size('ask'),
    volume: volume.toFixed(listing.sizeDecimals),
  }
}

function venuePrice(seed: string, venue: SimulatedVenue, listing: Listing, tMs: number): number {
  const bps =
    marketOf(listing.symbol).venueBps * wander(`${seed}/${listing.symbol}/${venue}`, VENUE_PERIOD_MS, tMs)
  return commonPrice(seed, listing.symbol, tMs) * (1 + bps / 10_000)
}

function marketOf(symbol: string): Market {
  const market = MARKETS[symbol]
  if (market === undefined) throw new Error(`no market model for ${symbol}`)
  return market
}
