import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Service } from '../../runtime/service.ts'
import { Backoff } from './backoff.ts'
import type { Transport } from './board.ts'
import { NotListedError, type OpenExchange, ReplacedError, VenueConnection } from './connection.ts'
import { DeadlineError, withDeadline } from './deadline.ts'
import type { Exchange, RawTicker } from './exchange.ts'
import { MergedUpdates } from './merged-updates.ts'
import { TickerError } from './parse-ticker.ts'
import type { SourcePipeline, Tap } from './pipeline.ts'
import { type RecycleMetrics, recycle } from './recycle.ts'
import { retryDelayMs, type SourceTiming } from './timing.ts'
import type { Turns } from './turns.ts'
import { codeOf, isHopeless, type VenueErrorCode } from './venue-error.ts'
import { type Listing, listingOf, type VenueState, venueState } from './venue-state.ts'

/** What can go wrong between a venue and the board. Closed: a metric label. */
export type SourceErrorCode = VenueErrorCode | 'BAD_TICKER'

/** Counts, for whoever shows them. */
export interface SupervisorMetrics extends RecycleMetrics {
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
  /** Shared by all venues of the process: for loading market lists. */
  readonly turns: Turns
  readonly tap?: Tap
}

export interface SupervisorOptions {
  readonly venue: string
  readonly pairs: readonly string[]
  readonly timing: SourceTiming
}

/**
 * Keeps one venue's values on the board: WebSocket first, REST while that is silent. Every pair has a watching and a
 * polling task; both go on for ever, and know nothing of other venues. What concerns the venue, and not one pair, is
 * waited for in {@link VenueConnection}.
 */
export class VenueSupervisor implements Service {
  readonly name: string
  readonly venue: string
  readonly pairs: readonly string[]
  readonly #options: SupervisorOptions
  readonly #deps: SupervisorDeps
  readonly #connection: VenueConnection
  #abort = new AbortController()
  #tasks: Promise<void>[] = []
  /** Why there is nothing new of a pair; nothing while there is. */
  readonly #troubles = new Map<string, SourceErrorCode>()
  /**
   * By way and pair: failures in a row, and when they are over. That is `retryMaxMs` after the first value since: who
   * says one thing and hangs up, again and again, is one piece of news.
   */
  readonly #streaks = new Map<string, { readonly failures: number; overAtMs: number }>()
  /** Pairs that the market list was looked through for, whatever came of it. */
  readonly #looked = new Set<string>()
  readonly #lookedAtAll = Promise.withResolvers<void>()

  constructor(options: SupervisorOptions, deps: SupervisorDeps) {
    this.name = `venue-${options.venue}`
    this.venue = options.venue
    this.pairs = options.pairs
    this.#options = options
    this.#deps = deps
    this.#connection = new VenueConnection(options, deps)
  }

