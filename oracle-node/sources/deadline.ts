import type { Clock } from '../../runtime/clock.ts'

/** Nothing came in time. Trying again can help. */
export class DeadlineError extends Error {
  readonly code = 'TIMEOUT'
  constructor(ms: number) {
    super(`no answer within ${ms} ms`)
    this.name = 'DeadlineError'
  }
}

/**
 * Work that can be waited for again and again. `Promise.race` would leave a reaction behind on the work at each wait
 * that it loses: a stream that is silent for days would collect them.
 */
export class Pending<T> {
  #settled: { readonly outcome: Promise<T> } | undefined
  #wake: (() => void) | undefined

  constructor(work: Promise<T>) {
    const settle = (): void => {
      this.#settled = { outcome: work }
      this.#wake?.()
    }
    work.then(settle, settle)
  }

  /**
   * The work's outcome, or {@link DeadlineError} after `ms`, or the signal's reason when it aborts. One wait at a time.
   */
  async wait(ms: number, clock: Pick<Clock, 'sleep'>, signal: AbortSignal): Promise<T> {
    const over = new AbortController()
    const onAbort = (): void => over.abort(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    const { promise: woken, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    if (this.#settled !== undefined) resolve()
    const late = clock.sleep(ms, over.signal).then(() => {
      throw new DeadlineError(ms)
    })
    try {
      await Promise.race([woken, late])
      if (this.#settled === undefined) throw new DeadlineError(ms)
      return await this.#settled.outcome
    } finally {
      this.#wake = undefined
      signal.removeEventListener('abort', onAbort)
      over.abort()
    }
  }
}

/** As {@link Pending.wait}. Work that loses is left alone and its late result, good or bad, is ignored. */
export function withDeadline<T>(
  work: Promise<T>,
  ms: number,
  clock: Pick<Clock, 'sleep'>,
  signal: AbortSignal,
): Promise<T> {
  return new Pending(work).wait(ms, clock, signal)
}
