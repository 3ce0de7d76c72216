import type { Clock } from '../../runtime/clock.ts'

export interface TurnsOptions {
  /** How many have their turn together. */
  readonly places: number
  /** Who takes longer goes on, but makes room for the next: a venue that hangs must not hold up the others. */
  readonly patienceMs: number
}

/**
 * For the market lists of all venues of a process: megabytes each, parsed while nothing else runs. Behind five venues
 * that hang the next begins after twice `patienceMs`; the fifth keeps one of the places for `patienceMs` more.
 */
export const MARKET_LIST_TURNS: TurnsOptions = { places: 2, patienceMs: 3_000 }

/** A few at a time, in the order of asking. */
export class Turns {
  readonly #patienceMs: number
  readonly #clock: Pick<Clock, 'sleep'>
  #free: number
  readonly #waiting = new Set<() => void>()

  constructor({ places, patienceMs }: TurnsOptions, clock: Pick<Clock, 'sleep'>) {
    this.#free = places
    this.#patienceMs = patienceMs
    this.#clock = clock
  }

  /** Runs `work` when there is room. Work that fails ends its turn; an abort ends the wait with its reason. */
  async take<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#room(signal)
    const over = new AbortController()
    // When its time is over, or it has ended: whichever comes first.
    void this.#clock
      .sleep(this.#patienceMs, over.signal)
      .catch(() => {})
      .then(() => this.#leave())
    try {
      return await work()
    } finally {
      over.abort()
    }
  }

  #room(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#free > 0) {
      this.#free -= 1
      return Promise.resolve()
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const enter = (): void => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }
    const onAbort = (): void => {
      this.#waiting.delete(enter)
      reject(signal.reason)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    this.#waiting.add(enter)
    return promise
  }

  #leave(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#free += 1
      return
    }
    this.#waiting.delete(next)
    next()
  }
}
