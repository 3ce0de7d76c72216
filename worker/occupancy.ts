/** Who has the worker: one inference at a time, or one hirer. A challenge window runs beside either. */
import type { Address } from '../protocol/bytes.ts'
import { RefusedError } from './refused.ts'

/** Requests waiting for their turn: a second or two of work, after which asking elsewhere is quicker. */
export const MAX_QUEUE = 8

export class Occupancy {
  #hirer: Address | undefined
  #queued = 0
  #last: Promise<unknown> = Promise.resolve()

  /** Who hires; undefined while nobody does. */
  get hirer(): Address | undefined {
    return this.#hirer
  }

  /** Inferences that run or wait. */
  get queued(): number {
    return this.#queued
  }

  get state(): 'idle' | 'hired' {
    return this.#hirer === undefined ? 'idle' : 'hired'
  }

  /** @throws {RefusedError} HIRED, BUSY */
  admit(payer: Address): void {
    if (this.#hirer !== undefined && this.#hirer !== payer) throw new RefusedError('HIRED')
    if (this.#queued >= MAX_QUEUE) throw new RefusedError('BUSY')
  }

  /** Runs when everything before it is done. @throws {RefusedError} HIRED, BUSY; and what the work throws */
  async inTurn<T>(payer: Address, work: () => Promise<T>): Promise<T> {
    this.admit(payer)
    this.#queued++
    const turn = this.#last.then(() => {
      if (this.#hirer !== undefined && this.#hirer !== payer) throw new RefusedError('HIRED')
      return work()
    })
    this.#last = turn.catch(() => {})
    try {
      return await turn
    } finally {
      this.#queued--
    }
  }

  /** @throws {RefusedError} HIRED, BUSY while inferences run */
  admitHire(): void {
    if (this.#hirer !== undefined) throw new RefusedError('HIRED')
    if (this.#queued > 0) throw new RefusedError('BUSY')
  }

  /** @throws {RefusedError} as {@link admitHire} */
  hire(payer: Address): void {
    this.admitHire()
    this.#hirer = payer
  }

  release(): void {
    this.#hirer = undefined
  }
}
