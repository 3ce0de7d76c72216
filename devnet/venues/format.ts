import { gzipSync } from 'node:zlib'
import type { Listing, VenueQuote } from './market.ts'
import type { SimulatedVenue } from './venue-list.ts'

/** A listing with the name the venue gives it. */
export interface VenueListing extends Listing {
  /** `IOUSDT`, `IO-USDT`, … */
  readonly id: string
  /** Listed so that the list is long; without a model of its price. */
  readonly isJunk?: boolean
}

/** What a format may know: the time at the venue, what it lists, and what its markets show or showed. */
export interface MarketView {
  /** Unix ms on the venue's clock. */
  readonly nowMs: number
  /** Of the format's listings those that are not taken off, perhaps with many others. */
  readonly listings: readonly VenueListing[]
  /** @param atMs on the venue's clock; now when left out */
  quote(listing: VenueListing, atMs?: number): VenueQuote
}

export interface RestRequest {
  /** Without venue and host: `/api/v3/exchangeInfo`. */
  readonly path: string
  readonly query: URLSearchParams
  readonly method: string
  /** Empty when none was sent. */
  readonly body: string
  /** Where the client reaches the venue's WebSocket hosts: `ws://127.0.0.1:4602/kucoin`. */
  readonly wsOrigin: string
}

export interface RestAnswer {
  readonly status: number
  readonly body: unknown
}

/** A text frame, or a binary one. */
export type Message = string | Uint8Array

/** One stream of one connection. `key` makes subscribing twice harmless. */
export interface Subscription {
  readonly key: string
  /** The venue's word for the stream, `tickers`. */
  readonly channel: string
  readonly listing: VenueListing
  /** The client asked for the time of each message. */
  readonly isTimed?: boolean
}

/** What a client has set for its connection; a format adds to it. */
export type Session = Set<string>

/** What a venue does on a message from a client. */
export interface Reaction {
  readonly replies: readonly Message[]
  readonly subscribe?: readonly Subscription[]
}

/**
 * The wire format of one venue: pure functions between its messages and the market model. The server owns
 * sockets, time and delivery.
 */
export interface VenueFormat {
  readonly id: SimulatedVenue
  readonly listings: readonly VenueListing[]
  /** WebSocket paths it accepts, without venue and host. Absent: it has no streams. */
  readonly wsPath?: RegExp
  /** What it answers to a client that asks too often. */
  readonly limited: RestAnswer
  /** undefined: no such path. */
  rest(request: RestRequest, view: MarketView): RestAnswer | undefined
  /** What it says and streams unasked to a client that connects with such a query. Absent: nothing. */
  connect?(query: URLSearchParams, view: MarketView): Reaction
  /** @param session what the client has set for this connection; absent: nothing can be set */
  receive(message: string, view: MarketView, session?: Session): Reaction
  /**
   * The message of a stream. `previousMs` is when the stream last sent on this connection, or when it was
   * subscribed.
   */
  push(subscription: Subscription, view: MarketView, previousMs: number): Message
  /** What the venue sends unasked to see whether the client is there. */
  readonly heartbeat?: { readonly everyMs: number; message(view: MarketView): Message }
}

/** The smallest step of a number with so many decimals: `0.001`. */
export const step = (decimals: number): string => (10 ** -decimals).toFixed(decimals)

/** How some venues send everything: JSON in a gzip stream in a binary frame. */
export const gzipped = (message: unknown): Uint8Array => gzipSync(JSON.stringify(message))

/** Amount of quote currency for an amount of base currency; only to look at, so a double will do. */
export const quoteVolume = (volume: string, price: string, decimals: number): string =>
  (Number(volume) * Number(price)).toFixed(decimals)

export const ok = (body: unknown): RestAnswer => ({ status: 200, body })

/** A listing in one line, where a venue has many. */
export function market(
  id: string,
  symbol: string,
  [priceDecimals, sizeDecimals]: readonly [price: number, size: number],
  spreadBps: number,
  dailyVolume: number,
): VenueListing {
  const [base = '', quote = ''] = symbol.split('/')
  return { id, symbol, base, quote, priceDecimals, sizeDecimals, spreadBps, dailyVolume }
}

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

/** A client's message as a list of objects, whatever else is in it; empty when it is no list. */
export function parseObjects(message: string): readonly Readonly<Record<string, unknown>>[] {
  try {
    const value: unknown = JSON.parse(message)
    return Array.isArray(value) ? value.map(asObject) : []
  } catch {
    return []
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
