import { performance } from 'node:perf_hooks'

/** Where time comes from. Services take one, so that tests and simulations can hold time in their hands. */
export interface Clock {
  /** Wall time, Unix milliseconds. It can jump: use it for what the world sees, never to measure a duration. */
  now(): number
  /** Milliseconds since an arbitrary start; never goes back. */
  monotonic(): number
  /**
   * Resolves after `ms`. An abort rejects with the signal's reason, at once.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** setTimeout turns longer delays into 1 ms. */
const MAX_TIMER_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise<void>((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason)
        return
      }
      const onAbort = (): void => {
        clearTimeout(timer)
        reject(signal?.reason)
      }
      const timer = setTimeout(
        () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        },
        Math.min(Math.max(0, ms), MAX_TIMER_MS),
      )
      signal?.addEventListener('abort', onAbort, { once: true })
    }),
}
