/**
 * One after the other, of each name, in the order in which they came. Requests of one channel take turns: each
 * statement is then compared with the one before it. The worker would take them one at a time anyway.
 */
export class Turns {
  /** Of names with somebody in turn: as many as there are requests at once. */
  readonly #last = new Map<string, Promise<void>>()

  /** Call the result when the turn is over. */
  async take(name: string): Promise<() => void> {
    const before = this.#last.get(name)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#last.set(name, promise)
    await before
    return () => {
      if (this.#last.get(name) === promise) this.#last.delete(name)
      resolve()
    }
  }
}
