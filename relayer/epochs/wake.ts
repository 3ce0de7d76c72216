/** Wakes the epoch runner by the clock on the wall; block time decides what is due. */
import { createTask, type ScheduledTask, validateDetailed } from 'node-cron'
import type { Logger } from '../../runtime/logger.ts'
import type { Service } from '../../runtime/service.ts'

/** The configured expression is none. Only a change of configuration helps. */
export class WakeExpressionError extends Error {
  readonly code = 'WAKE_EXPRESSION'
  constructor(expression: string, faults: readonly string[]) {
    super(
      `wake is "${expression}", which is no cron expression (${faults.join('; ')}): use six fields, such as "* * * * * *" for every second`,
    )
    this.name = 'WakeExpressionError'
  }
}

export interface WakeOptions {
  readonly name: string
  /** Cron expression with seconds. */
  readonly expression: string
}

export interface WakeDeps {
  readonly logger: Logger
  readonly run: (signal: AbortSignal) => Promise<void>
  /** A tick came while the run before it was still going. */
  readonly skipped: () => void
}

/**
 * Runs at once when started, then by the expression; never twice at a time. `stop` aborts the run's signal and waits
 * for it.
 *
 * @throws {WakeExpressionError}
 */
export function createWake({ name, expression }: WakeOptions, deps: WakeDeps): Service {
  const { valid, errors } = validateDetailed(expression)
  if (!valid)
    throw new WakeExpressionError(
      expression,
      errors.map(({ message }) => message),
    )
  const { logger } = deps
  let abort = new AbortController()
  let running: Promise<void> | undefined
  let task: ScheduledTask | undefined

  const run = (): Promise<void> => {
    running ??= deps
      .run(abort.signal)
      .catch((error: unknown) => {
        if (!abort.signal.aborted) logger.error('scheduled work failed', { task: name, error })
      })
      .finally(() => {
        running = undefined
      })
    return running
  }

  return {
    name,
    start: async () => {
      abort = new AbortController()
      task = createTask(expression, run, {
        name,
        noOverlap: true,
        // Its own logger writes to the console, and says of every late tick what the counter says.
        suppressMissedWarning: true,
        logger: {
          info: text => logger.debug('cron', { text }),
          warn: text => logger.debug('cron', { text }),
          error: text => logger.warn('a cron task has a fault', { task: name, text: String(text) }),
          debug: () => {},
        },
      })
      task.on('execution:overlap', deps.skipped)
      await task.start()
      void run()
    },
    stop: async () => {
      abort.abort(new Error(`${name} is stopping`))
      await task?.destroy()
      task = undefined
      await running
    },
  }
}
