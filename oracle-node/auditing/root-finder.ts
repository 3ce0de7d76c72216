/**
 * Finds the roots of windows that others had in time and this node did not, as soon as their draws may be made. Not only
 * when an epoch is audited: a relayer that sent its root at the last moment, to just as many as it takes, could read the
 * draw together with f members and settle the epoch as if there were none, before anybody else could make it.
 */
import type { Beacons } from '../../member/beacons/beacons.ts'
import type { Hash } from '../../protocol/bytes.ts'
import { drawSec, isWindow, mayBeWindow, slotOf, type WindowTerms } from '../../protocol/epoch/windows.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'

export interface RootFinderDeps {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly logger: Pick<Logger, 'info' | 'debug'>
  /** Time of the newest block. */
  readonly nowSec: () => number | undefined
  readonly beacons: Pick<Beacons, 'ask'>
  /** Whether a root of a slot came in time, or was found before. */
  readonly hasRoot: (slot: number) => boolean
  /** What f + 1 others had in time. */
  readonly witnessed: (slot: number, signal: AbortSignal) => Promise<Hash | undefined>
  readonly adopt: (slot: number, root: Hash) => void
  /** Aborts when the node stops. */
  readonly lifetime: AbortSignal
}

/** As many as draws are still made for, see the maker. */
const LATE_SLOTS = 8
/** Once when the draw may be made, and once more for what a witness had still to write then. */
const MAX_TRIES = 2
const AGAIN_MS = 2_000

interface Search {
  tries: number
  lastMs: number
  running: Promise<void> | undefined
}

export class RootFinder {
  readonly #terms: WindowTerms
  readonly #deps: RootFinderDeps
  /** By slot; at most {@link LATE_SLOTS}. */
  readonly #searches = new Map<number, Search>()

  constructor(terms: WindowTerms, deps: RootFinderDeps) {
    this.#terms = terms
    this.#deps = deps
  }

  /** Begins what is due. To be called several times a second, after draws of roots that are here have been made. */
  tick(): void {
    const { nowSec: now, hasRoot, clock } = this.#deps
    const nowSec = now()
    if (nowSec === undefined) return
    const end = slotOf(this.#terms, nowSec - this.#terms.graceSec)
    for (const slot of this.#searches.keys()) if (slot < end - LATE_SLOTS) this.#searches.delete(slot)
    for (let slot = Math.max(0, end - LATE_SLOTS); slot < end; slot++) {
      if (!mayBeWindow(this.#terms, slot) || nowSec < drawSec(this.#terms, slot) || hasRoot(slot)) continue
      const search = this.#searches.get(slot) ?? { tries: 0, lastMs: 0, running: undefined }
      this.#searches.set(slot, search)
      if (search.running !== undefined || search.tries >= MAX_TRIES) continue
      if (search.tries > 0 && clock.monotonic() - search.lastMs < AGAIN_MS) continue
      search.tries++
      search.lastMs = clock.monotonic()
      search.running = this.#search(slot, search).finally(() => {
        search.running = undefined
      })
    }
  }

  /** Resolves when nothing is being asked. */
  async idle(): Promise<void> {
    await Promise.all([...this.#searches.values()].map(({ running }) => running))
  }

  async #search(slot: number, search: Search): Promise<void> {
    const { beacons, witnessed, adopt, hasRoot, logger, lifetime } = this.#deps
    try {
      const beacon = await beacons.ask({ kind: 'window', slot }, lifetime)
      if (beacon === undefined) return
      if (!isWindow(this.#terms, slot, beacon)) {
        search.tries = MAX_TRIES
        return
      }
      const root = await witnessed(slot, lifetime)
      if (root === undefined || hasRoot(slot)) return
      logger.info('draws for a root that only others had in time', { window: slot, root })
      adopt(slot, root)
    } catch (error) {
      if (!lifetime.aborted)
        logger.debug('a root that others may have could not be asked for', { slot, error })
    }
  }
}
