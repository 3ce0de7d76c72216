/**
 * Opens a round at the start of its slot when it is this aggregator's turn, feeds it quotes, and lets go of it
 * two slots later.
 */

import { GroupPublic } from '../../member/group-public.ts'
import { askAheadMs, askForQuotes, missedMembers } from '../../member/missed-quotes.ts'
import type { Hash } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { FrostPublic } from '../../protocol/frost.ts'
import type { Membership } from '../../protocol/membership.ts'
import type { SignedQuote } from '../../protocol/quote.ts'
import type { Equivocation } from '../../protocol/round/quote-book.ts'
import { proposalTimeMs, type RoundTiming, turnOf } from '../../protocol/round/timing.ts'
import { nextRound, type Round, roundAt, roundStartMs } from '../../protocol/rounds.ts'
import type { Service } from '../../runtime/service.ts'
import { ActiveRound, type ActiveRoundDeps } from './active-round.ts'
import type { NoncePool } from './nonce-pool.ts'

/** So many rounds ahead of a new key's first one its nonces are fetched. */
const PREPARED_ROUNDS = 3

export interface RoundRunnerOptions {
  readonly domain: Domain
  readonly feedId: Hash
  readonly timing: RoundTiming
  /** This aggregator's index in the registry's list. */
  readonly index: number
}

export interface RoundRunnerDeps extends Omit<ActiveRoundDeps, 'nonces'> {
  /** A pool of nonces for one key. Its boot id is this run's. */
  readonly createNonces: (keyEpoch: number) => NoncePool
  /** What counts for a round that starts then. */
  readonly membershipAt: (unixMs: number) => Membership | undefined
  readonly highestCertified: () => number
  /** Takes in a quote that was asked for, as if it had come by gossip. */
  readonly admitQuote: (bytes: Uint8Array) => void
}

export class RoundRunner implements Service {
  readonly name = 'rounds'
  readonly #options: RoundRunnerOptions
  readonly #deps: RoundRunnerDeps
  readonly #groupPublic: GroupPublic
  /** By key epoch: at most two, the ones that count around a rotation. */
  readonly #nonces = new Map<number, NoncePool>()
  /** At most three: a round is dropped two slots after it began. */
  readonly #active = new Map<Round, ActiveRound>()
  #abort = new AbortController()
  #running: Promise<void> | undefined

  constructor(options: RoundRunnerOptions, deps: RoundRunnerDeps) {
    this.#options = options
    this.#deps = deps
    this.#groupPublic = new GroupPublic(deps.network)
  }

  async start(): Promise<void> {
    this.#abort = new AbortController()
    this.#running = this.#run(this.#abort.signal)
  }

  async stop(): Promise<void> {
    this.#abort.abort(new Error('stopping'))
    await this.#running
    this.#active.clear()
  }

  /** A valid quote has come in. */
  onQuote(quote: SignedQuote): void {
    this.#active.get(quote.quote.round)?.dispatch({ type: 'quote', quote })
  }

  /** It is proven that a member said two things, by quotes that came in or by what a member showed. */
  onEquivocation({ slot, first }: Equivocation): void {
    this.#deps.fault(slot, 'EQUIVOCATION')
    for (const active of this.#active.values()) {
      if (active.keyEpoch !== first.quote.keyEpoch) continue
      active.dispatch({ type: 'equivocation', slot, session: undefined })
    }
  }

  /** A certificate of this or another aggregator is out: nothing is left to do in this round. */
  onCertified(round: Round): void {
    this.#active.get(round)?.dispatch({ type: 'certified-elsewhere' })
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#deps
    const { roundMs } = this.#options.timing
    while (!signal.aborted) {
      const next = nextRound(roundAt(clock.now(), roundMs), roundMs)
      const slept = await clock.sleep(roundStartMs(next) - clock.now(), signal).then(
        () => true,
        () => false,
      )
      if (!slept) return
      try {
        this.#open(next, signal)
      } catch (error) {
        logger.error('a round could not be opened', { round: next, error })
      }
    }
  }

