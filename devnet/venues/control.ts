import { z } from 'zod'
import { SIMULATED_VENUES } from './venue-list.ts'

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

export const VENUES = SIMULATED_VENUES

/** What is traded for dollars, directly or not. */
export const ASSETS = ['IO', 'USDT', 'USDC', 'BTC'] as const
export type Asset = (typeof ASSETS)[number]

const MAX_LAG_MS = 3_600_000
const bps = z.number().min(-9_999).max(1_000_000)

/** The body of `POST /control`: what is left out stays as it is; `venue` `*` (the default) means every venue. */
export const controlChange = z.strictObject({
  venue: z.enum(['*', ...VENUES]).default('*'),
  rest: z.enum(['ok', 'refused', 'limited']).optional(),
  ws: z.enum(['ok', 'closed', 'silent']).optional(),
  priceOffsetBps: bps.optional(),
  lagMs: z.number().int().min(0).max(MAX_LAG_MS).optional(),
  /** By how much assets are worth more dollars than the model says, at every venue: −1,200 is a peg lost. */
  assetMoveBps: z.partialRecord(z.enum(ASSETS), bps).optional(),
})
export type ControlChange = z.input<typeof controlChange>

/** Enough to answer what a venue showed a few changes ago; a book difference looks back a minute at most. */
const MAX_OFFSETS = 32

/** An offset that changes, and what it was: the past keeps its prices. */
class OffsetHistory {
  readonly #offsets: { fromMs: number; bps: number }[] = []

  set(bps: number, nowMs: number): void {
    if (bps === (this.#offsets.at(-1)?.bps ?? 0)) return
    this.#offsets.push({ fromMs: nowMs, bps })
    if (this.#offsets.length > MAX_OFFSETS) this.#offsets.shift()
  }

  at(tMs: number): number {
    return this.#offsets.findLast(offset => offset.fromMs <= tMs)?.bps ?? 0
  }
}

/** What assets are worth beside the model, the same at every venue. */
export class AssetMoves {
  readonly #moves = new Map<string, OffsetHistory>(ASSETS.map(asset => [asset, new OffsetHistory()]))

  apply({ assetMoveBps = {} }: z.output<typeof controlChange>, nowMs: number): void {
    for (const [asset, moveBps] of Object.entries(assetMoveBps)) this.#moves.get(asset)?.set(moveBps, nowMs)
  }

  /** By what the price of a pair is multiplied at `tMs`. */
  factorAt(base: string, quote: string, tMs: number): number {
    return this.#worth(base, tMs) / this.#worth(quote, tMs)
  }

  #worth(asset: string, tMs: number): number {
    return 1 + (this.#moves.get(asset)?.at(tMs) ?? 0) / 10_000
  }
}

/** Behaviour and counters of one venue. */
export class VenueState {
  behaviour: VenueBehaviour = { rest: 'ok', ws: 'ok', priceOffsetBps: 0, lagMs: 0 }
  readonly counts = { restCalls: 0, wsOpen: 0, wsConnections: 0, wsMessagesIn: 0, wsMessagesOut: 0 }
  readonly #offsets = new OffsetHistory()

  apply(change: z.output<typeof controlChange>, nowMs: number): void {
    const { rest, ws, priceOffsetBps, lagMs } = this.behaviour
    this.behaviour = {
      rest: change.rest ?? rest,
      ws: change.ws ?? ws,
      priceOffsetBps: change.priceOffsetBps ?? priceOffsetBps,
      lagMs: change.lagMs ?? lagMs,
    }
    this.#offsets.set(this.behaviour.priceOffsetBps, nowMs)
  }

  /** The offset in force at `tMs`. */
  offsetAt(tMs: number): number {
    return this.#offsets.at(tMs)
  }

  report(): VenueReport {
    return { ...this.behaviour, ...this.counts }
  }
}
