import type { Clock } from '../../runtime/clock.ts'

/** Networks remembered; when there are more, who has been away longest is forgotten, and would begin anew. */
const MAX_NETWORKS = 4_096

export interface Rate {
  readonly perSec: number
  /** What may come at once. */
  readonly burst: number
}

interface Bucket {
  left: number
  atMs: number
}

/**
 * So many requests a second for each network, after a burst: what it lets through is bounded, not who comes. A network
 * is an IPv4 address, or the /64 of an IPv6 address: whoever has one of those has all 2^64.
 */
export class RateLimit {
  readonly #each: Rate
  readonly #all: Rate | undefined
  readonly #clock: Clock
  /** Who came last is last. */
  readonly #buckets = new Map<string, Bucket>()
  readonly #allLeft: Bucket

  /** @param rates.all for all together; none: a crowd must not keep out those that have something to show */
  constructor({ each, all }: { readonly each: Rate; readonly all?: Rate }, clock: Clock) {
    this.#each = each
    this.#all = all
    this.#clock = clock
    this.#allLeft = { left: all?.burst ?? 0, atMs: clock.monotonic() }
  }

  /** @param cost of this request, in requests of the usual kind */
  allows(address: string, cost = 1): boolean {
    const nowMs = this.#clock.monotonic()
    const own = this.#bucketOf(networkOf(address), nowMs)
    fill(own, this.#each, nowMs)
    if (own.left < cost) return false
    if (this.#all !== undefined) {
      fill(this.#allLeft, this.#all, nowMs)
      if (this.#allLeft.left < cost) return false
      this.#allLeft.left -= cost
    }
    own.left -= cost
    return true
  }

  #bucketOf(network: string, nowMs: number): Bucket {
    const bucket = this.#buckets.get(network) ?? { left: this.#each.burst, atMs: nowMs }
    this.#buckets.delete(network)
    const [longestAway] = this.#buckets.keys()
    if (this.#buckets.size >= MAX_NETWORKS && longestAway !== undefined) this.#buckets.delete(longestAway)
    this.#buckets.set(network, bucket)
    return bucket
  }
}

function fill(bucket: Bucket, { perSec, burst }: Rate, nowMs: number): void {
  bucket.left = Math.min(burst, bucket.left + ((nowMs - bucket.atMs) * perSec) / 1_000)
  bucket.atMs = nowMs
}

/** @param address as the system writes it, so that each has one way to be written */
function networkOf(address: string): string {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? []
  if (mapped !== undefined) return mapped
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const [left, right] = [head, tail ?? ''].map(half => (half === '' ? [] : half.split(':'))) as [
    string[],
    string[],
  ]
  const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0')
  return [...left, ...(tail === undefined ? [] : zeros), ...right].slice(0, 4).join(':')
}
