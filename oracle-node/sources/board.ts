import type { SourcePlan, VenueValue } from '../../protocol/sources/types.ts'

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
  push(value: VenueValue): boolean {
    return this.#put(value, 'websocket')
  }

  /** Keeps a fetched value, unless something arrived while the answer was on its way: that is newer. */
  answer(value: VenueValue, requestedAtMs: number): boolean {
    const held = this.latest(value.venue, value.pair)
    if (held?.transport === 'websocket' && held.value.receivedAtMs > requestedAtMs) return false
    return this.#put(value, 'rest')
  }

  latest(venue: string, pair: string): Posted | undefined {
    return this.#latest.get(keyOf(venue, pair))
  }

  /** Everything that is known, whatever its age: judging is for `aggregateSources`. */
  snapshot(): VenueValue[] {
    return [...this.#latest.values()].flatMap(posted => (posted === undefined ? [] : [posted.value]))
  }

  #put(value: VenueValue, transport: Transport): boolean {
    const key = keyOf(value.venue, value.pair)
    if (!this.#latest.has(key)) return false
    this.#latest.set(key, { value, transport })
    return true
  }
}

function keyOf(venue: string, pair: string): string {
  return `${venue} ${pair}`
}
