import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Service } from '../../runtime/service.ts'
import type { Transport } from './board.ts'
import { NotListedError, type OpenExchange, VenueConnection } from './connection.ts'
import { DeadlineError, withDeadline } from './deadline.ts'
import type { Exchange, RawTicker, VenueErrorCode } from './exchange.ts'
import { TickerError } from './parse-ticker.ts'
import type { SourcePipeline, Tap } from './pipeline.ts'
import { retryDelayMs, type SourceTiming } from './timing.ts'

/** What can go wrong between a venue and the board. Closed: a metric label. */
export type SourceErrorCode = VenueErrorCode | 'BAD_TICKER'

/** Counts, for whoever shows them. */
export interface SupervisorMetrics {
  update(venue: string, transport: Transport): void
  failure(venue: string, transport: Transport, code: SourceErrorCode): void
}

export interface SupervisorDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: SupervisorMetrics
  readonly pipeline: Pick<SourcePipeline, 'accept' | 'latest'>
  readonly createExchange: () => Exchange
  /** In [0, 1). */
  readonly random: () => number
  readonly tap?: Tap
}

export interface SupervisorOptions {
  readonly venue: string
  readonly pairs: readonly string[]
  readonly timing: SourceTiming
}

/**
 * Keeps one venue's values on the board: WebSocket first, REST while that is silent. Every pair has a watching and a
 * polling task; both go on for ever, wait longer after each failure, and know nothing of other venues.
 */
export class VenueSupervisor implements Service {
  readonly name: string
  readonly #options: SupervisorOptions
  readonly #deps: SupervisorDeps
  readonly #connection: VenueConnection
  #abort = new AbortController()
  #tasks: Promise<void>[] = []

  constructor(options: SupervisorOptions, deps: SupervisorDeps) {
    this.name = `venue-${options.venue}`
    this.#options = options
    this.#deps = deps
    this.#connection = new VenueConnection({ callMs: options.timing.callMs }, deps)
  }

  /** Resolves at once: a venue that cannot be reached must not hold up the node. */
  async start(): Promise<void> {
    if (this.#tasks.length > 0) return
    this.#abort = new AbortController()
    this.#tasks = this.#options.pairs.flatMap(pair => [
      this.#repeat('websocket', pair, signal => this.#watch(pair, signal)),
      this.#repeat('rest', pair, signal => this.#poll(pair, signal)),
    ])
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    await Promise.all(this.#tasks)
    this.#tasks = []
    await this.#connection.close()
  }

