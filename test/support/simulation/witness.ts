/**
 * Sees everything and believes nothing: what must hold is computed here once more, from what honest nodes signed,
 * with a quorum and rules of its own.
 */
import { hexOf } from '../../../protocol/bytes.ts'
import { type CertifiedReport, verifyCertifiedReport } from '../../../protocol/certificate.ts'
import { type Membership, memberBySlot } from '../../../protocol/membership.ts'
import { MESSAGE_KIND, openMessage } from '../../../protocol/message.ts'
import { decodeSignedQuote, type SignedQuote } from '../../../protocol/quote.ts'
import { unpackReport } from '../../../protocol/report.ts'
import { OBSERVED_AGGREGATOR_FAULTS, OBSERVED_MEMBER_FAULTS } from '../../../protocol/round/faults.ts'
import { decodeProposal, decodeReply, type Proposal } from '../../../protocol/round/messages.ts'
import type { Equivocation, QuoteBook } from '../../../protocol/round/quote-book.ts'
import type { RoundTiming } from '../../../protocol/round/timing.ts'
import { type Round, roundStartMs } from '../../../protocol/rounds.ts'
import { crypto, DOMAIN } from '../network/cast.ts'
import { brief, type Journal } from './journal.ts'
import type { SimRegistry } from './sim-registry.ts'
import type { Timeline } from './timeline.ts'

export const INVARIANTS = {
  TWO_WORDS: 'at most one word of a round can be certified',
  PRICE_OUT_OF_RANGE: 'a certified price lies among those that honest members quoted',
  TWO_QUOTES: 'an honest member signs one quote a round',
  TWO_WORDS_SIGNED: 'an honest member signs one word a round',
  NONCE_TWICE: 'a nonce pair signs once',
  LEFT_OUT: 'an honest member signs no word that leaves out a quote it saw in time',
  BAD_CERTIFICATE: 'what honest nodes make or take verifies under the key of the round',
  FEW_SIGNERS: 'a certificate has a quorum behind it',
  BANNED: 'honest peers do not ban one another',
  STRUCK: 'honest peers send one another nothing that is rejected',
  CLOSED: 'a guard closes only where somebody else has its key, and signs nothing from then on',
  BLAMED: 'honest processes find no fault in one another',
  UNBOUNDED: 'what a node remembers is bounded',
  TOO_LITTLE_SHOWN: 'a run has rounds that nothing excuses, and rounds that all who are there must sign',
  TOO_MANY_LOST: 'liars cost less than half of the calm rounds',
  ROUND_LOST: 'in calm weather every round with an honest aggregator is certified',
  LEFT_BEHIND: 'in calm weather every honest member has its quote in the report',
} as const
export type Invariant = keyof typeof INVARIANTS

export interface Violation {
  readonly invariant: Invariant
  readonly round: number
  readonly timeMs: number
  readonly detail: string
}

interface RoundFacts {
  readonly honestQuotes: Map<number, SignedQuote>
  readonly wordOf: Map<number, bigint>
  readonly certified: Map<bigint, CertifiedReport>
  /** Slots whose quotes stand in the report that an honest aggregator made. */
  quotedIn: readonly number[] | undefined
}

interface Seen {
  readonly signed: SignedQuote
  readonly localMs: number
}

/** Faults that an accident looks like as well. */
const EXPERIENCE: ReadonlySet<string> = new Set([...OBSERVED_MEMBER_FAULTS, ...OBSERVED_AGGREGATOR_FAULTS])

export interface WitnessOptions {
  readonly timeline: Timeline
  readonly registry: SimRegistry
  readonly journal: Journal
  readonly timing: RoundTiming
  readonly n: number
  readonly byzantine: ReadonlySet<number>
  /** Slots whose key somebody else has, too. */
  readonly copied: ReadonlySet<number>
  readonly isLiar: (name: string) => boolean
}

/** Facts of older rounds are dropped; only whether they were certified is kept. */
const KEPT_ROUNDS = 12

export class Witness {
  readonly violations: Violation[] = []
  readonly #certifiedRounds = new Map<number, { readonly quotedIn: readonly number[] | undefined }>()
  readonly #rounds = new Map<number, RoundFacts>()
  readonly #seen = new Map<string, Seen[]>()
  readonly #spent = new Set<string>()
  readonly #verified = new Map<string, boolean>()
  /** By key epoch and slot, when the first honest node knew of two quotes: these are counted no more. */
  readonly #caught = new Map<string, number>()
  /** By round: lies told in it that the protocol admits to cost it, each with the slot of the liar if it is a member. */
  readonly #lies = new Map<number, { readonly slot: number | undefined; readonly lie: string }[]>()
  readonly #closed = new Set<number>()
  readonly #options: WitnessOptions

  constructor(options: WitnessOptions) {
    this.#options = options
  }

  /** Not protocol/quorum.ts, on purpose. */
  get quorum(): number {
    const { n } = this.#options
    return Math.floor((n + Math.floor((n - 1) / 3)) / 2) + 1
  }

  note(round: number, text: string): void {
    this.#options.journal.write(this.#options.timeline.nowMs, round, text)
  }

