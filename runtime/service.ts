import type { Logger } from './logger.ts'

/** Something that runs. Constructors do no work; `stop` resolves when nothing of it runs any more. */
export interface Service {
  readonly name: string
  /** Resolves when it is ready. An aborted `signal` means: give up starting. */
  start(signal: AbortSignal): Promise<void>
  /** Safe to call twice, before `start`, and after a `start` that failed midway. */
  stop(): Promise<void>
}

/** What is there from the beginning and has to be put away at the end, such as an open database. */
export function stopOnly(name: string, stop: () => void): Service {
  return { name, start: async () => {}, stop: async () => stop() }
}

export interface ServiceGroupOptions {
  readonly logger: Logger
  /** How long one service may take to stop before it is left behind, and said so. */
  readonly stopDeadlineMs: number
}

export class StopDeadlineError extends Error {
  readonly code = 'STOP_DEADLINE'
  readonly services: readonly string[]
  constructor(group: string, services: readonly string[], deadlineMs: number) {
    super(`${group}: ${services.join(', ')} did not stop within ${deadlineMs} ms`)
    this.name = 'StopDeadlineError'
    this.services = services
  }
}

/**
 * Starts in order, stops in reverse. When a start fails, or the signal aborts midway, what had been started is
 * stopped before the error is passed on.
 *
 * The deadline covers the whole group: a service that hangs gets what is left, and those before it are still
 * stopped. `stop` then rejects with {@link StopDeadlineError}, or with what a service threw.
 */
export function serviceGroup(
  name: string,
  services: readonly Service[],
  options: ServiceGroupOptions,
): Service {
  const started: Service[] = []
  let stopping: Promise<void> | undefined

  const stopAll = async (): Promise<void> => {
    const deadlineAt = performance.now() + options.stopDeadlineMs
    const hung: string[] = []
    const errors: unknown[] = []
    for (let service = started.pop(); service !== undefined; service = started.pop()) {
      try {
        const leftMs = Math.max(0, deadlineAt - performance.now())
        if (!(await settlesWithin(service.stop(), leftMs))) hung.push(service.name)
      } catch (error) {
        options.logger.error('a service failed to stop', { service: service.name, error })
        errors.push(error)
      }
    }
    if (hung.length > 0) throw new StopDeadlineError(name, hung, options.stopDeadlineMs)
    if (errors.length > 0) throw errors[0]
  }

  const stop = (): Promise<void> => {
    stopping ??= stopAll().finally(() => {
      stopping = undefined
    })
    return stopping
  }

  const start = async (signal: AbortSignal): Promise<void> => {
    for (const service of services) {
      try {
        signal.throwIfAborted()
        // Before its start, so that one that fails halfway through is stopped too.
        started.push(service)
        await service.start(signal)
      } catch (error) {
        await stop().catch((stopError: unknown) => {
          options.logger.error('stopping after a failed start went wrong', { group: name, error: stopError })
        })
        throw error
      }
    }
  }

  return { name, start, stop }
}

/** True when `work` settles in time (a rejection is passed on), false when the time is over first. */
async function settlesWithin(work: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>(resolve => {
    timer = setTimeout(() => resolve(false), ms)
  })
  try {
    return await Promise.race([work.then(() => true as const), late])
  } finally {
    clearTimeout(timer)
  }
}
