/** What others still owe this member in one stage of a key generation: each piece comes once, whoever brings it. */
export class Inbox<T> {
  readonly #waiting: ReadonlyMap<number, PromiseWithResolvers<T>>
  readonly #got = new Map<number, T>()

  constructor(slots: readonly number[]) {
    this.#waiting = new Map(slots.map(slot => [slot, Promise.withResolvers<T>()]))
    // Nobody may be waiting when a piece is refused for good.
    for (const { promise } of this.#waiting.values()) promise.catch(() => {})
  }

  /** Slots whose piece is not there, ascending. */
  get missing(): number[] {
    return [...this.#waiting.keys()].filter(slot => !this.#got.has(slot))
  }

  wants(slot: number): boolean {
    return this.#waiting.has(slot) && !this.#got.has(slot)
  }

  put(slot: number, piece: T): void {
    if (!this.wants(slot)) return
    this.#got.set(slot, piece)
    this.#waiting.get(slot)?.resolve(piece)
  }

  /** What came is proof of a fault: nothing better will. */
  refuse(slot: number, reason: unknown): void {
    this.#waiting.get(slot)?.reject(reason)
  }

  /** All pieces by slot. Rejects with the first that was refused. */
  async all(signal: AbortSignal): Promise<ReadonlyMap<number, T>> {
    const ended = Promise.withResolvers<never>()
    const onAbort = (): void => ended.reject(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await Promise.race([
        ended.promise,
        Promise.all([...this.#waiting.values()].map(({ promise }) => promise)),
      ])
      return this.#got
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }
}
