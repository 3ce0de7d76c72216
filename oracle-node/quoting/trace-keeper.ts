/** Writes traces behind the quotes' back: a quote never waits for its trace, and never fails with it. */
import { hexOf } from '../../protocol/bytes.ts'
import type { SignedQuote } from '../../protocol/quote.ts'
import type { Round } from '../../protocol/rounds.ts'
import { planHash } from '../../protocol/sources/plan-hash.ts'
import type { JsonQuoteTrace } from '../../protocol/sources/quote-trace.ts'
import { encodeTrace, type SourceTrace } from '../../protocol/sources/trace.ts'
import type { SourcePlan } from '../../protocol/sources/types.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Service } from '../../runtime/service.ts'
import {
  createTraceStore,
  openTraceDatabase,
  type TraceBounds,
  type TraceRange,
  type TraceStore,
} from './trace-store.ts'

/** What became of a quote's trace. Closed: a metric label. */
export type TraceFate = 'KEPT' | 'FAILED' | 'DROPPED'

export interface TraceKeeperOptions {
  /** Of the database. */
  readonly path: string
  readonly plan: SourcePlan
  readonly roundMs: number
  readonly bounds?: TraceBounds
}

export interface TraceKeeperDeps {
  readonly logger: Logger
  readonly count: (fate: TraceFate) => void
}

interface Waiting {
  readonly signed: SignedQuote
  readonly trace: SourceTrace
}

/** A disk that takes longer than this many rounds for a write loses traces, not memory. */
const MAX_WAITING = 8

export class TraceKeeper implements Service {
  readonly name = 'traces'
  readonly #options: TraceKeeperOptions
  readonly #deps: TraceKeeperDeps
  readonly #planHash: ReturnType<typeof planHash>
  #open: { readonly store: TraceStore; readonly close: () => void } | undefined
  #waiting: Waiting[] = []
  #isFailing = false

  constructor(options: TraceKeeperOptions, deps: TraceKeeperDeps) {
    this.#options = options
    this.#deps = deps
    this.#planHash = planHash(options.plan)
  }

  /** A node that cannot open its traces quotes all the same. */
  async start(): Promise<void> {
    const { path, bounds } = this.#options
    try {
      const database = openTraceDatabase(path)
      this.#open = { store: createTraceStore(database, bounds), close: () => database.close() }
    } catch (error) {
      this.#deps.logger.error(
        'the traces of quotes cannot be opened: none are kept; with the node stopped the file may be deleted',
        { path, error },
      )
    }
  }

  /** Writes what still waits. */
  async stop(): Promise<void> {
    while (this.#waiting.length > 0) this.#writeNext()
    this.#open?.close()
    this.#open = undefined
  }

  /** Takes the trace of a quote that has been sent; returns at once and never throws. */
  keep(signed: SignedQuote, trace: SourceTrace): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#deps.count('DROPPED')
      return
    }
    this.#waiting.push({ signed, trace })
    // After what sending the quote has put on the event loop.
    setImmediate(() => this.#writeNext())
  }

  /** JSON of a {@link JsonQuoteTrace}. */
  bodyOf(round: Round): string | undefined {
    return this.#open?.store.bodyOf(round)
  }

  range(): TraceRange | undefined {
    return this.#open?.store.range()
  }

  #writeNext(): void {
    const next = this.#waiting.shift()
    if (next === undefined) return
    const { count, logger } = this.#deps
    const { round } = next.signed.quote
    try {
      if (this.#open === undefined) {
        count('FAILED')
        return
      }
      this.#open.store.add(round, JSON.stringify(this.#jsonOf(next)))
      count('KEPT')
      this.#isFailing = false
    } catch (error) {
      count('FAILED')
      if (!this.#isFailing) logger.warn('the trace of a quote could not be kept', { round, error })
      this.#isFailing = true
    }
  }

  #jsonOf({ signed, trace }: Waiting): JsonQuoteTrace {
    return {
      version: 2,
      round: signed.quote.round,
      quote: hexOf(signed.bytes),
      planHash: this.#planHash,
      roundMs: this.#options.roundMs,
      trace: encodeTrace(trace),
    }
  }
}
