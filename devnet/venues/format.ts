import type { Listing, VenueQuote } from './market.ts'
import type { SimulatedVenue } from './venue-list.ts'

/** A listing with the name the venue gives it. */
export interface VenueListing extends Listing {
  /** `IOUSDT`, `IO-USDT`, … */
  readonly id: string
}

/** What a format may know: the time at the venue, and what its markets show or showed. */
export interface MarketView {
  /** Unix ms. */
  readonly nowMs: number
  quote(listing: VenueListing, atMs?: number): VenueQuote
}

export interface RestRequest {
  /** Without venue and host: `/api/v3/exchangeInfo`. */
  readonly path: string
  readonly query: URLSearchParams
}

export interface RestAnswer {
  readonly status: number
  readonly body: unknown
}

/** One stream of one connection. `key` makes subscribing twice harmless. */
export interface Subscription {
  readonly key: string
  /** The venue's word for the stream, `tickers`. */
  readonly channel: string
  readonly listing: VenueListing
}

/** What a venue does on a message from a client. */
export interface Reaction {
  readonly replies: readonly string[]
  readonly subscribe?: readonly Subscription[]
}

/**
 * The wire format of one venue: pure functions between its messages and the market model. The server owns
 * sockets, time and delivery.
 */
export interface VenueFormat {
  readonly id: SimulatedVenue
  readonly listings: readonly VenueListing[]
  /** WebSocket paths it accepts, without venue and host. */
  readonly wsPath: RegExp
  /** What it answers to a client that asks too often. */
  readonly limited: RestAnswer
  /** undefined: no such path. */
  rest(request: RestRequest, view: MarketView): RestAnswer | undefined
  receive(message: string, view: MarketView): Reaction
  /**
   * The message of a stream. `previousMs` is when the stream last sent on this connection, or when it was
   * subscribed.
   */
  push(subscription: Subscription, view: MarketView, previousMs: number): string
  /** What the venue sends unasked to see whether the client is there. */
  readonly heartbeat?: { readonly everyMs: number; message(view: MarketView): string }
}

/** The smallest step of a number with so many decimals: `0.001`. */
export const step = (decimals: number): string => (10 ** -decimals).toFixed(decimals)

export const ok = (body: unknown): RestAnswer => ({ status: 200, body })

/** A client's message as an object; undefined when it is anything else. */
export function parseObject(message: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(message)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined
  } catch {
    return undefined
  }
}

export function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
}

/** The strings of a list; empty when it is not one. */
export function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter(item => typeof item === 'string') : []
}

export function findListing(
  listings: readonly VenueListing[],
  id: string | null | undefined,
): VenueListing | undefined {
  return listings.find(listing => listing.id === id)
}
