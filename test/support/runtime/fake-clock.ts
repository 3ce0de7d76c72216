import type { Clock } from '../../../runtime/clock.ts'

interface Sleeper {
  readonly wakeAt: number
  readonly wake: () => void
}

/** A clock that stands still until it is told to go on. */
export class FakeClock implements Clock {
  #nowMs: number
  readonly #sleepers = new Set<Sleeper>()

  constructor(startMs = 0) {
    this.#nowMs = startMs
  }

  now(): number {
    return this.#nowMs
  }

  monotonic(): number {
    return this.#nowMs
  }

  get sleeping(): number {
    return this.#sleepers.size
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason)
        return
      }
      const sleeper = { wakeAt: this.#nowMs + ms, wake: resolve }
      this.#sleepers.add(sleeper)
      signal?.addEventListener('abort', () => {
        this.#sleepers.delete(sleeper)
        reject(signal.reason)
      })
    })
  }

  /** Lets time pass while nothing else happens: nobody wakes up. */
  busy(ms: number): void {
    this.#nowMs += ms
  }

  /** Lets time pass, wakes whoever is due in order, and lets what they do settle. */
  async advance(ms: number): Promise<void> {
    const until = this.#nowMs + ms
    await settle()
    for (;;) {
      const [next] = [...this.#sleepers].sort((a, b) => a.wakeAt - b.wakeAt)
      if (next === undefined || next.wakeAt > until) break
      this.#sleepers.delete(next)
      this.#nowMs = Math.max(this.#nowMs, next.wakeAt)
      next.wake()
      await settle()
    }
    this.#nowMs = Math.max(this.#nowMs, until)
  }
}

/** Until all that was ready has run: promises before an immediate, twice for chains that pass through one. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) await new Promise(resolve => setImmediate(resolve))
}
