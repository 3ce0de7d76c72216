/** Virtual time: a queue of events. Nothing waits; time jumps from one event to the next. */

interface Entry {
  readonly timeMs: number
  /** Among events of one moment, the order in which they were asked for. */
  readonly order: number
  run: (() => void) | undefined
}

export type Cancel = () => void

export class Timeline {
  #nowMs: number
  #scheduled = 0
  readonly #heap: Entry[] = []
  readonly #pauses: { readonly fromMs: number; readonly toMs: number }[] = []

  constructor(startMs: number) {
    this.#nowMs = startMs
  }

  /** Unix milliseconds, with fractions: what no node sees, for each has a clock of its own. */
  get nowMs(): number {
    return this.#nowMs
  }

  get pending(): number {
    return this.#heap.length
  }

  at(timeMs: number, run: () => void): Cancel {
    const entry: Entry = { timeMs: Math.max(timeMs, this.#nowMs), order: this.#scheduled++, run }
    this.#push(entry)
    return () => {
      entry.run = undefined
    }
  }

  /** Nothing happens between the two: what was due then is late, and comes in its order. */
  pause(fromMs: number, toMs: number): void {
    this.#pauses.push({ fromMs, toMs })
  }

  after(delayMs: number, run: () => void): Cancel {
    return this.at(this.#nowMs + delayMs, run)
  }

  /** Runs every event up to then; between two of them everything that was awaited goes on as far as it can. */
  async runUntil(untilMs: number, afterEach: () => boolean): Promise<void> {
    for (let next = this.#heap[0]; next !== undefined && next.timeMs <= untilMs; next = this.#heap[0]) {
      this.#pop()
      if (next.run === undefined) continue
      this.#nowMs = Math.max(this.#nowMs, this.#awakeAt(next.timeMs))
      next.run()
      await microtasksDrained()
      if (!afterEach()) return
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs)
  }

  #awakeAt(timeMs: number): number {
    return this.#pauses.find(({ fromMs, toMs }) => fromMs <= timeMs && timeMs < toMs)?.toMs ?? timeMs
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let index = heap.push(entry) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!this.#before(index, parent)) return
      this.#swap(index, parent)
      index = parent
    }
  }

  #pop(): void {
    const heap = this.#heap
    this.#swap(0, heap.length - 1)
    heap.pop()
    for (let index = 0; ; ) {
      const [left, right] = [2 * index + 1, 2 * index + 2]
      let least = index
      if (left < heap.length && this.#before(left, least)) least = left
      if (right < heap.length && this.#before(right, least)) least = right
      if (least === index) return
      this.#swap(index, least)
      index = least
    }
  }

  #before(a: number, b: number): boolean {
    const [left, right] = [this.#heap[a], this.#heap[b]]
    if (left === undefined || right === undefined) return false
    return left.timeMs < right.timeMs || (left.timeMs === right.timeMs && left.order < right.order)
  }

  #swap(a: number, b: number): void {
    const [left, right] = [this.#heap[a], this.#heap[b]]
    if (left === undefined || right === undefined) return
    this.#heap[a] = right
    this.#heap[b] = left
  }
}

/** An immediate comes after every microtask, however many follow from one another. Nothing else runs in between. */
function microtasksDrained(): Promise<void> {
  return new Promise(resolve => {
    setImmediate(resolve)
  })
}
