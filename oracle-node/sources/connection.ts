import type { Clock } from '../../runtime/clock.ts'
import { Backoff, type BackoffDeps } from './backoff.ts'
import { withDeadline } from './deadline.ts'
import type { Exchange } from './exchange.ts'
import type { SourceTiming } from './timing.ts'
import type { Turns } from './turns.ts'
import { codeOf, retryAfterOf } from './venue-error.ts'

/** An exchange that is ready to be asked, and what it trades. */
export interface OpenExchange {
  readonly exchange: Pick<Exchange, 'watch' | 'fetch' | 'streams'>
  readonly symbols: ReadonlySet<string>
  /** Aborts with {@link ReplacedError} when another one has taken its place; this one is then closed. */
  readonly replaced: AbortSignal
}

/** The venue does not trade this pair. A retry helps only once it is listed. */
export class NotListedError extends Error {
  readonly code = 'NOT_LISTED'
  constructor(venue: string, pair: string) {
    super(`${venue} does not list ${pair}`)
    this.name = 'NotListedError'
  }
}

/** No failure: whoever used the exchange goes on with the next. */
export class ReplacedError extends Error {
  readonly code = 'REPLACED'
  constructor() {
    super('a fresh exchange has taken its place')
    this.name = 'ReplacedError'
  }
}

export interface ConnectionOptions {
  readonly venue: string
  /** What is wanted of the venue. An exchange that trades none of it is of no use. */
  readonly pairs: readonly string[]
  readonly timing: SourceTiming
}

export interface ConnectionDeps extends BackoffDeps {
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>
  /** Makes an exchange without talking to anybody. */
  readonly createExchange: () => Exchange
  /** Shared by all venues of the process. */
  readonly turns: Turns
}

interface Held {
  readonly exchange: Exchange
  readonly open: OpenExchange
  readonly replaced: AbortController
  readonly openedAtMs: number
  isStreamLost: boolean
}

/**
 * The one exchange of a venue that is in use: made when first asked for, and made anew when its stream is lost; the old
 * one then serves until the fresh one is there. All tasks of the venue share it, and what has to be waited for: however
 * many they are, the venue sees one client that keeps one rate limit and fails in one streak.
 */
export class VenueConnection {
  readonly #options: ConnectionOptions
  readonly #deps: ConnectionDeps
  /** Market lists that could not be had; streams that were lost. */
  readonly #lists: Backoff
  readonly #streams: Backoff
  /** The venue asked to be left alone until then, monotonic time. */
  #quietUntilMs = 0
  #current: Held | undefined
  #opening: Promise<OpenExchange> | undefined
  #renewing: Promise<void> | undefined
  readonly #closing = new Set<Promise<void>>()

  constructor(options: ConnectionOptions, deps: ConnectionDeps) {
    this.#options = options
    this.#deps = deps
    this.#lists = new Backoff(options.timing, deps)
    this.#streams = new Backoff(options.timing, deps)
  }

