import type { PeerKey } from './peer-key.ts'
import { type BudgetAnswer, RateBudget } from './rate-budget.ts'

/** Rejected messages within {@link STRIKE_WINDOW_MS} that end a connection (PROTOCOL, Gossip). */
export const MAX_STRIKES = 5
export const STRIKE_WINDOW_MS = 60_000
/** Long enough that a broken peer costs next to nothing, short enough that a repaired one is soon back. */
export const BAN_MS = 5 * 60_000

/**
 * New gossip messages one peer may bring. 21 nodes with two messages a round of one second bring about 50 a second;
 * ten times that is a flood. The burst covers the re-sending after a reconnection.
 */
export const MESSAGES_PER_SEC = 500
export const MESSAGE_BURST = 2_000
/** A peer that goes on while over its budget is banned once it owes this many. */
export const MAX_DEBT = 2_000

/** More than any registry lists; the longest unheard one is forgotten first. */
export const MAX_PEERS = 256

interface Conduct {
  strikesAt: number[]
  /** All rejected messages, for whoever looks. */
  rejects: number
  bannedUntil: number
}

/** Who misbehaved lately. Times are milliseconds that never go back. Decides only: disconnecting is the caller's. */
export class ConductBook {
  readonly #peers = new Map<PeerKey, Conduct>()
  readonly #messages = new RateBudget({ perSec: MESSAGES_PER_SEC, burst: MESSAGE_BURST, maxDebt: MAX_DEBT })

  /** Notes a rejected message; true when it was one too many, and the peer is banned from now on. */
  strike(peer: PeerKey, now: number): boolean {
    const conduct = this.#of(peer)
    conduct.rejects += 1
    conduct.strikesAt = conduct.strikesAt.filter(at => now - at < STRIKE_WINDOW_MS)
    conduct.strikesAt.push(now)
    if (conduct.strikesAt.length < MAX_STRIKES) return false
    this.ban(peer, now)
    return true
  }

  /** Takes one message from the peer's budget. `flood`: the peer is banned from now on. */
  spend(peer: PeerKey, now: number): BudgetAnswer {
    const answer = this.#messages.spend(peer, now)
    if (answer === 'flood') this.ban(peer, now)
    return answer
  }

  /** From now on, whatever for. After the ban a peer starts with a clean page: one more mistake does not ban it again. */
  ban(peer: PeerKey, now: number): void {
    const conduct = this.#of(peer)
    conduct.bannedUntil = now + BAN_MS
    conduct.strikesAt = []
  }

  /** How many messages of each peer were rejected since it was first heard of. */
  rejects(): ReadonlyMap<PeerKey, number> {
    return new Map(
      [...this.#peers].filter(([, { rejects }]) => rejects > 0).map(([peer, { rejects }]) => [peer, rejects]),
    )
  }

  isBanned(peer: PeerKey, now: number): boolean {
    return (this.#peers.get(peer)?.bannedUntil ?? Number.NEGATIVE_INFINITY) > now
  }

  #of(peer: PeerKey): Conduct {
    const known = this.#peers.get(peer)
    if (known !== undefined) {
      this.#peers.delete(peer)
      this.#peers.set(peer, known)
      return known
    }
    if (this.#peers.size >= MAX_PEERS) this.#forgetOne()
    const fresh = { strikesAt: [], rejects: 0, bannedUntil: Number.NEGATIVE_INFINITY }
    this.#peers.set(peer, fresh)
    return fresh
  }

  #forgetOne(): void {
    const oldest = this.#peers.keys().next()
    if (!oldest.done) this.#peers.delete(oldest.value)
  }
}