  #open(round: Round, signal: AbortSignal): void {
    const { membershipAt } = this.#deps
    const membership = membershipAt(roundStartMs(round))
    this.#dropOld(round)
    // A timer may fire a millisecond early, and the slot's start then comes twice.
    if (membership?.groupKey === undefined || this.#active.has(round)) return
    // Between its turns an aggregator fills up, so that its own rounds start with nonces at hand; and those of a new
    // key before its first round.
    const coming = membershipAt(roundStartMs(round) + PREPARED_ROUNDS * this.#options.timing.roundMs)
    this.#forgetBefore(membership.keyEpoch)
    const groupPublic = this.#prepare(membership)
    if (coming !== undefined && coming.keyEpoch !== membership.keyEpoch) this.#prepare(coming)
    if (groupPublic === undefined) return
    const { domain, feedId, timing, index } = this.#options
    const turn = turnOf(round, index, membership.aggregators.length, timing)
    // A busy process may come to a round after others have finished it.
    if (turn === undefined || round <= this.#deps.highestCertified()) return
    const quotes = this.#deps.book.quotesOf(round).map(({ signed }) => signed)
    const active = new ActiveRound(
      round,
      turn,
      quotes,
      { domain, feedId, timing, membership, groupPublic },
      {
        ...this.#deps,
        nonces: this.#noncesOf(membership.keyEpoch),
        learned: evidence => {
          this.onEquivocation(evidence)
          this.#deps.learned(evidence)
        },
      },
    )
    this.#active.set(round, active)
    const proposeAtMs = proposalTimeMs(round, turn, timing)
    const tick = (): void => active.dispatch({ type: 'tick' })
    tick()
    this.#at(proposeAtMs - askAheadMs(timing), round, signal, () => this.#askForMissed(round, membership))
    this.#at(proposeAtMs, round, signal, tick)
    this.#at(roundStartMs(round) + 2 * timing.roundMs + 1, round, signal, tick)
  }

  /** Whoever has not been heard is asked: its quote may have been lost on the way here. */
  #askForMissed(round: Round, membership: Membership): void {
    const { book, network, admitQuote } = this.#deps
    if (round <= this.#deps.highestCertified()) return
    const { timing, index } = this.#options
    const { n, q } = membership.quorum
    const asking = {
      turn: round / (timing.roundMs / 100) + index,
      // Below a quorum of quotes there is no round.
      needed: q - book.quotesOf(round).length,
      tolerable: n - q,
    }
    const missed = missedMembers(round, membership, book)
    askForQuotes(round, missed, asking, { network, timing, admit: admitQuote }).catch(() => {})
  }

  /** Sees to the nonces and the public half of a key; gives the latter when it is there. */
  #prepare(membership: Membership): FrostPublic | undefined {
    this.#noncesOf(membership.keyEpoch)
      .refill(this.#connectedHolders(membership))
      .catch(() => {})
    const groupPublic = this.#groupPublic.current(membership)?.signing
    if (groupPublic === undefined) this.#groupPublic.fetch(membership).catch(() => {})
    return groupPublic
  }

  #noncesOf(keyEpoch: number): NoncePool {
    const nonces = this.#nonces.get(keyEpoch) ?? this.#deps.createNonces(keyEpoch)
    this.#nonces.set(keyEpoch, nonces)
    return nonces
  }

  #forgetBefore(keyEpoch: number): void {
    // Rounds of the key before may still be open in the first rounds of a new one.
    for (const known of this.#nonces.keys()) if (known < keyEpoch - 1) this.#nonces.delete(known)
  }

  #at(timeMs: number, round: Round, signal: AbortSignal, act: () => void): void {
    const { clock, logger } = this.#deps
    const wait = async (): Promise<void> => {
      // A timer may fire a millisecond early; a tick before its time is no tick, and the round would be lost.
      while (clock.now() < timeMs) await clock.sleep(timeMs - clock.now(), signal)
      act()
    }
    wait().catch((error: unknown) => {
      if (!signal.aborted) logger.error('a round went wrong', { round, error })
    })
  }

  #connectedHolders(membership: Membership) {
    const connected = new Set(this.#deps.network.connected())
    return membership.members.filter(
      member =>
        !member.suspended &&
        connected.has(member.peerKey) &&
        membership.groupKey?.participants.includes(member.slot) === true,
    )
  }

  #dropOld(current: Round): void {
    const { roundMs } = this.#options.timing
    for (const [round] of this.#active) {
      if (roundStartMs(round) + 3 * roundMs <= roundStartMs(current)) this.#active.delete(round)
    }
  }
}
