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
 * `work`, or {@link DeadlineError} after `ms`, or the signal's reason when it aborts. Work that loses is left alone
 * and its late result, good or bad, is ignored.
 */
export async function withDeadline<T>(
  work: Promise<T>,
  ms: number,
  clock: Pick<Clock, 'sleep'>,
  signal: AbortSignal,
): Promise<T> {
  const over = new AbortController()
  const onAbort = (): void => over.abort(signal.reason)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  const late = clock.sleep(ms, over.signal).then(() => {
    throw new DeadlineError(ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    signal.removeEventListener('abort', onAbort)
    over.abort()
  }
}
