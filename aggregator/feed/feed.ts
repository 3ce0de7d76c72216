/** What consumers see: every certified report, stored, served and streamed. */
import type { FastifyInstance } from 'fastify'
import type { ReportJson } from '../../protocol/report-json.ts'
import type { Round } from '../../protocol/rounds.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { DEFAULT_READERS, Readers, type ReadersOptions } from './readers.ts'
import type { ReportStore } from './report-store.ts'
import { addRoutes } from './routes.ts'
import { servedReport, updateSchema } from './schemas.ts'

/** An update that stands in a block. */
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

/** Options are for tests: what they hold by default is right for every network. */
export class Feed {
  readonly #store: ReportStore
  readonly #readers: Readers

  constructor(store: ReportStore, deps: FeedDeps, options: Partial<ReadersOptions> = {}) {
    this.#store = store
    this.#readers = new Readers({ ...DEFAULT_READERS, ...options }, { store, ...deps })
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

  updated(update: OnChainUpdate): void {
    this.#store.markOnChain(update.round)
    this.#readers.tell(updateSchema.parse(update))
  }

  routes(app: FastifyInstance): void {
    addRoutes(app, { store: this.#store, readers: this.#readers })
  }
}