  /**
   * Runs `session` again whenever it fails, until `stop`. Only a session that lasted starts a new streak: a venue
   * that accepts, says one thing and hangs up must not be called twice a second.
   */
  async #repeat(transport: Transport, pair: string, session: Session): Promise<void> {
    const { clock, random } = this.#deps
    const { timing } = this.#options
    const { signal } = this.#abort
    let failures = 0
    while (!signal.aborted) {
      const startedMs = clock.monotonic()
      try {
        await session(signal)
      } catch (error) {
        if (signal.aborted) return
        failures = clock.monotonic() - startedMs >= timing.retryMaxMs ? 1 : failures + 1
        const code = codeOf(error)
        this.#report(transport, pair, code, failures, error)
        await this.#pause(retryDelayMs(code, failures, random(), timing), signal)
      }
    }
  }

  async #watch(pair: string, signal: AbortSignal): Promise<never> {
    const { clock } = this.#deps
    const { watchDeadMs, mergeMs } = this.#options.timing
    const open = await this.#open(pair, signal)
    try {
      let update = open.exchange.watch(pair)
      for (;;) {
        const ticker = await withDeadline(update, watchDeadMs, clock, signal).catch(error => {
          // Nobody trades this pair at the moment: that must not end the streams of the venue's other pairs.
          if (error instanceof DeadlineError && this.#anotherStreams(pair)) return undefined
          throw error
        })
        if (ticker === undefined) continue
        this.#accept('websocket', pair, ticker, null)
        await clock.sleep(mergeMs, signal)
        update = open.exchange.watch(pair)
      }
    } finally {
      // An adapter whose stream failed once is in an unknown state.
      this.#connection.discard(open)
    }
  }

  async #poll(pair: string, signal: AbortSignal): Promise<never> {
    const { clock } = this.#deps
    const { callMs, silentMs } = this.#options.timing
    for (;;) {
      await this.#untilSilent(pair, signal)
      const { exchange } = await this.#open(pair, signal)
      const requestedAtMs = clock.now()
      const ticker = await withDeadline(exchange.fetch(pair), callMs, clock, signal)
      this.#accept('rest', pair, ticker, requestedAtMs)
      await clock.sleep(silentMs, signal)
    }
  }

  /** Whether the venue still pushes some other pair. */
  #anotherStreams(pair: string): boolean {
    const { venue, pairs, timing } = this.#options
    return pairs.some(other => {
      const held = other === pair ? undefined : this.#deps.pipeline.latest(venue, other)
      if (held?.transport !== 'websocket') return false
      return this.#deps.clock.now() - held.value.receivedAtMs < timing.watchDeadMs
    })
  }

  async #open(pair: string, signal: AbortSignal): Promise<OpenExchange> {
    const open = await this.#connection.get(signal)
    if (open.symbols.has(pair)) return open
    // The list is loaded again next time, for the pair may be listed by then, unless other pairs are in use.
    if (!this.#options.pairs.some(each => open.symbols.has(each))) this.#connection.discard(open)
    throw new NotListedError(this.#options.venue, pair)
  }

  /** Waits while pushed values keep coming. */
  async #untilSilent(pair: string, signal: AbortSignal): Promise<void> {
    const { silentMs } = this.#options.timing
    for (;;) {
      const held = this.#deps.pipeline.latest(this.#options.venue, pair)
      const ageMs = held === undefined ? silentMs : this.#deps.clock.now() - held.value.receivedAtMs
      if (ageMs >= silentMs) return
      // A wall clock that was set back must not make this wait for hours.
      await this.#deps.clock.sleep(Math.min(silentMs, silentMs - ageMs), signal)
    }
  }

  #accept(transport: Transport, pair: string, ticker: RawTicker, requestedAtMs: number | null): void {
    const { venue } = this.#options
    const { metrics, logger, pipeline, tap } = this.#deps
    const entry = { venue, pair, transport, requestedAtMs, ticker }
    tap?.ticker(entry)
    try {
      if (pipeline.accept(entry)) metrics.update(venue, transport)
    } catch (error) {
      if (!(error instanceof TickerError)) throw error
      metrics.failure(venue, transport, error.code)
      logger.debug('a venue sent an unreadable ticker', { venue, pair, field: error.field })
    }
  }

  #report(transport: Transport, pair: string, code: SourceErrorCode, failures: number, error: unknown): void {
    const { venue } = this.#options
    this.#deps.metrics.failure(venue, transport, code)
    const fields = { venue, pair, transport, code, failures }
    // The other way still delivers, or `aggregateSources` says what is missing: one line per streak is enough.
    if (failures === 1) this.#deps.logger.info('a venue does not answer; trying again', fields)
    else this.#deps.logger.debug('a venue still does not answer', { ...fields, error })
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    await this.#deps.clock.sleep(ms, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
  }
}

/** Ends only by an error, the abort included. */
type Session = (signal: AbortSignal) => Promise<never>

const VENUE_CODES: ReadonlySet<string> = new Set<VenueErrorCode>([
  'NETWORK',
  'TIMEOUT',
  'RATE_LIMITED',
  'GEO_BLOCKED',
  'NOT_LISTED',
  'BAD_ANSWER',
  'CLOSED',
])

function codeOf(error: unknown): SourceErrorCode {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && VENUE_CODES.has(code) ? (code as VenueErrorCode) : 'BAD_ANSWER'
}
