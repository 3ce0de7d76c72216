/**
 * What one process has seen an aggregator seal, and what became of it. Tells the aggregator that says two things from
 * the one that was shown more quotes, and the one that collects shares for nothing. Decides only; time is passed in.
 */
import type { Hash } from '../bytes.ts'
import { type Round, roundStartMs } from '../rounds.ts'
import { collectionDeadlineMs, type RoundTiming } from './timing.ts'

/** Rounds are noted when they are current or the one before, and judged three slots after their start. */
const JUDGED_AFTER_SLOTS = 3
/** More sessions than an honest round can have, for any n: the rest of a flood is not remembered. */
const MAX_SESSIONS = 256

/**
 * A round that an aggregator let lapse is named when it is the third of the last eight in which it had this process's
 * share: a slow signer is noticed and asked last after one or two, and a busy machine is slow now and then.
 */
const NAMED_FROM = 3
const REMEMBERED_ROUNDS = 8
/** Of aggregators; more than any registry lists. */
const MAX_AGGREGATORS = 64

interface Seen {
  readonly bodies: Map<number, Hash>
  /** Slots of quotes that were shown to it, with the time of the first answer. */
  readonly shown: Map<number, number>
  /** Whether it had the share with time enough left to make a certificate. */
  signedInTime: boolean
  signed: boolean
}

export interface WithheldRound {
  readonly aggregator: number
  readonly round: Round
}

export class ProposalRecord {
  readonly #timing: RoundTiming
  /** At most one entry an aggregator and round, of at most four rounds. */
  readonly #rounds = new Map<Round, Map<number, Seen>>()
  readonly #certifiedBy = new Map<Round, number>()
  /** By aggregator: of its last rounds that are over, whether it let them lapse. */
  readonly #lapses = new Map<number, readonly boolean[]>()

  constructor(timing: RoundTiming) {
    this.#timing = timing
  }

  /** Notes a sealed proposal by the hash of its body; false when another body had the same session of the round. */
  note(aggregator: number, round: Round, session: number, body: Hash): boolean {
    const { bodies } = this.#of(aggregator, round)
    const known = bodies.get(session)
    if (known !== undefined) return known === body
    if (bodies.size < MAX_SESSIONS) bodies.set(session, body)
    return true
  }

  /** This process has given its share for a proposal of the round. */
  signed(aggregator: number, round: Round, nowMs: number): void {
    const seen = this.#of(aggregator, round)
    seen.signed = true
    // Half of what is left of the slot after the deadline: later, others' shares may well have come too late for it.
    const { roundMs, collectMs } = this.#timing
    if (nowMs <= collectionDeadlineMs(round, this.#timing) + (roundMs - collectMs) / 2)
      seen.signedInTime = true
  }

  /**
   * Notes that an answer showed the aggregator quotes that it lacked. True when one of them was shown to it so long
   * ago that it must have had it when it sealed this proposal.
   */
  lacked(aggregator: number, round: Round, slots: readonly number[], nowMs: number): boolean {
    const { shown } = this.#of(aggregator, round)
    const again = slots.some(
      slot => (shown.get(slot) ?? Number.POSITIVE_INFINITY) <= nowMs - this.#timing.inclusionMarginMs,
    )
    for (const slot of slots) if (!shown.has(slot)) shown.set(slot, nowMs)
    return again
  }

  /** Whether a certificate of the round would still change what is said of somebody. */
  awaitsCertificate(round: Round): boolean {
    const seen = [...(this.#rounds.get(round)?.values() ?? [])]
    return !this.#certifiedBy.has(round) && seen.some(({ signed }) => signed)
  }

  /** The first certificate of a round that was seen, and who made it. */
  certified(round: Round, proposer: number): void {
    if (!this.#certifiedBy.has(round)) this.#certifiedBy.set(round, proposer)
  }

  /**
   * Judges the rounds that are over, once, and forgets them: who had this process's share, and no certificate came of
   * it. Not one that another overtook, only one that another had to follow; and of a round that ended without any,
   * only one that alone had the share: of two, either may have been in the other's way. Once is no proof of anything,
   * so only what repeats is named, and never what came of a share that was late itself.
   *
   * @param followed whether `other` comes after `aggregator` in the turns of the round
   */
  judge(
    nowMs: number,
    followed: (round: Round, aggregator: number, other: number) => boolean,
  ): WithheldRound[] {
    const withheld: WithheldRound[] = []
    for (const [round, seen] of this.#rounds) {
      if (roundStartMs(round) + JUDGED_AFTER_SLOTS * this.#timing.roundMs > nowMs) continue
      const proposer = this.#certifiedBy.get(round)
      const holders = [...seen].filter(([, { signed }]) => signed)
      for (const [aggregator, { signedInTime }] of holders) {
        const failed = proposer === undefined ? holders.length === 1 : followed(round, aggregator, proposer)
        if (signedInTime && this.#lapsed(aggregator, failed)) withheld.push({ aggregator, round })
      }
      this.#rounds.delete(round)
    }
    const oldestMs = nowMs - JUDGED_AFTER_SLOTS * this.#timing.roundMs
    for (const round of this.#certifiedBy.keys()) {
      if (roundStartMs(round) < oldestMs) this.#certifiedBy.delete(round)
    }
    return withheld
  }

  /** Notes how a round ended for an aggregator; true when it lapsed and too many of its last rounds did. */
  #lapsed(aggregator: number, failed: boolean): boolean {
    if (!this.#lapses.has(aggregator) && this.#lapses.size >= MAX_AGGREGATORS) this.#lapses.clear()
    const lapses = [...(this.#lapses.get(aggregator) ?? []), failed].slice(-REMEMBERED_ROUNDS)
    this.#lapses.set(aggregator, lapses)
    return failed && lapses.filter(lapse => lapse).length >= NAMED_FROM
  }

  #of(aggregator: number, round: Round): Seen {
    const ofRound = this.#rounds.get(round) ?? new Map<number, Seen>()
    this.#rounds.set(round, ofRound)
    const seen = ofRound.get(aggregator) ?? {
      bodies: new Map(),
      shown: new Map(),
      signedInTime: false,
      signed: false,
    }
    ofRound.set(aggregator, seen)
    return seen
  }
}
