import type { Clock } from '../../runtime/clock.ts'

/**
 * Whether this machine's wall clock can be believed: it must run like the monotonic one. A step, by hand or by
 * a time server, puts quotes into wrong slots; after one this node stays silent until the clock has been steady
 * for a while.
 */
export class ClockWatch {
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>
  readonly #toleranceMs: number
  readonly #settleMs: number
  #offsetMs: number
  #steadySinceMs = Number.NEGATIVE_INFINITY

  constructor(clock: Pick<Clock, 'now' | 'monotonic'>, toleranceMs: number, settleMs: number) {
    this.#clock = clock
    this.#toleranceMs = toleranceMs
    this.#settleMs = settleMs
    this.#offsetMs = clock.now() - clock.monotonic()
  }

  /** Called once a round; also follows slow, honest drift. */
  isSteady(): boolean {
    const offsetMs = this.#clock.now() - this.#clock.monotonic()
    const stepped = Math.abs(offsetMs - this.#offsetMs) > this.#toleranceMs
    this.#offsetMs = offsetMs
    if (stepped) this.#steadySinceMs = this.#clock.monotonic() + this.#settleMs
    return this.#clock.monotonic() >= this.#steadySinceMs
  }
}
