import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { OpenExchange, VenueConnection } from './connection.ts'
import type { SourceTiming } from './timing.ts'

/**
 * An exchange is replaced before its age says so when it has received this many frames, and with it goes whatever an
 * adapter should have kept of each: were it a hundred bytes, 100 MB by then. A venue of one update a second would get
 * there in eleven days; one that sends as fast as it may (`adapters/allowance.ts`), in a quarter of an hour. However
 * fast, it is looked at once a {@link LOOK_MS}.
 */
export const MAX_SESSION_FRAMES = 1_000_000
/** How often frames are counted. */
export const LOOK_MS = 60_000

export interface RecycleMetrics {
  /** A venue's exchange could not be replaced by a fresh one. */
  recycleFailed(venue: string): void
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
  readonly metrics: RecycleMetrics
}

/**
 * Replaces a venue's exchange now and then, for as long as the venue is watched: adapters are not ours, and may keep a
 * little of what they hear; and venues list what they did not. The fresh one is made, and streams, before the old one is
 * closed.
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
  const { clock, logger, random, metrics } = deps
  while (!signal.aborted) {
    try {
      let leftMs = timing.maxSessionMs * (0.5 + random() / 2)
      while (leftMs > 0) {
        const stepMs = Math.min(LOOK_MS, leftMs)
        await clock.sleep(stepMs, signal)
        leftMs = connection.frames() >= MAX_SESSION_FRAMES ? 0 : leftMs - stepMs
      }
      await connection.replace(fresh => takeOver(fresh, signal), signal)
    } catch (error) {
      if (signal.aborted) return
      // The old one serves on; the next time is hours away, which does no harm.
      metrics.recycleFailed(venue)
      logger.debug('a venue could not be connected to anew', { venue, error })
    }
  }
}
