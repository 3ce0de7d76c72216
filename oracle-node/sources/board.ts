import type { SourcePlan, VenueTicker, VenueValue } from '../../protocol/sources/types.ts'
import { isTimeSameEitherWay } from './venue-times.ts'

export type Transport = 'websocket' | 'rest'

/** A value and the way it came. */
export interface Posted {
  readonly value: VenueValue
  readonly transport: Transport
}

/** What a venue says of the market, so far: the latest of each that it said, by whichever way. */
type Said = Pick<VenueTicker, (typeof SAID)[number]>

/** Without volume: that of 24 hours moves while nobody trades, because trades of yesterday leave it. */
const SAID = ['bid', 'ask', 'last'] as const
const NOTHING: Said = { bid: null, ask: null, last: null }

interface Place {
  /** Of the leg: what is held for longer without anything newer is no reason to refuse. */
  readonly staleMs: number
  held?: Posted
  said: Said
}

/**
 * The latest value of each (venue, pair) of the plan, and never more entries than that. Supervisors write, quotes
 * read, and nobody waits: a venue that hangs costs a quote nothing but that venue's value.
 */
export class SourceBoard {
  readonly #places = new Map<string, Place>()

  constructor(plan: SourcePlan) {
    for (const { pair, venues, staleMs } of plan.legs) {
      for (const { id } of venues) this.#places.set(keyOf(id, pair), { staleMs, said: NOTHING })
    }
  }

  /** Keeps a pushed value: false for one from outside the plan, or older than what is held. */
  push(ticker: VenueTicker): boolean {
    return this.#put(ticker, 'websocket')
  }

  /**
   * Keeps a fetched value, unless something arrived while the answer was on its way: that is newer. What arrived after
   * the answer, though it is here already, came before our clock was set back.
   */
  answer(ticker: VenueTicker, requestedAtMs: number): boolean {
    const held = this.latest(ticker.venue, ticker.pair)
    if (held?.transport === 'websocket') {
      const { receivedAtMs } = held.value
      if (receivedAtMs > requestedAtMs && receivedAtMs <= ticker.receivedAtMs) return false
    }
    return this.#put(ticker, 'rest')
  }

  latest(venue: string, pair: string): Posted | undefined {
    return this.#places.get(keyOf(venue, pair))?.held
  }

  /** Everything that is known, whatever its age: judging is for `aggregateSources`. */
  snapshot(): VenueValue[] {
    return [...this.#places.values()].flatMap(({ held }) => (held === undefined ? [] : [held.value]))
  }

  #put(ticker: VenueTicker, transport: Transport): boolean {
    const place = this.#places.get(keyOf(ticker.venue, ticker.pair))
    if (place === undefined || isOlder(ticker, transport, place)) return false
    const isSame = SAID.every(field => saysTheSame(place.said[field], ticker[field]))
    const changedAtMs = isSame ? (place.held?.value.changedAtMs ?? ticker.receivedAtMs) : ticker.receivedAtMs
    place.held = { value: { ...ticker, changedAtMs }, transport }
    place.said = heard(ticker, place.said)
    return true
  }
}

/**
 * Whether the venue itself said what is held later than this: an answer out of a cache would bring an old price back,
 * with a fresh time of arrival. Not for longer than what is held is good for: a venue's clock may have been set back.
 */
function isOlder(ticker: VenueTicker, transport: Transport, { held, staleMs }: Place): boolean {
  if (held === undefined || held.value.exchangeTimeMs === null || ticker.exchangeTimeMs === null) return false
  if (held.transport !== transport && !isTimeSameEitherWay(ticker.venue)) return false
  if (ticker.receivedAtMs - held.value.receivedAtMs > staleMs) return false
  return ticker.exchangeTimeMs < held.value.exchangeTimeMs
}

/** What is not said is not changed: some venues say less in their stream than over REST. */
function saysTheSame(before: bigint | null, now: bigint | null): boolean {
  return before === null || now === null || before === now
}

function heard({ bid, ask, last }: VenueTicker, before: Said): Said {
  return { bid: bid ?? before.bid, ask: ask ?? before.ask, last: last ?? before.last }
}

function keyOf(venue: string, pair: string): string {
  return `${venue} ${pair}`
}
