/**
 * The quotes a process has seen: one a slot and round, checked cheapest first, of the last two rounds, this one and
 * the next. Used alike by oracle nodes (what must a proposal contain?) and aggregators (what do I have?).
 */
import { type Address, DecodeError } from '../bytes.ts'
import type { Domain } from '../domain.ts'
import type { IdentityCrypto } from '../identity.ts'
import { type Membership, memberBySlot } from '../membership.ts'
import {
  decodeSignedQuote,
  type Quote,
  quoteDigest,
  SIGNED_QUOTE_BYTES,
  type SignedQuote,
  saysTheSame,
} from '../quote.ts'
import { isRoundStart, nextRound, previousRound, type Round, roundAt, roundStartMs } from '../rounds.ts'
import type { RoundTiming } from './timing.ts'

/** Views of honest nodes differ: the sender is not blamed. */
export type IgnoreCode =
  | 'LATE'
  | 'TOO_EARLY'
  | 'OTHER_KEY_EPOCH'
  | 'OTHER_FEED'
  | 'UNLISTED'
  | 'DUPLICATE'
  | 'KNOWN_EQUIVOCATOR'
/** No honest node sends or forwards this. */
export type RejectCode = 'BAD_SIZE' | 'MALFORMED' | 'BAD_ROUND' | 'OUTSIDE_SLOT' | 'BAD_SIGNATURE'

/** Two quotes of one signer for one round: proof that it lies, for anyone who has the registry. */
export interface Equivocation {
  readonly slot: number
  readonly signer: Address
  readonly first: SignedQuote
  readonly second: SignedQuote
}

export type Admission =
  | { readonly verdict: 'accept'; readonly quote: SignedQuote }
  | { readonly verdict: 'ignore'; readonly code: IgnoreCode }
  | { readonly verdict: 'reject'; readonly code: RejectCode }
  | { readonly verdict: 'equivocation'; readonly evidence: Equivocation }

export interface SeenQuote {
  readonly signed: SignedQuote
  readonly receivedAtMs: number
}

export interface KnownEquivocation {
  readonly evidence: Equivocation
  /** When it was found out here. */
  readonly sinceMs: number
}

export interface QuoteBookOptions {
  readonly domain: Domain
  readonly feedId: string
  readonly timing: RoundTiming
}

export class QuoteBook {
  readonly #options: QuoteBookOptions
  readonly #crypto: Pick<IdentityCrypto, 'recover'>
  readonly #rounds = new Map<Round, Map<number, SeenQuote>>()
  /** `keyEpoch:slot` of those who signed two quotes for a round: their quotes count nowhere in that key epoch. */
  readonly #equivocators = new Map<string, KnownEquivocation>()

  constructor(options: QuoteBookOptions, crypto: Pick<IdentityCrypto, 'recover'>) {
    this.#options = options
    this.#crypto = crypto
  }

  /**
   * Decides on bytes from the network and remembers what is accepted.
   *
   * @param membershipAt what counts for a round that starts then: around a rotation two of them count
   */
  admit(
    bytes: Uint8Array,
    membershipAt: (unixMs: number) => Membership | undefined,
    nowMs: number,
  ): Admission {
    if (bytes.length !== SIGNED_QUOTE_BYTES) return { verdict: 'reject', code: 'BAD_SIZE' }
    let signed: SignedQuote
    try {
      signed = decodeSignedQuote(this.#options.domain, bytes)
    } catch (error) {
      if (error instanceof DecodeError) return { verdict: 'reject', code: 'MALFORMED' }
      throw error
    }
    const late = this.#checkRound(signed.quote, nowMs)
    if (late !== undefined) return late
    const membership = membershipAt(roundStartMs(signed.quote.round))
    if (signed.quote.keyEpoch !== membership?.keyEpoch) return { verdict: 'ignore', code: 'OTHER_KEY_EPOCH' }
    const unfit = this.#checkSender(signed, membership)
    if (unfit !== undefined) return unfit

    const known = this.#rounds.get(signed.quote.round)?.get(signed.slot)?.signed
    // Only what is said counts: another signature under the same quote is no lie, and not worth a verification.
    if (known !== undefined && saysTheSame(known, signed)) return { verdict: 'ignore', code: 'DUPLICATE' }
    return this.#verify(signed, known, membership, nowMs)
  }

  #checkRound(quote: Quote, nowMs: number): Admission | undefined {
    const { roundMs, skewMs } = this.#options.timing
    if (!isRoundStart(quote.round, roundMs)) return { verdict: 'reject', code: 'BAD_ROUND' }
    if (quote.round < previousRound(roundAt(nowMs, roundMs), roundMs))
      return { verdict: 'ignore', code: 'LATE' }
    // A fast clock's next round is kept until its time comes, not dropped.
    const newest = nextRound(roundAt(nowMs + skewMs, roundMs), roundMs)
    if (quote.round > newest) return { verdict: 'ignore', code: 'TOO_EARLY' }
    return undefined
  }

