/** Writes traces behind the quotes' back: a quote never waits for its trace, and never fails with it. */
import { hexOf } from '../../protocol/bytes.ts'
import type { SignedQuote } from '../../protocol/quote.ts'
import type { Round } from '../../protocol/rounds.ts'
import { planHash } from '../../protocol/sources/plan-hash.ts'
import type { JsonQuoteTrace } from '../../protocol/sources/quote-trace.ts'
import { encodeTrace, type SourceTrace } from '../../protocol/sources/trace.ts'
import type { SourcePlan } from '../../protocol/sources/types.ts'
import type { LogFields, Logger } from '../../runtime/logger.ts'
import type { Service } from '../../runtime/service.ts'
import { DatabaseVersionError } from '../../runtime/sqlite.ts'
import {
  createTraceStore,
  DamagedTraceError,
  isDamage,
  moveAside,
  openTraceDatabase,
  type TraceBounds,
  type TraceRange,
  type TraceStore,
} from './trace-store.ts'

/** What became of a quote's trace. `UNREADABLE`: somebody asked for it later. Closed: a metric label. */
export type TraceFate = 'KEPT' | 'FAILED' | 'UNREADABLE'

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

export class TraceKeeper implements Service {
  readonly name = 'traces'
  readonly #options: TraceKeeperOptions
  readonly #deps: TraceKeeperDeps
  readonly #planHash: ReturnType<typeof planHash>
  #open: { readonly store: TraceStore; readonly close: () => void } | undefined
  #isRunning = false
  /** Since the last trace that was kept: a trouble that lasts is told once. */
  #isFailing = false

  constructor(options: TraceKeeperOptions, deps: TraceKeeperDeps) {
    this.#options = options
    this.#deps = deps
    this.#planHash = planHash(options.plan)
  }

  /** A node that cannot open its traces quotes all the same. */
  async start(): Promise<void> {
    this.#isRunning = true
    try {
      // Nothing is quoted yet, so this may wait for a backup to end.
      this.#storeOf({})
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Writes what still waits. */
  async stop(): Promise<void> {
    // After those of all traces that were taken.
    await new Promise(resolve => setImmediate(resolve))
    this.#isRunning = false
    this.#close()
  }

  /** Takes the trace of a quote that has been sent; returns at once and never throws. */
  keep(signed: SignedQuote, trace: SourceTrace): void {
    // After what sending the quote has put on the event loop.
    setImmediate(() => this.#write(signed, trace))
  }

  /** JSON of a {@link JsonQuoteTrace}. What cannot be read is not there, and is counted. */
  bodyOf(round: Round): string | undefined {
    return this.#read(store => store.bodyOf(round), round)
  }

  range(): TraceRange | undefined {
    return this.#read(store => store.range())
  }

  #write(signed: SignedQuote, trace: SourceTrace): void {
    const { count, logger } = this.#deps
    const { round } = signed.quote
    if (!this.#isRunning) {
      count('FAILED')
      return
    }
    try {
      this.#storeOf({ busyTimeoutMs: 0 }).add(round, JSON.stringify(this.#jsonOf(signed, trace)))
      count('KEPT')
      if (this.#isFailing) logger.info('traces of quotes are kept again', { round })
      this.#isFailing = false
    } catch (error) {
      count('FAILED')
      this.#fail(error, { round })
    }
  }

  #read<T>(read: (store: TraceStore) => T | undefined, round?: Round): T | undefined {
    if (this.#open === undefined) return undefined
    const { store } = this.#open
    try {
      return read(store)
    } catch (error) {
      this.#deps.count('UNREADABLE')
      if (!(error instanceof DamagedTraceError) || round === undefined) this.#fail(error)
      else this.#forget(store, round, error)
      return undefined
    }
  }

  /** So that whoever asks again and again is told at no cost that there is none. */
  #forget(store: TraceStore, round: Round, error: DamagedTraceError): void {
    this.#deps.logger.warn('the trace of a quote is damaged: it is forgotten', { round, error })
    try {
      store.forget(round)
    } catch (failure) {
      this.#fail(failure, { round })
    }
  }

  /** Opens the file where it is not open, also after it could not be. */
  #storeOf(options: { readonly busyTimeoutMs?: number }): TraceStore {
    if (this.#open === undefined) {
      const { path, bounds } = this.#options
      const database = openTraceDatabase(path, options)
      const close = () => database.close()
      try {
        this.#open = { store: createTraceStore(database, bounds), close }
      } catch (error) {
        close()
        throw error
      }
    }
    return this.#open.store
  }

  #close(): void {
    this.#open?.close()
    this.#open = undefined
  }

  #fail(error: unknown, fields: LogFields = {}): void {
    if (isDamage(error)) {
      this.#startAnew(error)
      return
    }
    if (!this.#isFailing) this.#complain(error, fields)
    this.#isFailing = true
  }

  #complain(error: unknown, fields: LogFields): void {
    const { logger } = this.#deps
    const { path } = this.#options
    if (this.#open !== undefined) {
      logger.warn('the trace of a quote could not be kept or read', { ...fields, error })
      return
    }
    const sentence =
      error instanceof DatabaseVersionError
        ? 'a newer program has written the traces of quotes: none are kept; with the node stopped the file may be deleted'
        : 'the traces of quotes cannot be opened: none are kept until they can be'
    logger.error(sentence, { path, error })
  }

  /** The next trace opens the new file. */
  #startAnew(error: unknown): void {
    const { logger } = this.#deps
    const { path } = this.#options
    this.#close()
    try {
      const aside = moveAside(path)
      const sentence = 'the file of traces is damaged: it has been moved aside, and a new one is begun'
      logger.error(sentence, { path, aside, error })
    } catch (failure) {
      const sentence =
        'the file of traces is damaged and cannot be moved aside: none are kept until it is away'
      if (!this.#isFailing) logger.error(sentence, { path, error: failure })
      this.#isFailing = true
    }
  }

  #jsonOf(signed: SignedQuote, trace: SourceTrace): JsonQuoteTrace {
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
