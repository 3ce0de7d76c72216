/**
 * A clock that goes on to the next timer whenever nothing else is left to do: waiting costs no time, and computing
 * costs none of anybody's limits. Sound only among parts that wait for nothing but it and one another, all of them in
 * microtasks.
 */
import type { Clock } from '../../../runtime/clock.ts'

interface Timer {
  readonly atMs: number
  readonly fire: () => void
}

export interface IdleClock extends Clock {
  /** Goes ahead at once; timers on the way are late. */
  skip(ms: number): void
}

export function idleClock(startMs: number): IdleClock {
  const timers = new Set<Timer>()
  let nowMs = 0
  let scheduled = false
  const schedule = (): void => {
    if (scheduled || timers.size === 0) return
    scheduled = true
    setImmediate(() => {
      scheduled = false
      const [first, ...rest] = timers
      if (first === undefined) return
      const next = rest.reduce((a, b) => (b.atMs < a.atMs ? b : a), first)
      timers.delete(next)
      nowMs = Math.max(nowMs, next.atMs)
      next.fire()
      schedule()
    })
  }
  return {
    now: () => startMs + nowMs,
    monotonic: () => nowMs,
    skip: ms => {
      nowMs += ms
    },
    sleep: (ms, signal) =>
      new Promise<void>((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason)
          return
        }
        const onAbort = (): void => {
          timers.delete(timer)
          reject(signal?.reason)
        }
        const timer: Timer = {
          atMs: nowMs + Math.max(0, ms),
          fire: () => {
            signal?.removeEventListener('abort', onAbort)
            resolve()
          },
        }
        timers.add(timer)
        signal?.addEventListener('abort', onAbort, { once: true })
        schedule()
      }),
  }
}
