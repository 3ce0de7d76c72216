import { z } from 'zod'
import type { TickerPatches } from './literal-quote.ts'
import { SYMBOLS } from './market.ts'
import { SIMULATED_VENUES } from './venue-list.ts'

/**
 * What a venue does with a REST call. `refused` drops the connection without an answer, `limited` answers as to too
 * many requests, `hang` takes the call and says nothing, `slow` sends the head at once and the body byte by byte,
 * `error` fails a share of the calls.
 */
export const REST_MODES = ['ok', 'refused', 'limited', 'hang', 'slow', 'error'] as const
/**
 * What a venue does with streams. `closed` ends them and takes no new ones; `silent` keeps them and says nothing;
 * `half-open` neither reads nor writes, while TCP stands; `garbage` sends what is no message.
 */
export const WS_MODES = ['ok', 'closed', 'silent', 'half-open', 'garbage'] as const
/** What stands still: nothing, the prices alone, or the times that the venue names as well. */
export const FREEZES = ['off', 'prices', 'all'] as const

/** How a venue behaves. */
export interface VenueBehaviour {
  readonly rest: (typeof REST_MODES)[number]
  /** With `rest: error`. */
  readonly errorStatus: number
  /** Of the calls, 0 to 1. */
  readonly errorShare: number
  /** With `rest: limited`: the header of that name; null leaves it out. */
  readonly retryAfterSec: number | null
  readonly ws: (typeof WS_MODES)[number]
  /** Moves bid, ask and last of the venue. */
  readonly priceOffsetBps: number
  /** The venue serves what it should have served this long ago, with the times of then. */
  readonly lagMs: number
  /** The venue's clock is ahead by this; its prices are those of now. */
  readonly clockSkewMs: number
  readonly freeze: (typeof FREEZES)[number]
  readonly tickerPatch: TickerPatches
  /** Pairs that it lists no more. */
  readonly delisted: readonly string[]
  /** Markets that nobody asks for. */
  readonly junkMarkets: number
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
export const ASSETS = ['IO', 'USDT', 'USDC', 'BTC', 'KRW'] as const
export type Asset = (typeof ASSETS)[number]

const HOUR_MS = 3_600_000
const bps = z.number().min(-9_999).max(1_000_000)
const pair = z.enum(SYMBOLS as [string, ...string[]])
const literal = z.string().max(100)

const tickerPatch = z.strictObject({
  bid: literal.optional(),
  ask: literal.optional(),
  last: literal.optional(),
  volume: literal.optional(),
})

/** The body of `POST /control`: what is left out stays as it is; `venue` `*` (the default) means every venue. */
export const controlChange = z.strictObject({
  venue: z.enum(['*', ...VENUES]).default('*'),
  rest: z.enum(REST_MODES).optional(),
  errorStatus: z.number().int().min(500).max(599).optional(),
  errorShare: z.number().min(0).max(1).optional(),
  retryAfterSec: z.number().int().min(0).max(3_600).nullable().optional(),
  ws: z.enum(WS_MODES).optional(),
  priceOffsetBps: bps.optional(),
  lagMs: z.number().int().min(0).max(HOUR_MS).optional(),
  clockSkewMs: z.number().int().min(-HOUR_MS).max(HOUR_MS).optional(),
  freeze: z.enum(FREEZES).optional(),
  /** Replaces all patches of before; `{}` takes them away. */
  tickerPatch: z.partialRecord(z.union([z.literal('*'), pair]), tickerPatch).optional(),
  /** Replaces the list of before. */
  delisted: z.array(pair).max(SYMBOLS.length).optional(),
  junkMarkets: z.number().int().min(0).max(20_000).optional(),
  /** By how much assets are worth more dollars than the model says, at every venue: −1,200 is a peg lost. */
  assetMoveBps: z.partialRecord(z.enum(ASSETS), bps).optional(),
})
export type ControlChange = z.input<typeof controlChange>

const WELL_BEHAVED: VenueBehaviour = {
  rest: 'ok',
  errorStatus: 503,
  errorShare: 1,
  retryAfterSec: null,
  ws: 'ok',
  priceOffsetBps: 0,
  lagMs: 0,
  clockSkewMs: 0,
  freeze: 'off',
  tickerPatch: {},
  delisted: [],
  junkMarkets: 0,
}

/** The change after which every venue behaves and every asset is worth what the model says. */
export const CALM: ControlChange = {
  venue: '*',
  ...WELL_BEHAVED,
  delisted: [],
  assetMoveBps: Object.fromEntries(ASSETS.map(asset => [asset, 0])),
}

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
  behaviour: VenueBehaviour = WELL_BEHAVED
  readonly counts = { restCalls: 0, wsOpen: 0, wsConnections: 0, wsMessagesIn: 0, wsMessagesOut: 0 }
  readonly #offsets = new OffsetHistory()
  #frozenAtMs: number | undefined

  apply(change: z.output<typeof controlChange>, nowMs: number): void {
    const { venue: _, assetMoveBps: __, ...named } = change
    const known = Object.entries(named).filter(([, value]) => value !== undefined)
    this.behaviour = { ...this.behaviour, ...(Object.fromEntries(known) as Partial<VenueBehaviour>) }
    this.#offsets.set(this.behaviour.priceOffsetBps, nowMs)
    if (this.behaviour.freeze === 'off') this.#frozenAtMs = undefined
    else this.#frozenAtMs ??= nowMs - this.behaviour.lagMs
  }

  /** The offset in force at `tMs`. */
  offsetAt(tMs: number): number {
    return this.#offsets.at(tMs)
  }

  /** What the venue's clock shows at `nowMs`. */
  clockAt(nowMs: number): number {
    const { lagMs, clockSkewMs, freeze } = this.behaviour
    const servedMs = nowMs - lagMs
    return (freeze === 'all' ? Math.min(servedMs, this.#frozenAtMs ?? servedMs) : servedMs) + clockSkewMs
  }

  /** Of when the prices are that the venue shows for a time on its clock. */
  pricesOf(clockMs: number): number {
    const trueMs = clockMs - this.behaviour.clockSkewMs
    return Math.min(trueMs, this.#frozenAtMs ?? trueMs)
  }

  report(): VenueReport {
    return { ...this.behaviour, ...this.counts }
  }
}
