import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Service } from '../../runtime/service.ts'
import type { Transport } from './board.ts'
import { NotListedError, type OpenExchange, ReplacedError, VenueConnection } from './connection.ts'
import { DeadlineError, Pending, withDeadline } from './deadline.ts'
import type { Exchange, RawTicker, VenueErrorCode } from './exchange.ts'
import { TickerError } from './parse-ticker.ts'
import type { SourcePipeline, Tap } from './pipeline.ts'
import { recycle, type Turns } from './recycle.ts'
import { retryDelayMs, type SourceTiming } from './timing.ts'
import { type Listing, listingOf, type VenueState, venueState } from './venue-state.ts'

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
  /** Shared by all venues of the process: one of them makes its connection anew at a time. */
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
 * polling task; both go on for ever, wait longer after each failure, and know nothing of other venues.
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
  /** Pairs that the market list was looked through for, whatever came of it. */
  readonly #looked = new Set<string>()
  readonly #lookedAtAll = Promise.withResolvers<void>()
  /** The venue asked to be left alone until then, monotonic time. */
  #quietUntilMs = 0

  constructor(options: SupervisorOptions, deps: SupervisorDeps) {
    this.name = `venue-${options.venue}`
    this.venue = options.venue
    this.pairs = options.pairs
    this.#options = options
    this.#deps = deps
    this.#connection = new VenueConnection({ callMs: options.timing.callMs }, deps)
  }

  /** Resolves at once: a venue that cannot be reached must not hold up the node. */
  async start(): Promise<void> {
    if (this.#tasks.length > 0) return
    this.#abort = new AbortController()
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
        if (error instanceof ReplacedError) continue
        failures = clock.monotonic() - startedMs >= timing.retryMaxMs ? 1 : failures + 1
        const code = codeOf(error)
        this.#report(transport, pair, code, failures, error)
        const retryAfterMs = retryAfterOf(error)
        this.#quietUntilMs = Math.max(
          this.#quietUntilMs,
          clock.monotonic() + Math.min(retryAfterMs, timing.hopelessMs),
        )
        await this.#pause(retryDelayMs(code, failures, random(), timing, retryAfterMs), signal)
      }
    }
  }

  async #watch(pair: string, signal: AbortSignal): Promise<never> {
    const { clock } = this.#deps
    const { watchDeadMs, mergeMs, maxSessionMs } = this.#options.timing
    // A fresh exchange begins by asking for the market list.
    await this.#untilWelcome(signal)
    const open = await this.#open(pair, this.#connection.getStreaming(signal), signal)
    const session = AbortSignal.any([signal, open.replaced])
    // Nothing to watch until, perhaps, the next exchange.
    while (!open.exchange.streams) await clock.sleep(maxSessionMs, session)
    try {
      let update = new Pending(open.exchange.watch(pair))
      for (;;) {
        const ticker = await update.wait(watchDeadMs, clock, session).catch(error => {
          // Nobody trades this pair at the moment: that must not end the streams of the venue's other pairs.
          if (error instanceof DeadlineError && this.#anotherStreams(pair)) return undefined
          throw error
        })
        if (ticker === undefined) continue
        this.#accept('websocket', pair, ticker, null)
        await clock.sleep(mergeMs, session)
        update = new Pending(open.exchange.watch(pair))
      }
    } catch (error) {
      throw open.replaced.aborted ? open.replaced.reason : error
    } finally {
      // An adapter whose stream failed once is in an unknown state.
      this.#connection.giveUpStream(open)
    }
  }

  async #poll(pair: string, signal: AbortSignal): Promise<never> {
    const { clock } = this.#deps
    const { silentMs, callMs } = this.#options.timing
    const open = await this.#open(pair, this.#connection.get(signal), signal)
    const session = AbortSignal.any([signal, open.replaced])
    try {
      for (;;) {
        await this.#untilSilent(pair, session)
        await this.#untilWelcome(session)
        const requestedAtMs = clock.now()
        const ticker = await withDeadline(open.exchange.fetch(pair), callMs, clock, session)
        this.#accept('rest', pair, ticker, requestedAtMs)
        await clock.sleep(silentMs, session)
      }
    } catch (error) {
      throw open.replaced.aborted ? open.replaced.reason : error
    }
  }

  /** Takes the stream of a fresh exchange over from the one in use: every pair that streams must stream there too. */
  readonly #takeOver = async (fresh: OpenExchange, signal: AbortSignal): Promise<void> => {
    const { venue, pairs, timing } = this.#options
    const { clock, pipeline } = this.#deps
    const streaming = pairs.filter(
      pair => this.state(pair) === 'streaming' && pipeline.latest(venue, pair) !== undefined,
    )
    await Promise.all(
      streaming.map(async pair => {
        const first = await withDeadline(fresh.exchange.watch(pair), timing.watchDeadMs, clock, signal)
        this.#accept('websocket', pair, first, null)
      }),
    )
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

  async #open(pair: string, opening: Promise<OpenExchange>, signal: AbortSignal): Promise<OpenExchange> {
    const open = await opening.catch((error: unknown) => {
      // Before the report, which says what was found.
      if (!signal.aborted) this.#troubles.set(pair, codeOf(error))
      this.#look(pair)
      throw error
    })
    if (!open.symbols.has(pair)) this.#troubles.set(pair, 'NOT_LISTED')
    else if (HOPELESS_CODES.has(this.#troubles.get(pair) ?? '')) this.#troubles.delete(pair)
    this.#look(pair)
    if (open.symbols.has(pair)) return open
    // The list is loaded again next time, for the pair may be listed by then, unless other pairs are in use.
    if (!this.#options.pairs.some(each => open.symbols.has(each))) this.#connection.discard(open)
    throw new NotListedError(this.#options.venue, pair)
  }

  #look(pair: string): void {
    this.#looked.add(pair)
    if (this.#looked.size >= this.#options.pairs.length) this.#lookedAtAll.resolve()
  }

  /** Waits while the venue wants to be left alone, which it told any of our tasks. */
  async #untilWelcome(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps
    for (;;) {
      const leftMs = this.#quietUntilMs - clock.monotonic()
      if (leftMs <= 0) return
      await clock.sleep(leftMs, signal)
    }
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
      if (!pipeline.accept(entry)) return
      metrics.update(venue, transport)
      this.#troubles.delete(pair)
    } catch (error) {
      if (!(error instanceof TickerError)) throw error
      metrics.failure(venue, transport, error.code)
      logger.debug('a venue sent an unreadable ticker', { venue, pair, field: error.field })
    }
  }

  #report(transport: Transport, pair: string, code: SourceErrorCode, failures: number, error: unknown): void {
    const { venue } = this.#options
    this.#deps.metrics.failure(venue, transport, code)
    this.#troubles.set(pair, code)
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

const HOPELESS_CODES: ReadonlySet<string> = new Set(['NOT_LISTED', 'GEO_BLOCKED'])

const VENUE_CODES: ReadonlySet<string> = new Set<VenueErrorCode>([
  'NETWORK',
  'TIMEOUT',
  'RATE_LIMITED',
  'GEO_BLOCKED',
  'NOT_LISTED',
  'BAD_ANSWER',
  'STREAM_LOST',
  'CLOSED',
])

function codeOf(error: unknown): SourceErrorCode {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && VENUE_CODES.has(code) ? (code as VenueErrorCode) : 'BAD_ANSWER'
}

function retryAfterOf(error: unknown): number {
  const ms = error instanceof Error && 'retryAfterMs' in error ? error.retryAfterMs : undefined
  return typeof ms === 'number' && ms > 0 ? ms : 0
}