  /**
   * The open exchange; concurrent callers wait for the same one. Rejects each time that the venue could not be
   * reached, or lists none of the pairs ({@link NotListedError}); whoever asks again is kept waiting first.
   */
  async get(signal: AbortSignal): Promise<OpenExchange> {
    if (this.#current !== undefined) return this.#current.open
    this.#opening ??= this.#make(signal)
      .then(fresh => {
        this.#current = fresh
        return fresh.open
      })
      .finally(() => {
        this.#opening = undefined
      })
    return this.#opening
  }

  /** As `get`, one whose stream is not lost; until it is time to make that, callers wait. */
  async streaming(signal: AbortSignal): Promise<OpenExchange> {
    for (;;) {
      const open = await this.get(signal)
      const held = this.#current
      if (held?.open !== open || !held.isStreamLost) return open
      this.#renewing ??= this.#renew(held, signal).finally(() => {
        this.#renewing = undefined
      })
      await this.#renewing
    }
  }

  /**
   * The stream of `open` has failed: it is made anew after a wait, and REST goes on meanwhile. Only a stream that
   * lasted begins a new streak: a venue that accepts, says one thing and hangs up must not be called twice a second.
   */
  streamFailed(open: OpenExchange, error: unknown): void {
    const held = this.#current
    if (held?.open !== open || held.isStreamLost) return
    held.isStreamLost = true
    const lastedMs = this.#deps.clock.monotonic() - held.openedAtMs
    if (lastedMs >= this.#options.timing.retryMaxMs) this.#streams.worked()
    this.heed(error, this.#streams.failed(error))
  }

  /**
   * Leaves the venue alone if `error` says that it wants to be.
   *
   * @param waitMs for how long, where it only says that there were too many requests
   */
  heed(error: unknown, waitMs: number): void {
    const askedMs = Math.min(retryAfterOf(error), this.#options.timing.hopelessMs)
    const quietMs = codeOf(error) === 'RATE_LIMITED' ? Math.max(waitMs, askedMs) : askedMs
    this.#quietUntilMs = Math.max(this.#quietUntilMs, this.#deps.clock.monotonic() + quietMs)
  }

  /** Waits while the venue wants to be left alone, which it told any of our tasks. */
  async untilWelcome(signal: AbortSignal): Promise<void> {
    await this.#until(() => this.#quietMs, signal)
  }

  /**
   * Puts a fresh exchange in the place of the one in use, once `isReady` has looked at it. The old one serves until
   * then, and goes on serving when the fresh one fails.
   *
   * @returns whether it was replaced: there may be none in use, or it may have been made anew meanwhile
   */
  async replace(isReady: (fresh: OpenExchange) => Promise<void>, signal: AbortSignal): Promise<boolean> {
    const old = this.#current
    if (old === undefined) return false
    const fresh = await this.#make(signal)
    try {
      await isReady(fresh.open)
    } catch (error) {
      this.#close(fresh)
      throw error
    }
    if (this.#current !== old || signal.aborted) {
      this.#close(fresh)
      return false
    }
    this.#current = fresh
    this.#close(old)
    return true
  }

  /** How many frames the exchange in use has received. */
  frames(): number {
    return this.#current?.exchange.frames() ?? 0
  }

  /** Resolves when no exchange is left open. */
  async close(): Promise<void> {
    if (this.#current !== undefined) this.#close(this.#current)
    this.#current = undefined
    await Promise.all(this.#closing)
  }

  /** Puts another in the place of `lost`, or resolves as soon as somebody else has: nothing is left to wait for. */
  async #renew(lost: Held, signal: AbortSignal): Promise<void> {
    const { replaced } = lost.open
    const waiting = AbortSignal.any([signal, replaced])
    try {
      await this.#until(() => this.#streams.leftMs, waiting)
      if (this.#current === lost) await this.replace(async () => {}, waiting)
    } catch (error) {
      if (signal.aborted || !replaced.aborted) throw error
    }
  }

  async #make(signal: AbortSignal): Promise<Held> {
    const leftMs = (): number => Math.max(this.#lists.leftMs, this.#quietMs)
    for (;;) {
      await this.#until(leftMs, signal)
      const made = await this.#deps.turns.take(
        // Somebody else may have been sent away while this waited for its turn.
        async () => (leftMs() > 0 ? undefined : this.#load(signal)),
        signal,
      )
      if (made !== undefined) return made
    }
  }

  async #load(signal: AbortSignal): Promise<Held> {
    const { createExchange, clock } = this.#deps
    const { venue, pairs, timing } = this.#options
    const exchange = createExchange()
    const replaced = new AbortController()
    try {
      const symbols = await withDeadline(exchange.loadMarkets(), timing.listMs, clock, signal)
      if (!pairs.some(pair => symbols.has(pair))) throw new NotListedError(venue, pairs.join(', '))
      this.#lists.worked()
      const open = { exchange, symbols, replaced: replaced.signal }
      return { exchange, open, replaced, openedAtMs: clock.monotonic(), isStreamLost: false }
    } catch (error) {
      this.#closeExchange(exchange)
      if (!signal.aborted) this.heed(error, this.#lists.failed(error))
      throw error
    }
  }

  get #quietMs(): number {
    return this.#quietUntilMs - this.#deps.clock.monotonic()
  }

  /** Waits until nothing is left of a wait that may grow meanwhile. */
  async #until(leftMs: () => number, signal: AbortSignal): Promise<void> {
    for (let ms = leftMs(); ms > 0; ms = leftMs()) await this.#deps.clock.sleep(ms, signal)
  }

  /** Whoever still uses it goes on with what has taken its place. */
  #close({ exchange, replaced }: Held): void {
    replaced.abort(new ReplacedError())
    this.#closeExchange(exchange)
  }

  #closeExchange(exchange: Exchange): void {
    const closing = exchange.close().catch(() => {})
    this.#closing.add(closing)
    void closing.then(() => this.#closing.delete(closing))
  }
}
