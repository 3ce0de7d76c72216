import type { PeerKey } from './peer-key.ts'

const FIRST_DELAY_MS = 200
const MAX_DELAY_MS = 10_000
/** Head start of the peer with the smaller key: two peers that dial each other at once end up with two connections. */
export const HEAD_START_MS = 400

export interface RedialTarget {
  readonly peer: PeerKey
  readonly address: string
}

interface DialState {
  readonly target: RedialTarget
  failures: number
  dueAt: number
  dialling: boolean
}

/** When to dial which bootstrap peer. Decides only. Times are milliseconds that never go back. */
export class RedialPlan {
  readonly #self: PeerKey
  readonly #states: readonly DialState[]
  readonly #random: () => number

  /** Knows from the start all it will ever know: one entry a target. Addresses of one peer take turns. */
  constructor(
    self: PeerKey,
    targets: readonly RedialTarget[],
    now: number,
    random: () => number = Math.random,
  ) {
    this.#self = self
    this.#random = random
    this.#states = targets
      .filter(target => target.peer !== self)
      .map(target => ({ target, failures: 0, dueAt: now + this.#headStart(target.peer), dialling: false }))
  }

  /** The targets to dial now; they count as being dialled until `failed` or `succeeded`. */
  take(now: number, skip: (peer: PeerKey) => boolean): RedialTarget[] {
    const due = this.#states.filter(
      state => !state.dialling && state.dueAt <= now && !skip(state.target.peer),
    )
    for (const state of due) state.dialling = true
    return due.map(state => state.target)
  }

  failed(target: RedialTarget, now: number): void {
    const state = this.#stateOf(target)
    if (state === undefined) return
    const delayMs = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** state.failures)
    state.failures = Math.min(state.failures + 1, 16)
    // Half to all of the delay, so that peers that went down together do not come back in step.
    state.dueAt = now + delayMs * (0.5 + 0.5 * this.#random())
    state.dialling = false
  }

  succeeded(target: RedialTarget): void {
    const state = this.#stateOf(target)
    if (state === undefined) return
    state.failures = 0
    state.dialling = false
  }

  /** The peer is gone: dial it soon. */
  lost(peer: PeerKey, now: number): void {
    for (const state of this.#states) {
      if (state.target.peer !== peer) continue
      state.failures = 0
      state.dueAt = now + FIRST_DELAY_MS + this.#headStart(peer)
    }
  }

  #headStart(peer: PeerKey): number {
    return this.#self < peer ? 0 : HEAD_START_MS
  }

  #stateOf(target: RedialTarget): DialState | undefined {
    return this.#states.find(state => state.target === target)
  }
}
