import type { PeerKey } from './peer-key.ts'

export type BudgetAnswer = 'within' | 'over' | 'flood'

export interface RateLimits {
  readonly perSec: number
  /** What may come at once. */
  readonly burst: number
  /** So far over its budget a peer is no longer busy but hostile. */
  readonly maxDebt: number
}

interface Account {
  left: number
  refilledAt: number
}

/** More than any registry lists; the longest unheard one is forgotten first. */
const MAX_PEERS = 256

/** One budget a peer, which refills with time. Times are milliseconds that never go back. */
export class RateBudget {
  readonly #limits: RateLimits
  readonly #accounts = new Map<PeerKey, Account>()

  constructor(limits: RateLimits) {
    this.#limits = limits
  }

  /** Takes one from the peer's budget. After `flood` it begins anew: the caller has cut the peer off. */
  spend(peer: PeerKey, now: number): BudgetAnswer {
    const { perSec, burst, maxDebt } = this.#limits
    const account = this.#accounts.get(peer) ?? { left: burst, refilledAt: now }
    this.#accounts.delete(peer)
    account.left = Math.min(burst, account.left + ((now - account.refilledAt) * perSec) / 1_000) - 1
    account.refilledAt = now
    if (account.left <= -maxDebt) return 'flood'
    this.#accounts.set(peer, account)
    if (this.#accounts.size > MAX_PEERS) this.#forgetOne()
    return account.left >= 0 ? 'within' : 'over'
  }

  #forgetOne(): void {
    const oldest = this.#accounts.keys().next()
    if (!oldest.done) this.#accounts.delete(oldest.value)
  }
}
