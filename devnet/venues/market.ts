import type { VenueId } from '../../oracle-node/sources/exchange.ts'
import { uniform, wander } from './noise.ts'

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

interface Walk {
  readonly start: number
  /** Octaves of the common price: the larger swings are slower, as in a random walk. */
  readonly swings: readonly { readonly periodMs: number; readonly bps: number }[]
  /** How far a venue wanders from the common price. */
  readonly venueBps: number
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
    venueBps: 3,
  },
  'USDT/USD': {
    start: 0.9998,
    swings: [
      { periodMs: 24 * HOUR, bps: 3 },
      { periodMs: 10 * MINUTE, bps: 1.5 },
      { periodMs: 20 * SECOND, bps: 0.5 },
    ],
    venueBps: 0.7,
  },
}

/** Venues take turns being a little above and below the others. */
const VENUE_PERIOD_MS = 45 * SECOND
/** The last trade is up to this old. */
const TRADE_EVERY_MS = 1_500

/**
 * The price before the venue's own spread and offset.
 *
 * @throws {Error} for a symbol without a walk
 */
export function commonPrice(seed: string, symbol: string, tMs: number): number {
  const walk = walkOf(symbol)
  const bps = walk.swings.reduce(
    (sum, swing) => sum + swing.bps * wander(`${seed}/${symbol}/${swing.periodMs}`, swing.periodMs, tMs),
    0,
  )
  return walk.start * (1 + bps / 10_000)
}

/**
 * What `venue` shows for a listing at `tMs`. Pure: the same arguments, the same strings.
 *
 * @param offsetBps moves the whole venue, for a venue that lies
 */
export function quoteAt(
  seed: string,
  venue: VenueId,
  listing: Listing,
  tMs: number,
  offsetBps = 0,
): VenueQuote {
  const key = `${seed}/${listing.symbol}/${venue}`
  const mid = venuePrice(seed, venue, listing, tMs) * (1 + offsetBps / 10_000)
  const tick = 10 ** -listing.priceDecimals
  const bidTicks = Math.max(1, Math.round((mid * (1 - listing.spreadBps / 20_000)) / tick))
  const askTicks = Math.max(bidTicks + 1, Math.round((mid * (1 + listing.spreadBps / 20_000)) / tick))

  const slot = Math.floor(tMs / TRADE_EVERY_MS)
  const tradedAt = slot * TRADE_EVERY_MS
  const side = uniform(`${key}/side/${slot}`) < 0.5 ? -1 : 1
  const traded = venuePrice(seed, venue, listing, tradedAt) * (1 + offsetBps / 10_000)
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

function venuePrice(seed: string, venue: VenueId, listing: Listing, tMs: number): number {
  const bps =
    walkOf(listing.symbol).venueBps * wander(`${seed}/${listing.symbol}/${venue}`, VENUE_PERIOD_MS, tMs)
  return commonPrice(seed, listing.symbol, tMs) * (1 + bps / 10_000)
}

function walkOf(symbol: string): Walk {
  const walk = WALKS[symbol]
  if (walk === undefined) throw new Error(`no market model for ${symbol}`)
  return walk
}
