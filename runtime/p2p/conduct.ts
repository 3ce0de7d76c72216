import type { PeerKey } from './peer-key.ts'

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
  budget: number
  refilledAt: number
  bannedUntil: number
}

export type BudgetAnswer = 'within' | 'over' | 'flood'

/** Who misbehaved lately. Times are milliseconds that never go back. Decides only: disconnecting is the caller's. */
export class ConductBook {
  readonly #peers = new Map<PeerKey, Conduct>()

  /** Notes a rejected message; true when it was one too many, and the peer is banned from now on. */
  strike(peer: PeerKey, now: number): boolean {
    const conduct = this.#of(peer, now)
    conduct.strikesAt = conduct.strikesAt.filter(at => now - at < STRIKE_WINDOW_MS)
    conduct.strikesAt.push(now)
    if (conduct.strikesAt.length < MAX_STRIKES) return false
    this.#ban(conduct, now)
    return true
  }

  /** Takes one message from the peer's budget. `flood`: the peer is banned from now on. */
  spend(peer: PeerKey, now: number): BudgetAnswer {
    const conduct = this.#of(peer, now)
    const refill = ((now - conduct.refilledAt) * MESSAGES_PER_SEC) / 1_000
    conduct.budget = Math.min(MESSAGE_BURST, conduct.budget + refill) - 1
    conduct.refilledAt = now
    if (conduct.budget >= 0) return 'within'
    if (conduct.budget > -MAX_DEBT) return 'over'
    this.#ban(conduct, now)
    return 'flood'
  }

  isBanned(peer: PeerKey, now: number): boolean {
    return (this.#peers.get(peer)?.bannedUntil ?? Number.NEGATIVE_INFINITY) > now
  }

  /** After the ban a peer starts with a clean page, so that one more mistake does not ban it again. */
  #ban(conduct: Conduct, now: number): void {
    conduct.bannedUntil = now + BAN_MS
    conduct.strikesAt = []
    conduct.budget = MESSAGE_BURST
  }

  #of(peer: PeerKey, now: number): Conduct {
    const known = this.#peers.get(peer)
    if (known !== undefined) {
      this.#peers.delete(peer)
      this.#peers.set(peer, known)
      return known
    }
    if (this.#peers.size >= MAX_PEERS) this.#forgetOne()
    const fresh = {
      strikesAt: [],
      budget: MESSAGE_BURST,
      refilledAt: now,
      bannedUntil: Number.NEGATIVE_INFINITY,
    }
    this.#peers.set(peer, fresh)
    return fresh
  }

  #forgetOne(): void {
    const oldest = this.#peers.keys().next()
    if (!oldest.done) this.#peers.delete(oldest.value)
  }
}
