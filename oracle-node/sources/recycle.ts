import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { OpenExchange, VenueConnection } from './connection.ts'
import type { SourceTiming } from './timing.ts'

/**
 * An exchange is replaced before its age says so when it has received this many frames: a hundred bytes that an
 * adapter keeps of each are 100 MB then. A venue of one update a second gets there in eleven days, one that floods
 * makes us connect once a {@link LOOK_MS}.
 */
export const MAX_SESSION_FRAMES = 1_000_000
/** How often frames are counted. */
export const LOOK_MS = 60_000

/** One at a time, in the order of asking. */
export class Turns {
  #last: Promise<void> = Promise.resolve()

  /** Runs `work` when everybody before has ended. Nobody is passed over: work that fails ends its turn. */
  async take<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#last
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#last = promise
    await before
    try {
      return await work()
    } finally {
      resolve()
    }
  }
}

export interface RecycleOptions {
  readonly venue: string
  readonly timing: SourceTiming
}

export interface RecycleDeps {
  readonly clock: Pick<Clock, 'sleep'>
  readonly logger: Logger
  /** In [0, 1). */
  readonly random: () => number
  readonly turns: Turns
}

/**
 * Replaces a venue's exchange now and then, for as long as the venue is watched: adapters keep a little of everything
 * that they ever heard. The fresh one is made, and streams, before the old one is closed. Venues take turns, for a
 * market list of megabytes is parsed while nothing else runs.
 *
 * @param takeOver resolves when the fresh exchange does what the old one did
 */
export async function recycle(
  connection: VenueConnection,
  options: RecycleOptions,
  deps: RecycleDeps,
  takeOver: (fresh: OpenExchange, signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { venue, timing } = options
  const { clock, logger, random, turns } = deps
  while (!signal.aborted) {
    try {
      let leftMs = timing.maxSessionMs * (0.5 + random() / 2)
      while (leftMs > 0) {
        const stepMs = Math.min(LOOK_MS, leftMs)
        await clock.sleep(stepMs, signal)
        leftMs = connection.frames() >= MAX_SESSION_FRAMES ? 0 : leftMs - stepMs
      }
      await turns.take(async () => {
        signal.throwIfAborted()
        await connection.replace(fresh => takeOver(fresh, signal), signal)
      })
    } catch (error) {
      // The old one serves on; the next turn is hours away, which does no harm.
      if (!signal.aborted) logger.debug('a venue could not be connected to anew', { venue, error })
    }
  }
}
