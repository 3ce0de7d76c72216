import type { Clock } from '../clock.ts'

export interface Deadline {
  /** Aborts when the time is over or a parent aborts. */
  readonly signal: AbortSignal
  /** Whether it was the time. */
  readonly expired: boolean
  cancel(reason: unknown): void
  /** Ends the timer and lets go of the parents; the signal stays as it is. Must be called. */
  release(): void
}

/** One signal from a time limit and any number of parents, undone by hand: long-lived parents collect no listeners. */
export function createDeadline(clock: Clock, ms: number, parents: readonly AbortSignal[]): Deadline {
  const result = new AbortController()
  const timer = new AbortController()
  let expired = false
  const releases: (() => void)[] = []

  const release = (): void => {
    timer.abort()
    for (const undo of releases.splice(0)) undo()
  }
  const cancel = (reason: unknown): void => {
    release()
    result.abort(reason)
  }

  for (const parent of parents) {
    const onAbort = (): void => cancel(parent.reason)
    parent.addEventListener('abort', onAbort, { once: true })
    releases.push(() => parent.removeEventListener('abort', onAbort))
  }
  const aborted = parents.find(parent => parent.aborted)
  if (aborted !== undefined) {
    cancel(aborted.reason)
  } else {
    const onTime = (): void => {
      expired = true
      cancel(new Error('the time is over'))
    }
    clock.sleep(ms, timer.signal).then(onTime, () => {})
  }

  return {
    signal: result.signal,
    get expired() {
      return expired
    },
    cancel,
    release,
  }
}
