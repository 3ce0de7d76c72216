import type { Clock } from '../../runtime/clock.ts'
import { withDeadline } from './deadline.ts'
import type { Exchange } from './exchange.ts'

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

export interface ConnectionDeps {
  readonly clock: Pick<Clock, 'sleep'>
  /** Makes an exchange without talking to anybody. */
  readonly createExchange: () => Exchange
}

interface Held {
  readonly exchange: Exchange
  readonly open: Promise<OpenExchange>
  readonly replaced: AbortController
  /** Its stream has failed, which it does for good; it can still be asked. */
  isSpent: boolean
}

/**
 * The one exchange of a venue that is in use: made when first asked for. Watching and polling share it, so that a venue
 * sees one client that keeps one rate limit. When its stream has failed it can be polled until a fresh one is open:
 * where streams are refused again and again, polling must not lose its exchange each time.
 */
export class VenueConnection {
  readonly #deps: ConnectionDeps
  readonly #callMs: number
  #current: Held | undefined
  #next: Promise<OpenExchange> | undefined
  readonly #closing = new Set<Promise<void>>()

  constructor(options: { readonly callMs: number }, deps: ConnectionDeps) {
    this.#callMs = options.callMs
    this.#deps = deps
  }

  /** The open exchange; concurrent callers wait for the same one. Rejects when the venue cannot be reached. */
  get(signal: AbortSignal): Promise<OpenExchange> {
    this.#current ??= this.#create(signal, held => {
      if (this.#current === held) this.#current = undefined
    })
    return this.#current.open
  }

  /**
   * The open exchange, or, where its stream has been given up, a fresh one in its place. Rejects when that cannot be
   * had; the old one is then still in use.
   */
  getStreaming(signal: AbortSignal): Promise<OpenExchange> {
    const old = this.#current
    if (old?.isSpent !== true) return this.get(signal)
    this.#next ??= this.#succeed(old, signal).finally(() => {
      this.#next = undefined
    })
    return this.#next
  }

  /** Says that the stream of `open` has failed. */
  giveUpStream(open: OpenExchange): void {
    if (this.#current?.exchange === open.exchange) this.#current.isSpent = true
  }

  /** Drops `open` if it is still in use. The next `get` makes another one. */
  discard(open: OpenExchange): void {
    if (this.#current?.exchange !== open.exchange) return
    this.#close(this.#current.exchange)
    this.#current = undefined
  }

  /**
   * Puts a fresh exchange in the place of the one in use, once `isReady` has looked at it. The old one serves until
   * then, and goes on serving when the fresh one fails.
   *
   * @returns whether it was replaced: there may be none in use, or it may have been discarded meanwhile
   */
  async replace(isReady: (fresh: OpenExchange) => Promise<void>, signal: AbortSignal): Promise<boolean> {
    const old = this.#current
    if (old === undefined) return false
    const fresh = this.#create(signal, () => {})
    const opened = await fresh.open
    try {
      await isReady(opened)
    } catch (error) {
      this.#close(fresh.exchange)
      throw error
    }
    return this.#swap(old, fresh, signal)
  }

  /** How many frames the exchange in use has received. */
  frames(): number {
    return this.#current?.exchange.frames() ?? 0
  }

  /** Resolves when no exchange is left open. */
  async close(): Promise<void> {
    if (this.#current !== undefined) this.#close(this.#current.exchange)
    this.#current = undefined
    await Promise.all(this.#closing)
  }

  async #succeed(old: Held, signal: AbortSignal): Promise<OpenExchange> {
    const fresh = this.#create(signal, () => {})
    const opened = await fresh.open
    if (this.#swap(old, fresh, signal)) return opened
    signal.throwIfAborted()
    return this.get(signal)
  }

  /** Unless `old` is in use no more: then nobody needs `fresh`. */
  #swap(old: Held, fresh: Held, signal: AbortSignal): boolean {
    if (this.#current !== old || signal.aborted) {
      this.#close(fresh.exchange)
      return false
    }
    this.#current = fresh
    old.replaced.abort(new ReplacedError())
    this.#close(old.exchange)
    return true
  }

  #create(signal: AbortSignal, onFailure: (held: Held) => void): Held {
    const exchange = this.#deps.createExchange()
    const replaced = new AbortController()
    const open = withDeadline(exchange.loadMarkets(), this.#callMs, this.#deps.clock, signal).then(
      symbols => ({ exchange, symbols, replaced: replaced.signal }),
      (error: unknown) => {
        onFailure(held)
        this.#close(exchange)
        throw error
      },
    )
    const held = { exchange, open, replaced, isSpent: false }
    return held
  }

  #close(exchange: Exchange): void {
    const closing = exchange.close().catch(() => {})
    this.#closing.add(closing)
    void closing.then(() => this.#closing.delete(closing))
  }
}
