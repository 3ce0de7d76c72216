import type { Clock } from '../../runtime/clock.ts'

/** Addresses remembered; when there are more, all begin anew, which lets a flood in once. */
const MAX_ADDRESSES = 4_096

/** So many requests a second for each address, after a burst: what it lets through is bounded, not who comes. */
export class RateLimit {
  readonly #perSec: number
  readonly #burst: number
  readonly #clock: Clock
  readonly #buckets = new Map<string, { left: number; atMs: number }>()

  constructor(options: { readonly perSec: number; readonly burst: number }, clock: Clock) {
    this.#perSec = options.perSec
    this.#burst = options.burst
    this.#clock = clock
  }

  /** @param cost of this request, in requests of the usual kind */
  allows(address: string, cost = 1): boolean {
    const nowMs = this.#clock.monotonic()
    if (this.#buckets.size >= MAX_ADDRESSES && !this.#buckets.has(address)) this.#buckets.clear()
    const bucket = this.#buckets.get(address) ?? { left: this.#burst, atMs: nowMs }
    this.#buckets.set(address, bucket)
    bucket.left = Math.min(this.#burst, bucket.left + ((nowMs - bucket.atMs) * this.#perSec) / 1_000)
    bucket.atMs = nowMs
    if (bucket.left < cost) return false
    bucket.left -= cost
    return true
  }
}
