/** What is known about a price from venues, and what becomes of it. Pure data; see `README.md` for the rules. */
import type { Bps, Price } from '../units.ts'

/**
 * The latest ticker of one venue for one pair. Prices and volume have 18 decimals (price in the pair's quote
 * currency, volume in its base currency over 24 hours); null means that the venue did not say. Volume weighs nothing:
 * none at all drops the value (`ZERO_VOLUME`), and any change shows that the value is not frozen.
 */
export interface VenueTicker {
  readonly venue: string
  /** `BASE/QUOTE`, for example `IO/USDT`. */
  readonly pair: string
  readonly bid: bigint | null
  readonly ask: bigint | null
  readonly last: bigint | null
  readonly volume: bigint | null
  /** The venue's own time in milliseconds, never filled in by us. On some venues it is that of the last trade. */
  readonly exchangeTimeMs: number | null
  /** Our clock when the value arrived, in milliseconds. */
  readonly receivedAtMs: number
}

/** A ticker among those that came before it. */
export interface VenueValue extends VenueTicker {
  /** When a ticker arrived whose bid, ask or last was not what the venue had said before; our clock, milliseconds. */
  readonly changedAtMs: number
}

export interface VenueSeat {
  readonly id: string
  /** Venues of one group are not independent (one owner, one book) and have one voice together. */
  readonly group: string
}

/** How one pair is priced. */
export interface LegPlan {
  readonly pair: string
  readonly venues: readonly VenueSeat[]
  /** Independent groups needed for a price. */
  readonly minSources: number
  /** Highest age since arrival. */
  readonly staleMs: number
  /** Highest age by the venue's own time; longer than `staleMs`, because it may be the time of the last trade. */
  readonly exchangeStaleMs: number
  /** How far ahead of our clock a time may be. */
  readonly futureMs: number
  /** How far from the median a value may lie and still count as a source. */
  readonly bandBps: number
  /** How far the bid may lie above the ask. */
  readonly crossedBps: number
  /** Highest time without any change, where a market is never so quiet. */
  readonly frozenMs?: number
  /** The base is meant to be worth one of the quote: how far the price may lie from that. */
  readonly peg?: { readonly bandBps: number }
}

/** How a feed is priced: legs, and the ways to multiply them into the feed's pair. */
export interface SourcePlan {
  /** The pair that comes out, for example `IO/USD`. */
  readonly feed: string
  readonly legs: readonly LegPlan[]
  /**
   * Each a chain of leg pairs from the feed's base to its quote: `['IO/USDT', 'USDT/USD']`. A leg that stands the other
   * way round is divided by: `['IO/KRW', 'USDT/KRW', 'USDT/USD']`.
   */
  readonly routes: readonly (readonly string[])[]
}

export interface RouteStep {
  readonly pair: string
  /** Whether the route goes from the pair's quote to its base. */
  readonly inverted: boolean
}

/** Why a venue's value does not count. Closed: these are metric labels, log fields and what tests assert. */
export const DROP_REASONS = [
  'NOT_IN_PLAN',
  'DUPLICATE',
  'MISSING_VALUE',
  'NON_POSITIVE',
  'TOO_LARGE',
  'FUTURE',
  'STALE',
  'FROZEN',
  'ZERO_VOLUME',
  'CROSSED',
  'OUT_OF_BAND',
] as const
export type DropReason = (typeof DROP_REASONS)[number]

/** Why there is no price. Closed. */
export const ABSTAIN_REASONS = ['TOO_FEW_SOURCES', 'NO_AGREEMENT', 'DEPEGGED', 'PRICE_OUT_OF_RANGE'] as const
export type AbstainReason = (typeof ABSTAIN_REASONS)[number]

export interface KeptValue {
  readonly input: VenueValue
  readonly group: string
  /** Median of bid, ask and last. */
  readonly value: bigint
}

export interface DroppedValue {
  readonly input: VenueValue
  readonly reason: DropReason
}

interface LegSources {
  readonly pair: string
  /** Sorted by venue. */
  readonly kept: readonly KeptValue[]
  /** Sorted by pair, venue and time. */
  readonly dropped: readonly DroppedValue[]
  /** Independent groups among the kept values. */
  readonly effectiveSources: number
}

export interface PricedLeg extends LegSources {
  readonly kind: 'price'
  readonly price: bigint
  readonly confidenceBps: Bps
  /** Lower median of the arrival times of the kept values. */
  readonly observedAtMs: number
}

export interface AbstainedLeg extends LegSources {
  readonly kind: 'abstain'
  readonly reason: AbstainReason
  readonly minSources: number
}

export type LegOutcome = PricedLeg | AbstainedLeg

/** Why a route does not count. Closed. */
export const ROUTE_DROP_REASONS = ['LEG_ABSTAINED', 'DEPEGGED'] as const
export type RouteDropReason = (typeof ROUTE_DROP_REASONS)[number]

export interface PricedRoute {
  readonly kind: 'price'
  readonly steps: readonly RouteStep[]
  readonly price: bigint
  readonly confidenceBps: Bps
  /** Independent sources of the first leg: of the base's market that the route rests on. */
  readonly weight: number
}

export interface DroppedRoute {
  readonly kind: 'dropped'
  readonly steps: readonly RouteStep[]
  readonly reason: RouteDropReason
  /** The first leg of the route for which it is so. With `DEPEGGED` all legs have a price, and only the peg is lost. */
  readonly pair: string
}

export type RouteOutcome = PricedRoute | DroppedRoute

/** A leg whose price lies outside its peg's band. */
export interface Depeg {
  readonly pair: string
  readonly price: bigint
}

/** A feed's price, with everything it rests on. */
export interface PricedFeed {
  readonly kind: 'price'
  readonly price: Price
  /** Half the interquartile range over the price, in basis points; at most 65,535. */
  readonly confidenceBps: Bps
  /** The oldest leg's observation. */
  readonly observedAtMs: number
  /** Independent sources of the weakest leg that a priced route takes. */
  readonly effectiveSources: number
  readonly legs: readonly LegOutcome[]
  /** In the order of the plan. */
  readonly routes: readonly RouteOutcome[]
  readonly depegs: readonly Depeg[]
  /** Values of pairs that no leg asks for. */
  readonly unplanned: readonly DroppedValue[]
}

/** No price, and which leg is to blame. */
export interface AbstainedFeed {
  readonly kind: 'abstain'
  readonly reason: AbstainReason
  /**
   * The leg: that whose lost peg took the first route that would have had a price, else the first that failed on the
   * first route; or the feed itself, when its price is out of range, or too few of its markets can be converted.
   */
  readonly pair: string
  readonly legs: readonly LegOutcome[]
  readonly routes: readonly RouteOutcome[]
  readonly depegs: readonly Depeg[]
  readonly unplanned: readonly DroppedValue[]
}

export type SourceOutcome = PricedFeed | AbstainedFeed
