/**
 * Opens a round at the start of its slot when it is this aggregator's turn, feeds it quotes, and lets go of it
 * two slots later.
 */

import { GroupPublic } from '../../member/group-public.ts'
import type { Hash } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { Membership } from '../../protocol/membership.ts'
import type { SignedQuote } from '../../protocol/quote.ts'
import { proposalTimeMs, type RoundTiming, turnOf } from '../../protocol/round/timing.ts'
import { nextRound, type Round, roundAt, roundStartMs } from '../../protocol/rounds.ts'
import type { Service } from '../../runtime/service.ts'
import { ActiveRound, type ActiveRoundDeps } from './active-round.ts'

export interface RoundRunnerOptions {
  readonly domain: Domain
  readonly feedId: Hash
  readonly timing: RoundTiming
  /** This aggregator's index in the registry's list. */
  readonly index: number
}

export interface RoundRunnerDeps extends ActiveRoundDeps {
  readonly membership: () => Membership | undefined
  readonly highestCertified: () => number
}

export class RoundRunner implements Service {
  readonly name = 'rounds'
  readonly #options: RoundRunnerOptions
  readonly #deps: RoundRunnerDeps
  readonly #groupPublic: GroupPublic
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
    const { membership: read, nonces } = this.#deps
    const membership = read()
    this.#dropOld(round)
    // A timer may fire a millisecond early, and the slot's start then comes twice.
    if (membership?.groupKey === undefined || this.#active.has(round)) return
    const groupPublic = this.#groupPublic.current(membership)
    nonces.useKeyEpoch(membership.keyEpoch)
    // Between its turns an aggregator fills up, so that its own rounds start with nonces at hand.
    nonces.refill(this.#connectedHolders(membership)).catch(() => {})
    if (groupPublic === undefined) {
      this.#groupPublic.fetch(membership).catch(() => {})
      return
    }
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
      this.#deps,
    )
    this.#active.set(round, active)
    active.dispatch({ type: 'tick' })
    this.#tickAt(proposalTimeMs(round, turn, timing), active, signal)
    this.#tickAt(roundStartMs(round) + 2 * timing.roundMs + 1, active, signal)
  }

  #tickAt(timeMs: number, active: ActiveRound, signal: AbortSignal): void {
    const { clock, logger } = this.#deps
    const tick = async (): Promise<void> => {
      // A timer may fire a millisecond early; a tick before its time is no tick, and the round would be lost.
      while (clock.now() < timeMs) await clock.sleep(timeMs - clock.now(), signal)
      active.dispatch({ type: 'tick' })
    }
    tick().catch((error: unknown) => {
      if (!signal.aborted) logger.error('a round went wrong', { round: active.round, error })
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
