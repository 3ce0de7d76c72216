import type { Clock } from '../../../runtime/clock.ts'

interface Sleeper {
  readonly atMs: number
  readonly wake: () => void
  isGone: boolean
}

/** A clock for long simulations: a wake costs a logarithm, and all sleepers of one moment wake together. */
export class HeapClock implements Clock {
  #nowMs: number
  readonly #heap: Sleeper[] = []

  constructor(nowMs: number) {
    this.#nowMs = nowMs
  }

  now(): number {
    return this.#nowMs
  }

  monotonic(): number {
    return this.#nowMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason)
        return
      }
      const onAbort = (): void => {
        sleeper.isGone = true
        reject(signal?.reason)
      }
      const wake = (): void => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }
      const sleeper: Sleeper = { atMs: this.#nowMs + Math.max(0, ms), wake, isGone: false }
      this.#push(sleeper)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** Moves time on; `settle` lets what woke run before the next moment. */
  async advance(ms: number, settle: () => Promise<void>): Promise<void> {
    const untilMs = this.#nowMs + ms
    for (;;) {
      this.#dropGone()
      const first = this.#heap[0]
      if (first === undefined || first.atMs > untilMs) break
      this.#nowMs = Math.max(this.#nowMs, first.atMs)
      while (this.#heap[0] !== undefined && this.#heap[0].atMs <= this.#nowMs) {
        const sleeper = this.#pop()
        if (sleeper?.isGone === false) sleeper.wake()
      }
      await settle()
    }
    this.#nowMs = untilMs
  }

  #dropGone(): void {
    while (this.#heap[0]?.isGone === true) this.#pop()
    // Deadlines that were met in time lie deep in the heap: they must not be kept until they would have passed.
    if (this.#heap.length < 4_096) return
    const alive = this.#heap.filter(({ isGone }) => !isGone).sort((a, b) => a.atMs - b.atMs)
    this.#heap.splice(0, this.#heap.length, ...alive)
  }

  #push(sleeper: Sleeper): void {
    const heap = this.#heap
    let at = heap.push(sleeper) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent]
      if (above === undefined || above.atMs <= sleeper.atMs) break
      heap[at] = above
      at = parent
    }
    heap[at] = sleeper
  }

  #pop(): Sleeper | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      const [left, right] = [heap[child], heap[child + 1]]
      if (left === undefined) break
      if (right !== undefined && right.atMs < left.atMs) child += 1
      const below = heap[child]
      if (below === undefined || below.atMs >= last.atMs) break
      heap[at] = below
      at = child
    }
    heap[at] = last
    return first
  }
}
