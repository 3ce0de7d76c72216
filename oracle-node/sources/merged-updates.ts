import type { Clock } from '../../runtime/clock.ts'
import { Pending } from './deadline.ts'

/**
 * The updates of a stream, at most one in `mergeMs`: the first at once, then the last of those that came meanwhile. The
 * stream is listened to all the time, for an adapter keeps at most one update for who does not.
 */
export class MergedUpdates<T> {
  readonly #watch: () => Promise<T>
  readonly #mergeMs: number
  readonly #clock: Pick<Clock, 'monotonic' | 'sleep'>
  #pending: Pending<T>
  #notBeforeMs = 0

  /** @param watch the stream's next update */
  constructor(watch: () => Promise<T>, mergeMs: number, clock: Pick<Clock, 'monotonic' | 'sleep'>) {
    this.#watch = watch
    this.#mergeMs = mergeMs
    this.#clock = clock
    this.#pending = new Pending(watch())
  }

  /**
   * The next of them. Fails as {@link Pending.wait} does: with the stream's error, after everything that came before
   * it; with a DeadlineError after `ms`, and may then be asked again.
   */
  async next(ms: number, signal: AbortSignal): Promise<T> {
    let last: { readonly update: T } | undefined
    for (;;) {
      const leftMs = this.#notBeforeMs - this.#clock.monotonic()
      if (leftMs <= 0) break
      try {
        last = { update: await this.#one(leftMs, signal) }
      } catch {
        // Nothing more in this window, or for ever: the next wait tells which.
        break
      }
    }
    const update = last === undefined ? await this.#one(ms, signal) : last.update
    this.#notBeforeMs = this.#clock.monotonic() + this.#mergeMs
    return update
  }

  async #one(ms: number, signal: AbortSignal): Promise<T> {
    const update = await this.#pending.wait(ms, this.#clock, signal)
    this.#pending = new Pending(this.#watch())
    return update
  }
}
