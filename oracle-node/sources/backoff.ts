import type { Clock } from '../../runtime/clock.ts'
import { retryDelayMs, type SourceTiming } from './timing.ts'
import { codeOf, retryAfterOf } from './venue-error.ts'

export interface BackoffDeps {
  readonly clock: Pick<Clock, 'monotonic'>
  /** In [0, 1). */
  readonly random: () => number
}

/** One streak of failures, and how long to wait because of it. Who shares it waits together. */
export class Backoff {
  readonly #timing: SourceTiming
  readonly #deps: BackoffDeps
  #failures = 0
  #untilMs = 0

  constructor(timing: SourceTiming, deps: BackoffDeps) {
    this.#timing = timing
    this.#deps = deps
  }

  /** @returns the wait that begins now */
  failed(error: unknown): number {
    this.#failures += 1
    const { clock, random } = this.#deps
    const waitMs = retryDelayMs(codeOf(error), this.#failures, random(), this.#timing, retryAfterOf(error))
    this.#untilMs = clock.monotonic() + waitMs
    return waitMs
  }

  /** Ends the streak. */
  worked(): void {
    this.#failures = 0
  }

  /** Of the wait; 0 or less when it is over. */
  get leftMs(): number {
    return this.#untilMs - this.#deps.clock.monotonic()
  }
}
