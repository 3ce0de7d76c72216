import type { Clock } from './clock.ts'
import type { Logger } from './logger.ts'
import type { Service } from './service.ts'

export interface LoopOptions {
  readonly name: string
  /** Ticks lie at start + k · everyMs; the first one is at once. */
  readonly everyMs: number
  readonly clock: Clock
  readonly logger: Logger
  /** Set where a run may well take longer than a tick: then skipped ticks are counted, but nobody is told. */
  readonly longRuns?: boolean
  /** One piece of work. What it throws is logged, and the loop goes on. */
  run(signal: AbortSignal): Promise<void>
}

export interface Loop extends Service {
  /** Ticks that were not run because the one before them was still going. */
  readonly skipped: number
}

/**
 * Repeats work at a fixed pace. A run never overlaps the one before it: ticks that pass meanwhile are skipped,
 * counted, and said once per late run. `stop` aborts the run's signal and waits for it.
 */
export function createLoop(options: LoopOptions): Loop {
  const { clock, logger, everyMs } = options
  let abort: AbortController | undefined
  let running: Promise<void> | undefined
  let skipped = 0

  const repeat = async (signal: AbortSignal): Promise<void> => {
    let dueAt = clock.monotonic()
    while (!signal.aborted) {
      try {
        await options.run(signal)
      } catch (error) {
        if (signal.aborted) return
        logger.error('scheduled work failed', { loop: options.name, error })
      }
      const late = Math.max(0, Math.floor((clock.monotonic() - dueAt) / everyMs))
      if (late > 0) {
        skipped += late
        const fields = { loop: options.name, skipped: late, everyMs }
        if (options.longRuns === true) logger.debug('scheduled work took long, ticks skipped', fields)
        else logger.warn('scheduled work is late, ticks skipped', fields)
      }
      dueAt += (late + 1) * everyMs
      await clock.sleep(dueAt - clock.monotonic(), signal).catch(() => {})
    }
  }

  return {
    name: options.name,
    get skipped() {
      return skipped
    },
    start: async () => {
      if (running !== undefined) throw new Error(`the loop ${options.name} is already running`)
      abort = new AbortController()
      running = repeat(abort.signal)
    },
    stop: async () => {
      abort?.abort(new Error(`the loop ${options.name} is stopping`))
      await running
      running = undefined
    },
  }
}
