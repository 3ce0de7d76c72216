import type { Clock } from '../../runtime/clock.ts'
import { withDeadline } from './deadline.ts'
import type { Exchange } from './exchange.ts'

/** An exchange that is ready to be asked, and what it trades. */
export interface OpenExchange {
  readonly exchange: Pick<Exchange, 'watch' | 'fetch'>
  readonly symbols: ReadonlySet<string>
}

/** The venue does not trade this pair. A retry helps only once it is listed. */
export class NotListedError extends Error {
  readonly code = 'NOT_LISTED'
  constructor(venue: string, pair: string) {
    super(`${venue} does not list ${pair}`)
    this.name = 'NotListedError'
  }
}

export interface ConnectionDeps {
  readonly clock: Pick<Clock, 'sleep'>
  /** Makes an exchange without talking to anybody. */
  readonly createExchange: () => Exchange
}

/**
 * The one exchange of a venue that is in use: made when first asked for, replaced after `discard`. Watching and
 * polling share it, so that a venue sees one client that keeps one rate limit.
 */
export class VenueConnection {
  readonly #deps: ConnectionDeps
  readonly #callMs: number
  #current: { readonly open: Promise<OpenExchange>; readonly exchange: Exchange } | undefined
  readonly #closing = new Set<Promise<void>>()

  constructor(options: { readonly callMs: number }, deps: ConnectionDeps) {
    this.#callMs = options.callMs
    this.#deps = deps
  }

  /** The open exchange; concurrent callers wait for the same one. Rejects when the venue cannot be reached. */
  get(signal: AbortSignal): Promise<OpenExchange> {
    this.#current ??= this.#create(signal)
    return this.#current.open
  }

  /** Drops `open` if it is still in use. The next `get` makes another one. */
  discard(open: OpenExchange): void {
    if (this.#current?.exchange === open.exchange) this.#drop()
  }

  /** Resolves when no exchange is left open. */
  async close(): Promise<void> {
    this.#drop()
    await Promise.all(this.#closing)
  }

  #create(signal: AbortSignal) {
    const exchange = this.#deps.createExchange()
    const open = withDeadline(exchange.loadMarkets(), this.#callMs, this.#deps.clock, signal).then(
      symbols => ({ exchange, symbols }),
      (error: unknown) => {
        if (this.#current?.exchange === exchange) this.#drop()
        throw error
      },
    )
    return { open, exchange }
  }

  #drop(): void {
    if (this.#current === undefined) return
    const closing = this.#current.exchange.close().catch(() => {})
    this.#current = undefined
    this.#closing.add(closing)
    void closing.then(() => this.#closing.delete(closing))
  }
}