  fail(invariant: Invariant, round: number, detail: string): void {
    this.violations.push({ invariant, round, timeMs: this.#options.timeline.nowMs, detail })
    this.note(round, `VIOLATION ${invariant} ${detail}`)
  }

  quoteSigned(slot: number, signed: SignedQuote): void {
    const { round, price } = signed.quote
    if (this.#closed.has(slot)) this.fail('CLOSED', round, `member ${slot} quotes`)
    this.note(round, `member ${slot} signed quote ${price} ${brief(signed.bytes)}`)
    if (!this.#isHonest(slot)) return
    const { honestQuotes } = this.#factsOf(round)
    const known = honestQuotes.get(slot)
    if (known !== undefined && hexOf(known.bytes) !== hexOf(signed.bytes))
      this.fail('TWO_QUOTES', round, `member ${slot}`)
    honestQuotes.set(slot, signed)
  }

  wordSigned(slot: number, round: number, word: bigint): void {
    this.note(round, `member ${slot} signed word ${word.toString(16)}`)
    if (this.#closed.has(slot)) this.fail('CLOSED', round, `member ${slot} signs`)
    if (!this.#isHonest(slot)) return
    const facts = this.#factsOf(round)
    const known = facts.wordOf.get(slot)
    if (known !== undefined && known !== word) this.fail('TWO_WORDS_SIGNED', round, `member ${slot}`)
    facts.wordOf.set(slot, word)
    const possible = new Set(
      [...facts.wordOf.values()].filter(other => this.#behind(facts, other) >= this.quorum),
    )
    if (possible.size > 1) this.fail('TWO_WORDS', round, 'two words can be certified')
  }

  /** A member's book has taken a quote. */
  quoteSeen(slot: number, signed: SignedQuote, localMs: number): void {
    const key = `${slot} ${signed.quote.round}`
    const seen = this.#seen.get(key) ?? []
    this.#seen.set(key, [...seen, { signed, localMs }])
  }

  equivocated({ slot, second }: Equivocation): void {
    const { keyEpoch, round } = second.quote
    this.note(round, `member ${slot} was caught with two quotes`)
    const key = `${keyEpoch} ${slot}`
    if (!this.#caught.has(key)) this.#caught.set(key, this.#options.timeline.nowMs)
    if (this.#isHonest(slot)) this.fail('TWO_QUOTES', round, `proof against member ${slot}`)
  }

  /** A lie that the protocol admits to cost its round. */
  costlyLie(round: number, slot: number | undefined, lie: string): void {
    this.#lies.set(round, [...(this.#lies.get(round) ?? []), { slot, lie }])
  }

  /**
   * Whether a lie was told in a round that may cost it. Whoever was caught with two quotes two rounds before counts
   * no more: everybody leaves it out.
   */
  isLiedIn(round: number): boolean {
    const { registry, timing } = this.#options
    const startMs = roundStartMs(round as Round)
    const { keyEpoch } = registry.truthAt(startMs)
    return (this.#lies.get(round) ?? []).some(({ slot }) => {
      const caughtMs = slot === undefined ? undefined : this.#caught.get(`${keyEpoch} ${slot}`)
      return caughtMs === undefined || startMs < caughtMs + 2 * timing.roundMs
    })
  }

  /** A guard has closed: another quote under its key has come in. */
  closed(slot: number): void {
    this.note(0, `the guard of member ${slot} closes`)
    this.#closed.add(slot)
    if (!this.#options.copied.has(slot)) this.fail('CLOSED', 0, `member ${slot} alone has its key`)
  }

  /** An honest member's answer to a proposal, before it can be lost. */
  proposalAnswered(
    slot: number,
    sealed: Uint8Array,
    reply: Uint8Array,
    book: QuoteBook,
    view: Membership,
  ): void {
    if (!this.#isHonest(slot)) return
    let proposal: Proposal
    let answer: ReturnType<typeof decodeReply>
    try {
      proposal = decodeProposal(openMessage(DOMAIN, MESSAGE_KIND.proposal, sealed, crypto).body)
      answer = decodeReply(openMessage(DOMAIN, MESSAGE_KIND.share, reply, crypto).body)
    } catch {
      return
    }
    const { round } = proposal
    const detail = answer.kind === 'refused' ? answer.reason : ''
    this.note(round, `member ${slot} answered ${answer.kind} ${detail} to ${brief(sealed)}`)
    if (answer.kind !== 'share') return
    const own = proposal.signers.find(signer => signer.slot === slot)
    const pair = `${slot} ${hexOf(own?.hiding ?? new Uint8Array())}`
    if (this.#spent.has(pair)) this.fail('NONCE_TWICE', round, `member ${slot}`)
    this.#spent.add(pair)
    this.#checkNothingLeftOut(slot, proposal, book, view)
  }

  #checkNothingLeftOut(slot: number, proposal: Proposal, book: QuoteBook, view: Membership): void {
    const { timing } = this.#options
    const { round } = proposal
    const beforeMs = roundStartMs(round) + timing.collectMs - timing.inclusionMarginMs
    const said = new Set(proposal.quotes.map(bytes => unsignedOf(decodeSignedQuote(DOMAIN, bytes))))
    for (const { signed, localMs } of this.#seen.get(`${slot} ${round}`) ?? []) {
      const counts =
        localMs < beforeMs &&
        signed.quote.keyEpoch === view.keyEpoch &&
        memberBySlot(view, signed.slot)?.suspended === false &&
        !book.isEquivocator(view.keyEpoch, signed.slot)
      if (counts && !said.has(unsignedOf(signed)))
        this.fail('LEFT_OUT', round, `member ${slot} had the quote of member ${signed.slot}`)
    }
  }

  /** A certificate that a node has made or taken. `quotes` when an honest aggregator made it. */
  certificate(by: string, report: CertifiedReport, quotes?: readonly SignedQuote[]): void {
    const { round, price } = unpackReport(report.word)
    const { kind } = report.certificate
    this.note(round, `${by} holds a ${kind} certificate for ${report.word.toString(16)} at ${price}`)
    const facts = this.#factsOf(round)
    if (!this.#isTrue(report)) {
      this.fail('BAD_CERTIFICATE', round, `${by}, ${kind}`)
      return
    }
    facts.certified.set(report.word, report)
    if (quotes !== undefined && quotes.length > 0) facts.quotedIn ??= quotes.map(({ slot }) => slot)
    this.#certifiedRounds.set(round, { quotedIn: facts.quotedIn })
    if (facts.certified.size > 1) this.fail('TWO_WORDS', round, `${by} holds the second`)
    if (this.#behind(facts, report.word) < this.quorum) this.fail('FEW_SIGNERS', round, by)
    const prices = [...facts.honestQuotes.values()].map(({ quote }) => quote.price)
    if (!prices.some(other => other <= price) || !prices.some(other => other >= price))
      this.fail('PRICE_OUT_OF_RANGE', round, `${price}`)
  }

  /** A process has counted a fault of another one. Silence is no proof of anything. */
  blamed(by: string, whom: string, fault: string): void {
    this.note(0, `${by} blames ${whom} for ${fault}`)
    const { isLiar } = this.#options
    if (!isLiar(by) && !isLiar(whom) && !EXPERIENCE.has(fault))
      this.fail('BLAMED', 0, `${by} ${whom} ${fault}`)
  }

  rejected(by: string, from: string, bothHonest: boolean): void {
    this.note(0, `${by} rejects a message of ${from}`)
    if (bothHonest) this.fail('STRUCK', 0, `${by} rejects a message of ${from}`)
  }

  banned(by: string, peer: string, bothHonest: boolean): void {
    this.note(0, `${by} banned ${peer}`)
    if (bothHonest) this.fail('BANNED', 0, `${by} banned ${peer}`)
  }

  certifiedIn(round: number): { readonly quotedIn: readonly number[] | undefined } | undefined {
    return this.#certifiedRounds.get(round)
  }

  get certifiedCount(): number {
    return this.#certifiedRounds.size
  }

  /** Members that have bound themselves to a word, and those that would sign anything. */
  #behind(facts: RoundFacts, word: bigint): number {
    const honest = [...facts.wordOf.values()].filter(other => other === word).length
    return honest + this.#options.byzantine.size
  }

  #isHonest(slot: number): boolean {
    return !this.#options.byzantine.has(slot)
  }

  #isTrue(report: CertifiedReport): boolean {
    const id = `${report.word} ${JSON.stringify(report.certificate, (_key, value: unknown) =>
      typeof value === 'bigint' ? `${value}` : value instanceof Uint8Array ? hexOf(value) : value,
    )}`
    const known = this.#verified.get(id)
    if (known !== undefined) return known
    const { registry, timeline } = this.#options
    const startMs = roundStartMs(unpackReport(report.word).round)
    const truth = registry.truthAt(startMs)
    // A suspension is read at different times: a quorum of identities may be judged by a view of a moment ago.
    const views = [
      truth,
      registry.viewAt(timeline.nowMs - 3_000).newest,
      registry.viewAt(timeline.nowMs - 3_000).previous,
    ]
    const ok = views.some(
      view =>
        view !== undefined &&
        view.keyEpoch === truth.keyEpoch &&
        verifyCertifiedReport(DOMAIN, view, report, crypto),
    )
    this.#verified.set(id, ok)
    return ok
  }

  #factsOf(round: number): RoundFacts {
    const known = this.#rounds.get(round)
    if (known !== undefined) return known
    const facts: RoundFacts = {
      honestQuotes: new Map(),
      wordOf: new Map(),
      certified: new Map(),
      quotedIn: undefined,
    }
    this.#rounds.set(round, facts)
    this.#prune(round)
    return facts
  }

  #prune(round: number): void {
    const oldest = round - (KEPT_ROUNDS * this.#options.timing.roundMs) / 100
    for (const known of this.#rounds.keys()) if (known < oldest) this.#rounds.delete(known)
    for (const key of this.#seen.keys()) if (Number(key.split(' ')[1]) < oldest) this.#seen.delete(key)
  }
}

function unsignedOf(signed: SignedQuote): string {
  return hexOf(signed.bytes.subarray(0, signed.bytes.length - signed.signature.length))
}
