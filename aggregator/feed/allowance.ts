/**
 * How much of an aggregator's time its readers get. Rounds run on the same thread, and whoever asks for prices is a
 * stranger: requests are counted by remote address, bytes that are read from the store by address and in all.
 */
import type { Clock } from '../../runtime/clock.ts'

export interface Rate {
  readonly perSec: number
  /** What can be used at once after a pause. */
  readonly burst: number
}

/** A token bucket. What is spent may go below zero: then there is a wait until it has been made up for. */
export class Bucket {
  readonly #rate: Rate
  readonly #clock: Pick<Clock, 'monotonic'>
  #left: number
  #at: number

  constructor(rate: Rate, clock: Pick<Clock, 'monotonic'>) {
    this.#rate = rate
    this.#clock = clock
    this.#left = rate.burst
    this.#at = clock.monotonic()
  }

  /** Milliseconds until `amount` is there; 0 when it is. */
  waitMs(amount = 1): number {
    this.#refill()
    return this.#left >= amount ? 0 : Math.ceil(((amount - this.#left) * 1_000) / this.#rate.perSec)
  }

  spend(amount: number): void {
    this.#refill()
    this.#left -= amount
  }

  get isFull(): boolean {
    this.#refill()
    return this.#left === this.#rate.burst
  }

  #refill(): void {
    const now = this.#clock.monotonic()
    this.#left = Math.min(this.#rate.burst, this.#left + ((now - this.#at) * this.#rate.perSec) / 1_000)
    this.#at = now
  }
}

export interface AllowanceOptions {
  /** Of one remote address. */
  readonly requests: Rate
  /** Of pages for one remote address. */
  readonly bytes: Rate
  /** Of pages, for all together. */
  readonly allPages: Rate
  /** Of streams that catch up, for all together: they take what there is, and pages must not wait for them. */
  readonly allStreams: Rate
  /** So many addresses are told apart; while more are busy at once, the others share. */
  readonly maxAddresses: number
}

const MIB = 1024 * 1024
export const DEFAULT_ALLOWANCE: AllowanceOptions = {
  requests: { perSec: 20, burst: 40 },
  bytes: { perSec: 2 * MIB, burst: 8 * MIB },
  allPages: { perSec: 6 * MIB, burst: 16 * MIB },
  allStreams: { perSec: 6 * MIB, burst: 16 * MIB },
  maxAddresses: 4_096,
}

/** Why a request has to wait, and for how long. */
export interface Refusal {
  readonly problem: 'TOO_MANY_REQUESTS' | 'BUSY'
  readonly retryAfterSec: number
}

interface Account {
  readonly requests: Bucket
  readonly bytes: Bucket
}

const REST = 'all others'

export class Allowance {
  /** Bytes that are read from the store for streams. */
  readonly streams: Bucket
  readonly #pages: Bucket
  readonly #options: AllowanceOptions
  readonly #clock: Pick<Clock, 'monotonic'>
  /** Least recently used first. */
  readonly #accounts = new Map<string, Account>()

  constructor(options: AllowanceOptions, clock: Pick<Clock, 'monotonic'>) {
    this.#options = options
    this.#clock = clock
    this.streams = new Bucket(options.allStreams, clock)
    this.#pages = new Bucket(options.allPages, clock)
  }

  get addresses(): number {
    return this.#accounts.size
  }

  /** Counts a request. */
  request(address: string): Refusal | undefined {
    const { requests } = this.#accountOf(address)
    const waitMs = requests.waitMs()
    if (waitMs > 0) return refusal('TOO_MANY_REQUESTS', waitMs)
    requests.spend(1)
    return undefined
  }

  /** Whether a page may be read now. How long it is shows when it has been: see {@link Allowance.spent}. */
  page(address: string): Refusal | undefined {
    const waitMs = this.#accountOf(address).bytes.waitMs()
    if (waitMs > 0) return refusal('TOO_MANY_REQUESTS', waitMs)
    const allMs = this.#pages.waitMs()
    return allMs > 0 ? refusal('BUSY', allMs) : undefined
  }

  spent(address: string, bytes: number): void {
    this.#accountOf(address).bytes.spend(bytes)
    this.#pages.spend(bytes)
  }

  #accountOf(address: string): Account {
    const key = addressKey(address)
    const account = this.#accounts.get(key)
    if (account !== undefined) {
      this.#accounts.delete(key)
      this.#accounts.set(key, account)
      return account
    }
    return this.#hasRoom() || key === REST ? this.#open(key) : this.#accountOf(REST)
  }

  #open(key: string): Account {
    const account = {
      requests: new Bucket(this.#options.requests, this.#clock),
      bytes: new Bucket(this.#options.bytes, this.#clock),
    }
    this.#accounts.set(key, account)
    return account
  }

  /** Who has been quiet for long enough to have everything back needs no account. */
  #hasRoom(): boolean {
    for (const [key, { requests, bytes }] of this.#accounts) {
      if (this.#accounts.size < this.#options.maxAddresses || !requests.isFull || !bytes.isFull) break
      this.#accounts.delete(key)
    }
    return this.#accounts.size < this.#options.maxAddresses
  }
}

function refusal(problem: Refusal['problem'], waitMs: number): Refusal {
  return { problem, retryAfterSec: Math.max(1, Math.ceil(waitMs / 1_000)) }
}

/** Who has one address of IPv6 has 2^64 of them: they count as one. IPv4 counts by address, in either notation. */
export function addressKey(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*$/, '')
  if (!plain.includes(':')) return plain
  const [head = '', tail] = plain.split('::')
  const groups = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - after.length)
  const all = [...groups, ...Array.from({ length: zeros }, () => '0'), ...after]
  return `${all
    .slice(0, 4)
    .map(group => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}