  /** Resolves at once: a venue that cannot be reached must not hold up the node. */
  async start(): Promise<void> {
    if (this.#tasks.length > 0) return
    this.#abort = new AbortController()
    this.#streaks.clear()
    const { signal } = this.#abort
    this.#tasks = this.#options.pairs.flatMap(pair => [
      this.#repeat('websocket', pair, signal => this.#watch(pair, signal)),
      this.#repeat('rest', pair, signal => this.#poll(pair, signal)),
    ])
    this.#tasks.push(recycle(this.#connection, this.#options, this.#deps, this.#takeOver, signal))
  }

  /** Resolves when the venue was asked for every pair once, whatever it answered. */
  looked(): Promise<void> {
    return this.#lookedAtAll.promise
  }

  /** What the market list says of a pair, as far as it is known. */
  readonly listing = (pair: string): Listing => listingOf(this.#looked.has(pair), this.#troubles.get(pair))

  state(pair: string): VenueState {
    const held = this.#deps.pipeline.latest(this.#options.venue, pair)
    return venueState(held, this.#troubles.get(pair), this.#deps.clock.now(), this.#options.timing)
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    await Promise.all(this.#tasks)
    this.#tasks = []
    await this.#connection.close()
  }

  /** Runs `session` again whenever it fails, until `stop`. */
  async #repeat(transport: Transport, pair: string, session: Session): Promise<void> {
    const { random } = this.#deps
    const { timing } = this.#options
    const { signal } = this.#abort
    while (!signal.aborted) {
      try {
        await session(signal)
      } catch (error) {
        if (signal.aborted) return
        if (error instanceof ReplacedError) continue
        const failures = this.#report(transport, pair, error)
        // Of everything else the connection keeps those waiting who ask again.
        if (error instanceof NotListedError)
          await this.#pause(retryDelayMs(error.code, failures, random(), timing), signal)
      }
    }
  }

  async #watch(pair: string, signal: AbortSignal): Promise<never> {
    const { clock } = this.#deps
    const { watchDeadMs, mergeMs, maxSessionMs } = this.#options.timing
    const open = await this.#listing(pair, this.#connection.streaming(signal), signal)
    const session = AbortSignal.any([signal, open.replaced])
    // Nothing to watch until, perhaps, the next exchange.
    while (!open.exchange.streams) await clock.sleep(maxSessionMs, session)
    try {
      const updates = new MergedUpdates(() => open.exchange.watch(pair), mergeMs, clock)
      for (;;) {
        const ticker = await updates.next(watchDeadMs, session).catch(error => {
          // Nobody trades this pair at the moment: that must not end the streams of the venue's other pairs.
          if (error instanceof DeadlineError && this.#anotherStreams(pair)) return undefined
          throw error
        })
        if (ticker !== undefined) this.#accept('websocket', pair, ticker, null)
      }
    } catch (error) {
      if (session.aborted) throw session.reason
      this.#connection.streamFailed(open, error)
      throw error
    }
  }

  async #poll(pair: string, signal: AbortSignal): Promise<never> {
    const { clock } = this.#deps
    const { silentMs, callMs } = this.#options.timing
    const open = await this.#listing(pair, this.#connection.get(signal), signal)
    const session = AbortSignal.any([signal, open.replaced])
    const backoff = new Backoff(this.#options.timing, this.#deps)
    for (;;) {
      await this.#untilSilent(pair, session)
      await this.#connection.untilWelcome(session)
      const requestedAtMs = clock.now()
      let waitMs = silentMs
      try {
        const ticker = await withDeadline(open.exchange.fetch(pair), callMs, clock, session)
        this.#accept('rest', pair, ticker, requestedAtMs)
        backoff.worked()
      } catch (error) {
        if (session.aborted) throw session.reason
        waitMs = backoff.failed(error)
        this.#connection.heed(error, waitMs)
        this.#report('rest', pair, error)
      }
      await clock.sleep(waitMs, session)
    }
  }

  /**
   * Takes the stream of a fresh exchange over from the one in use: some pair that streams must stream there too. The
   * others follow when something is said of them, and are asked for over REST until then. A failure of one has ended
   * the stream for all of them.
   */
  readonly #takeOver = async (fresh: OpenExchange, signal: AbortSignal): Promise<void> => {
    const { pairs, timing } = this.#options
    const streaming = pairs.filter(pair => this.state(pair) === 'streaming' && fresh.symbols.has(pair))
    if (streaming.length === 0) return
    const over = new AbortController()
    const waiting = AbortSignal.any([signal, over.signal])
    try {
      // Whichever comes first. All have the same deadline: who says nothing fails nobody who says something.
      await Promise.race(
        streaming.map(async pair => {
          const watched = withDeadline(
            fresh.exchange.watch(pair),
            timing.watchDeadMs,
            this.#deps.clock,
            waiting,
          )
          this.#accept('websocket', pair, await watched, null)
        }),
      )
    } finally {
      over.abort()
    }
  }

  /** Whether the venue still pushes some other pair. */
  #anotherStreams(pair: string): boolean {
    return this.#options.pairs.some(other => other !== pair && this.state(other) === 'streaming')
  }

  /** The exchange once it is open, if it trades the pair; writes down what was found. */
  async #listing(pair: string, opening: Promise<OpenExchange>, signal: AbortSignal): Promise<OpenExchange> {
    const open = await opening.catch((error: unknown) => {
      // Before the report, which says what was found.
      if (!signal.aborted) this.#troubles.set(pair, codeOf(error))
      this.#look(pair)
      throw error
    })
    if (!open.symbols.has(pair)) this.#troubles.set(pair, 'NOT_LISTED')
    else if (isHopeless(this.#troubles.get(pair))) this.#troubles.delete(pair)
    this.#look(pair)
    if (!open.symbols.has(pair)) throw new NotListedError(this.#options.venue, pair)
    return open
  }

  #look(pair: string): void {
    this.#looked.add(pair)
    if (this.#looked.size >= this.#options.pairs.length) this.#lookedAtAll.resolve()
  }

  /** Waits while pushed values keep coming. */
  async #untilSilent(pair: string, signal: AbortSignal): Promise<void> {
    const { silentMs } = this.#options.timing
    for (;;) {
      const held = this.#deps.pipeline.latest(this.#options.venue, pair)
      const ageMs = held === undefined ? silentMs : this.#deps.clock.now() - held.value.receivedAtMs
      // From a time to come: our clock was set back, for hours perhaps.
      if (ageMs >= silentMs || ageMs < 0) return
      await this.#deps.clock.sleep(silentMs - ageMs, signal)
    }
  }

  #accept(transport: Transport, pair: string, ticker: RawTicker, requestedAtMs: number | null): void {
    const { venue, timing } = this.#options
    const { clock, metrics, logger, pipeline, tap } = this.#deps
    const entry = { venue, pair, transport, requestedAtMs, ticker }
    tap?.ticker(entry)
    try {
      const isNewest = pipeline.accept(entry)
      const streak = this.#streaks.get(`${transport} ${pair}`)
      if (streak !== undefined)
        streak.overAtMs = Math.min(streak.overAtMs, clock.monotonic() + timing.retryMaxMs)
      if (!isNewest) return
      metrics.update(venue, transport)
      this.#troubles.delete(pair)
    } catch (error) {
      if (!(error instanceof TickerError)) throw error
      metrics.failure(venue, transport, error.code)
      logger.debug('a venue sent an unreadable ticker', { venue, pair, field: error.field })
    }
  }

  /** @returns how many failures in a row this one makes */
  #report(transport: Transport, pair: string, error: unknown): number {
    const { venue } = this.#options
    const code = codeOf(error)
    const way = `${transport} ${pair}`
    const streak = this.#streaks.get(way)
    const isOver = streak === undefined || this.#deps.clock.monotonic() >= streak.overAtMs
    const failures = isOver ? 1 : streak.failures + 1
    this.#streaks.set(way, { failures, overAtMs: Number.POSITIVE_INFINITY })
    this.#deps.metrics.failure(venue, transport, code)
    this.#troubles.set(pair, code)
    const fields = { venue, pair, transport, code, failures }
    // The other way still delivers, or `aggregateSources` says what is missing: one line per streak is enough.
    if (failures === 1) this.#deps.logger.info('a venue does not answer; trying again', fields)
    else this.#deps.logger.debug('a venue still does not answer', { ...fields, error })
    return failures
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    await this.#deps.clock.sleep(ms, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
  }
}

/** Ends only by an error, the abort included. */
type Session = (signal: AbortSignal) => Promise<never>
