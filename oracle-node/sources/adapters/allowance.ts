import type { Clock } from '../../../runtime/clock.ts'

/** What the streams of one venue may send and cost in the long run, and at once. */
export interface Limit {
  readonly perSec: number
  readonly atOnce: number
}

/**
 * Each is ten times or more what a venue needs: the busiest push a few pairs each ten times a second; Bitstamp's books
 * are 10 kB each, all other frames below one; and a frame takes some 50 µs. What comes at once is what all other venues
 * may have to wait for.
 */
export const STREAM_LIMITS = {
  frames: { perSec: 1_000, atOnce: 2_000 },
  bytes: { perSec: 2_000_000, atOnce: 8_000_000 },
  /** A virtual machine may stand still amid a frame: that is no fault of the venue, and costs one connection. */
  parseMs: { perSec: 200, atOnce: 1_000 },
} as const satisfies Readonly<Record<string, Limit>>

export type Spent = keyof typeof STREAM_LIMITS

const NAMES = Object.keys(STREAM_LIMITS) as readonly Spent[]

/** What a venue may still send, which grows again with time. */
export class Allowance {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #left: Record<Spent, number>
  #atMs: number

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
    this.#atMs = clock.monotonic()
    const { frames, bytes, parseMs } = STREAM_LIMITS
    this.#left = { frames: frames.atOnce, bytes: bytes.atOnce, parseMs: parseMs.atOnce }
  }

  /** @returns what there is too much of, if anything */
  spend(cost: Readonly<Record<Spent, number>>): Spent | undefined {
    const nowMs = this.#clock.monotonic()
    const elapsedSec = (nowMs - this.#atMs) / 1_000
    this.#atMs = nowMs
    for (const name of NAMES) {
      const { perSec, atOnce } = STREAM_LIMITS[name]
      this.#left[name] = Math.min(atOnce, this.#left[name] + elapsedSec * perSec) - cost[name]
    }
    return NAMES.find(name => this.#left[name] < 0)
  }
}
