import type { SourcePlan, VenueTicker, VenueValue } from '../../protocol/sources/types.ts'

export type Transport = 'websocket' | 'rest'

/** A value and the way it came. */
export interface Posted {
  readonly value: VenueValue
  readonly transport: Transport
}

/**
 * The latest value of each (venue, pair) of the plan, and never more entries than that. Supervisors write, quotes
 * read, and nobody waits: a venue that hangs costs a quote nothing but that venue's value.
 */
export class SourceBoard {
  readonly #latest = new Map<string, Posted | undefined>()

  constructor(plan: SourcePlan) {
    for (const { pair, venues } of plan.legs) {
      for (const { id } of venues) this.#latest.set(keyOf(id, pair), undefined)
    }
  }

  /** Keeps a pushed value. Values from outside the plan are refused: false. */
  push(ticker: VenueTicker): boolean {
    return this.#put(ticker, 'websocket')
  }

  /** Keeps a fetched value, unless something arrived while the answer was on its way: that is newer. */
  answer(ticker: VenueTicker, requestedAtMs: number): boolean {
    const held = this.latest(ticker.venue, ticker.pair)
    if (held?.transport === 'websocket' && held.value.receivedAtMs > requestedAtMs) return false
    return this.#put(ticker, 'rest')
  }

  latest(venue: string, pair: string): Posted | undefined {
    return this.#latest.get(keyOf(venue, pair))
  }

  /** Everything that is known, whatever its age: judging is for `aggregateSources`. */
  snapshot(): VenueValue[] {
    return [...this.#latest.values()].flatMap(posted => (posted === undefined ? [] : [posted.value]))
  }

  #put(ticker: VenueTicker, transport: Transport): boolean {
    const key = keyOf(ticker.venue, ticker.pair)
    if (!this.#latest.has(key)) return false
    const before = this.#latest.get(key)?.value
    const isSame = before !== undefined && SAID.every(field => before[field] === ticker[field])
    const value = { ...ticker, changedAtMs: isSame ? before.changedAtMs : ticker.receivedAtMs }
    this.#latest.set(key, { value, transport })
    return true
  }
}

/** What a venue says of the market; the rest says when. */
const SAID = ['bid', 'ask', 'last', 'volume'] as const

function keyOf(venue: string, pair: string): string {
  return `${venue} ${pair}`
}
