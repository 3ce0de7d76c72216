import type { Clock } from '../../../runtime/clock.ts'
import type { Random } from './random.ts'
import type { Timeline } from './timeline.ts'

export interface ClockFaults {
  /** How far this machine's wall clock is ahead. */
  offsetMs(): number
  /** How much later than asked a timer may fire: a busy process. */
  lagMs(): number
}

/** The clock of one life of one node. A killed node's timers never fire. */
export class NodeClock implements Clock {
  readonly #timeline: Timeline
  readonly #faults: ClockFaults
  readonly #random: Random
  readonly #bootMs: number
  #alive = true
  /** Timers that have not fired: what a node piles up shows here. */
  #sleeping = 0

  constructor(timeline: Timeline, faults: ClockFaults, random: Random) {
    this.#timeline = timeline
    this.#faults = faults
    this.#random = random
    this.#bootMs = timeline.nowMs
  }

  get sleeping(): number {
    return this.#sleeping
  }

  now(): number {
    return Math.floor(this.#timeline.nowMs + this.#faults.offsetMs())
  }

  monotonic(): number {
    return this.#timeline.nowMs - this.#bootMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason)
        return
      }
      const onAbort = (): void => {
        cancel()
        this.#sleeping -= 1
        reject(signal?.reason)
      }
      this.#sleeping += 1
      const cancel = this.#timeline.after(this.#delayOf(ms), () => {
        signal?.removeEventListener('abort', onAbort)
        this.#sleeping -= 1
        if (this.#alive) resolve()
      })
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  kill(): void {
    this.#alive = false
  }

  /** Real timers fire up to a millisecond early, and late when the process is busy. */
  #delayOf(ms: number): number {
    const earlyMs = ms > 2 && this.#random.chance(0.1) ? 1 : 0
    return Math.max(1, ms) - earlyMs + this.#random.fraction() * 2 + this.#faults.lagMs()
  }
}
