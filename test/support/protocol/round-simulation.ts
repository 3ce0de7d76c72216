import { type Hash, hexOf } from '../../../protocol/bytes.ts'
import type { SignedQuote } from '../../../protocol/quote.ts'
import {
  openRound,
  type RoundEffect,
  type RoundEvent,
  type RoundState,
  type Session,
  step,
} from '../../../protocol/round/aggregator.ts'
import { medianWord } from '../../../protocol/round/median.ts'
import type { Proposal } from '../../../protocol/round/messages.ts'
import { decideOnProposal, type ReportLock, type SignerDecision } from '../../../protocol/round/signer.ts'
import type { Turn } from '../../../protocol/round/timing.ts'
import { chosenSigner, FEED_ID, KEY_EPOCH, type ProtocolNetwork, ROUND, T_MS, TIMING } from './network.ts'

/** What a member that does not follow the protocol does with every proposal. */
export type Lie = 'silent' | 'refuses' | 'signs anything' | 'bad share' | 'claims something is missing'

export interface Plan {
  /** By slot: the slots whose quotes the member saw in time. */
  readonly seen: readonly (readonly number[])[]
  readonly lies: ReadonlyMap<number, Lie>
}

/**
 * One round between aggregators and members, with the real decisions and no cryptography: quotes count as valid
 * when the network made them, and a share is a note of who signed which word.
 */
export class RoundSimulation {
  readonly #network: ProtocolNetwork
  readonly #plan: Plan
  readonly #quotes: readonly SignedQuote[]
  readonly #byBytes: ReadonlyMap<Hash, SignedQuote>
  readonly #locks = new Map<number, { lock: ReportLock; quotes: readonly SignedQuote[] }>()
  /** Who has signed which word. */
  readonly signed = new Map<bigint, Set<number>>()
  readonly effects: RoundEffect[] = []

  constructor(network: ProtocolNetwork, quotes: readonly SignedQuote[], plan: Plan) {
    this.#network = network
    this.#plan = plan
    this.#quotes = quotes
    this.#byBytes = new Map(quotes.map(quote => [hexOf(quote.bytes), quote]))
  }

  /** Words that a quorum has signed: more than one would be two prices for one round. */
  get certifiable(): bigint[] {
    const { q } = this.#network.membership.quorum
    return [...this.signed].filter(([, signers]) => signers.size >= q).map(([word]) => word)
  }

  /** What an honest member answers, and the lock and share that follow from it. */
  ask(slot: number, aggregator: number, proposal: Proposal, nowMs: number): SignerDecision {
    const decision = decideOnProposal(proposal, KEY_EPOCH, this.#network.aggregatorIdentity(aggregator), {
      nowMs,
      slot,
      feedId: FEED_ID,
      membership: this.#network.membership,
      timing: TIMING,
      silentUntil: 0,
      highestCertified: 0,
      lock: this.#locks.get(slot)?.lock,
      hasKeyShare: true,
      nonceUnspent: () => true,
      seen: (this.#plan.seen[slot] ?? []).flatMap(from => {
        const signed = this.#quotes[from]
        return signed === undefined ? [] : [{ signed, receivedAtMs: T_MS }]
      }),
      equivocatorSinceMs: () => undefined,
      verifyQuote: bytes => this.#byBytes.get(hexOf(bytes)),
    })
    if (decision.kind === 'sign') {
      const quotes = proposal.quotes.flatMap(bytes => this.#byBytes.get(hexOf(bytes)) ?? [])
      if (!this.#locks.has(slot)) {
        const lock = { word: proposal.word, proposal: Uint8Array.of(slot) }
        this.#locks.set(slot, { lock, quotes })
      }
      this.note(slot, proposal.word)
    }
    return decision
  }

  note(slot: number, word: bigint): void {
    this.signed.set(word, new Set(this.signed.get(word)).add(slot))
  }

  /** Has an honest aggregator go through the round with the quotes it has, to its end or to a given event. */
  run(
    aggregator: number,
    turn: Turn,
    has: readonly number[],
    stopAfter = Number.POSITIVE_INFINITY,
  ): RoundState {
    const nowMs = T_MS + TIMING.collectMs + (turn === 'backup' ? TIMING.backupMs : 0)
    let state = openRound(ROUND, FEED_ID, turn)
    const queue: RoundEvent[] = has.flatMap(slot => {
      const quote = this.#quotes[slot]
      return quote === undefined ? [] : [{ type: 'quote' as const, quote }]
    })
    queue.push({ type: 'tick' })
    for (let events = 0; events < stopAfter; events++) {
      const event = queue.shift()
      if (event === undefined) break
      const next = step(state, event, {
        // What the aggregator has, it had before the deadline.
        nowMs: event.type === 'quote' ? T_MS : nowMs,
        membership: this.#network.membership,
        timing: TIMING,
        candidates: this.#network.slots,
      })
      state = next.state
      this.effects.push(...next.effects)
      for (const effect of next.effects) queue.push(...this.#perform(effect, aggregator, nowMs))
    }
    return state
  }

  #perform(effect: RoundEffect, aggregator: number, nowMs: number): RoundEvent[] {
    if (effect.type === 'propose') {
      return effect.session.signers.map(slot => this.#reply(slot, aggregator, effect.session, nowMs))
    }
    if (effect.type !== 'aggregate') return []
    const { number, shares } = effect.session
    const bad = shares.filter(({ share }) => share[0] === 0).map(({ slot }) => slot)
    return [
      bad.length > 0
        ? { type: 'bad-shares', session: number, slots: bad }
        : { type: 'aggregated', session: number },
    ]
  }

  #reply(slot: number, aggregator: number, session: Session, nowMs: number): RoundEvent {
    const { number, word } = session
    const share = (valid: boolean): RoundEvent => ({
      type: 'share',
      session: number,
      share: { slot, share: Uint8Array.of(valid ? 1 : 0), identitySignature: Uint8Array.of(slot) },
    })
    switch (this.#plan.lies.get(slot)) {
      case 'silent':
        return { type: 'refused', session: number, slot, reason: 'SILENT' }
      case 'refuses':
        return { type: 'refused', session: number, slot, reason: 'BUSY' }
      case 'claims something is missing':
        return { type: 'missing', session: number, slot, quotes: session.quotes }
      case 'bad share':
        return share(false)
      case 'signs anything':
        this.note(slot, word)
        return share(true)
      case undefined:
        break
    }
    const decision = this.ask(slot, aggregator, proposalOf(session), nowMs)
    switch (decision.kind) {
      case 'sign':
        return share(true)
      case 'missing':
        return { type: 'missing', session: number, slot, quotes: decision.quotes }
      case 'locked':
        return { type: 'locked', session: number, slot, quotes: this.#locks.get(slot)?.quotes ?? [] }
      case 'refused':
        return { type: 'refused', session: number, slot, reason: decision.reason }
      default:
        return decision satisfies never
    }
  }
}

function proposalOf(session: Session): Proposal {
  return {
    feedId: FEED_ID,
    round: ROUND,
    session: session.number,
    quotes: session.quotes.map(quote => quote.bytes),
    word: medianWord(session.quotes.map(signed => signed.quote)),
    signers: session.signers.map(chosenSigner),
    equivocations: [],
  }
}