  #checkSender(signed: SignedQuote, membership: Membership): Admission | undefined {
    const { quote, slot } = signed
    if (quote.feedId !== this.#options.feedId) return { verdict: 'ignore', code: 'OTHER_FEED' }
    const member = memberBySlot(membership, slot)
    if (member === undefined || member.suspended) return { verdict: 'ignore', code: 'UNLISTED' }
    if (this.isEquivocator(quote.keyEpoch, slot)) return { verdict: 'ignore', code: 'KNOWN_EQUIVOCATOR' }
    if (!observedInsideSlot(quote, this.#options.timing)) return { verdict: 'reject', code: 'OUTSIDE_SLOT' }
    return undefined
  }

  #verify(
    signed: SignedQuote,
    known: SignedQuote | undefined,
    membership: Membership,
    nowMs: number,
  ): Admission {
    const digest = quoteDigest(this.#options.domain, signed.quote)
    const signer = this.#crypto.recover(digest, signed.signature)
    const member = memberBySlot(membership, signed.slot)
    if (signer === undefined || signer !== member?.identity)
      return { verdict: 'reject', code: 'BAD_SIGNATURE' }
    return this.#judge(signed, known, signer, nowMs)
  }

  #judge(signed: SignedQuote, known: SignedQuote | undefined, signer: Address, nowMs: number): Admission {
    // A quote under a key that has been replaced contradicts nothing: it makes room.
    if (known === undefined || known.quote.keyEpoch !== signed.quote.keyEpoch) {
      this.#remember(signed, nowMs)
      return { verdict: 'accept', quote: signed }
    }
    const evidence = { slot: signed.slot, signer, first: known, second: signed }
    this.learn(evidence, nowMs)
    return { verdict: 'equivocation', evidence }
  }

  /**
   * Decides on a quote that came inside another message and has been verified there (see verify-quote.ts). Its time
   * is the caller's business: a proposal or a list may show quotes that gossip would be too late for.
   */
  adopt(signed: SignedQuote, signer: Address, nowMs: number): Admission {
    const { keyEpoch, round } = signed.quote
    if (this.isEquivocator(keyEpoch, signed.slot)) return { verdict: 'ignore', code: 'KNOWN_EQUIVOCATOR' }
    const known = this.#rounds.get(round)?.get(signed.slot)?.signed
    if (known !== undefined && saysTheSame(known, signed)) return { verdict: 'ignore', code: 'DUPLICATE' }
    return this.#judge(signed, known, signer, nowMs)
  }

  /**
   * Notes a proven equivocation; the member's quotes are gone with it. False when it was known, and for quotes that
   * {@link admit} would reject: what is learned is passed on, and others would blame this process for it.
   */
  learn(evidence: Equivocation, nowMs: number): boolean {
    const { keyEpoch } = evidence.first.quote
    const key = equivocatorKey(keyEpoch, evidence.slot)
    const { timing } = this.#options
    if (this.#equivocators.has(key)) return false
    if (![evidence.first, evidence.second].every(({ quote }) => fitsItsSlot(quote, timing))) return false
    this.#equivocators.set(key, { evidence, sinceMs: nowMs })
    for (const quotes of this.#rounds.values()) {
      if (quotes.get(evidence.slot)?.signed.quote.keyEpoch === keyEpoch) quotes.delete(evidence.slot)
    }
    return true
  }

  #remember(signed: SignedQuote, receivedAtMs: number): void {
    const { round } = signed.quote
    const { roundMs } = this.#options.timing
    const quotes = this.#rounds.get(round) ?? new Map<number, SeenQuote>()
    quotes.set(signed.slot, { signed, receivedAtMs })
    this.#rounds.set(round, quotes)
    // By time and not by size: rounds of a clock that ran ahead must not push out the ones that count.
    const oldest = previousRound(previousRound(roundAt(receivedAtMs, roundMs), roundMs), roundMs)
    for (const kept of this.#rounds.keys()) if (kept < oldest) this.#rounds.delete(kept)
  }

  /** The quotes of a round in order of slot. */
  quotesOf(round: Round): SeenQuote[] {
    return [...(this.#rounds.get(round)?.values() ?? [])].sort((a, b) => a.signed.slot - b.signed.slot)
  }

  quoteOf(round: Round, slot: number): SeenQuote | undefined {
    return this.#rounds.get(round)?.get(slot)
  }

  isEquivocator(keyEpoch: number, slot: number): boolean {
    return this.#equivocators.has(equivocatorKey(keyEpoch, slot))
  }

  /** What proves that a member has said two things in a key epoch, and since when it is known here. */
  equivocationOf(keyEpoch: number, slot: number): KnownEquivocation | undefined {
    return this.#equivocators.get(equivocatorKey(keyEpoch, slot))
  }

  /** All that is known of a key epoch: at most one a member. */
  equivocationsOf(keyEpoch: number): Equivocation[] {
    return [...this.#equivocators.values()]
      .map(({ evidence }) => evidence)
      .filter(({ first }) => first.quote.keyEpoch === keyEpoch)
  }

  /** Forgets equivocators of ended key epochs: the table holds the members of two key epochs at most. */
  forgetBefore(keyEpoch: number): void {
    for (const key of this.#equivocators.keys()) {
      if (Number(key.split(':')[0]) < keyEpoch) this.#equivocators.delete(key)
    }
  }
}

function equivocatorKey(keyEpoch: number, slot: number): string {
  return `${keyEpoch}:${slot}`
}

/** Whether a quote is for the start of a slot and was observed inside it: no honest process shows any other. */
export function fitsItsSlot(quote: Quote, timing: RoundTiming): boolean {
  return isRoundStart(quote.round, timing.roundMs) && observedInsideSlot(quote, timing)
}

/** A quote is made inside its slot, so its second is one of those the slot touches. */
export function observedInsideSlot(quote: Quote, timing: RoundTiming): boolean {
  const startMs = roundStartMs(quote.round)
  const endMs = roundStartMs(nextRound(quote.round, timing.roundMs))
  return quote.observedAt >= Math.floor(startMs / 1000) && quote.observedAt <= Math.ceil(endMs / 1000)
}
