/** What consumers see: every certified report, stored, served and streamed. */
import type { FastifyInstance } from 'fastify'
import type { ReportJson } from '../../protocol/report-json.ts'
import type { Round } from '../../protocol/rounds.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { Allowance, type AllowanceOptions, DEFAULT_ALLOWANCE } from './allowance.ts'
import { DEFAULT_READERS, Readers, type ReadersOptions } from './readers.ts'
import type { ReportStore } from './report-store.ts'
import { addRoutes } from './routes.ts'
import { servedReport, updateSchema } from './schemas.ts'

/** An update that stands in a block, which may not be final yet. */
export interface OnChainUpdate {
  readonly round: Round
  readonly txHash: string
  /** Units of 10^-18 USD, in decimal digits. */
  readonly price: string
}

export interface FeedDeps {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly logger: Logger
}

export interface FeedOptions {
  readonly readers?: Partial<ReadersOptions> | undefined
  readonly allowance?: Partial<AllowanceOptions> | undefined
}

/** Options are for tests: what they hold by default is right for every network. */
export class Feed {
  readonly #store: ReportStore
  readonly #readers: Readers
  readonly #allowance: Allowance

  constructor(store: ReportStore, deps: FeedDeps, options: FeedOptions = {}) {
    this.#store = store
    this.#allowance = new Allowance({ ...DEFAULT_ALLOWANCE, ...options.allowance }, deps.clock)
    this.#readers = new Readers(
      { ...DEFAULT_READERS, ...options.readers },
      { store, budget: this.#allowance.streams, ...deps },
    )
  }

  /** Reports that are kept. */
  get reports(): number {
    return this.#store.count()
  }

  /** Readers of the streams. */
  get readers(): number {
    return this.#readers.count
  }

  start(): void {
    this.#readers.start()
  }

  stop(): void {
    this.#readers.stop()
  }

  /** Looks after readers that stall; `start` has it done every second. */
  sweep(): void {
    this.#readers.sweep()
  }

  /**
   * Keeps a report and gives it to all readers; the first one of a round counts. One that comes after a report of a
   * later round is kept and served, but whoever follows the stream is past it.
   */
  publish(report: ReportJson): void {
    const served = servedReport(report)
    if (this.#store.add(served)) this.#readers.publish(served)
  }

  /** An update stands in a block that may not be final: told, and not written down. */
  updated(update: OnChainUpdate): void {
    this.#readers.tell(updateSchema.parse(update))
  }

  /** See {@link ReportStore.settle}. */
  settled(rounds: readonly Round[], nextBlock: number): void {
    this.#store.settle(rounds, nextBlock)
  }

  routes(app: FastifyInstance): void {
    addRoutes(app, { store: this.#store, readers: this.#readers, allowance: this.#allowance })
  }
}
