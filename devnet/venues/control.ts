import { z } from 'zod'
import type { VenueId } from '../../oracle-node/sources/exchange.ts'
import { FORMATS } from './formats/index.ts'

/** How a venue behaves. */
export interface VenueBehaviour {
  /** `refused` drops the connection without an answer, `limited` answers as to too many requests. */
  readonly rest: 'ok' | 'refused' | 'limited'
  /** `closed` ends connections and takes no new ones; `silent` keeps them and says nothing. */
  readonly ws: 'ok' | 'closed' | 'silent'
  /** Moves bid, ask and last of the venue. */
  readonly priceOffsetBps: number
  /** The venue serves what it should have served this long ago, with the times of then. */
  readonly lagMs: number
}

/** Seen by the simulator since its start. */
export interface VenueCounts {
  readonly restCalls: number
  readonly wsOpen: number
  readonly wsConnections: number
  readonly wsMessagesIn: number
  readonly wsMessagesOut: number
}

export type VenueReport = VenueBehaviour & VenueCounts

export const VENUES = Object.keys(FORMATS) as VenueId[]

const MAX_LAG_MS = 3_600_000

/** The body of `POST /control`: what is left out stays as it is; `venue` `*` (the default) means every venue. */
export const controlChange = z.strictObject({
  venue: z.enum(['*', ...VENUES]).default('*'),
  rest: z.enum(['ok', 'refused', 'limited']).optional(),
  ws: z.enum(['ok', 'closed', 'silent']).optional(),
  priceOffsetBps: z.number().min(-9_999).max(1_000_000).optional(),
  lagMs: z.number().int().min(0).max(MAX_LAG_MS).optional(),
})
export type ControlChange = z.input<typeof controlChange>

/** Enough to answer what a venue showed a few changes ago; a book difference looks back a minute at most. */
const MAX_OFFSETS = 32

/** Behaviour and counters of one venue. Remembers past offsets, so that the past keeps its prices. */
export class VenueState {
  behaviour: VenueBehaviour = { rest: 'ok', ws: 'ok', priceOffsetBps: 0, lagMs: 0 }
  readonly counts = { restCalls: 0, wsOpen: 0, wsConnections: 0, wsMessagesIn: 0, wsMessagesOut: 0 }
  readonly #offsets: { fromMs: number; bps: number }[] = []

  apply(change: z.output<typeof controlChange>, nowMs: number): void {
    const { rest, ws, priceOffsetBps, lagMs } = this.behaviour
    this.behaviour = {
      rest: change.rest ?? rest,
      ws: change.ws ?? ws,
      priceOffsetBps: change.priceOffsetBps ?? priceOffsetBps,
      lagMs: change.lagMs ?? lagMs,
    }
    if (this.behaviour.priceOffsetBps === priceOffsetBps) return
    this.#offsets.push({ fromMs: nowMs, bps: this.behaviour.priceOffsetBps })
    if (this.#offsets.length > MAX_OFFSETS) this.#offsets.shift()
  }

  /** The offset in force at `tMs`. */
  offsetAt(tMs: number): number {
    return this.#offsets.findLast(offset => offset.fromMs <= tMs)?.bps ?? 0
  }

  report(): VenueReport {
    return { ...this.behaviour, ...this.counts }
  }
}
