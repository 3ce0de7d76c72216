/**
 * What members show an aggregator of a round: quotes, proposals they are locked to, proofs against others. Says what
 * is good, and tells what nobody honest shows from what another view of the registry explains.
 */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { DecodeError, type Hash, hexOf } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import { aggregatorByIdentity, type Membership } from '../../protocol/membership.ts'
import { MESSAGE_KIND, openMessage } from '../../protocol/message.ts'
import type { SignedQuote } from '../../protocol/quote.ts'
import type { AggregatorFault } from '../../protocol/round/faults.ts'
import { medianWord } from '../../protocol/round/median.ts'
import { decodeProposal, type QuotePair } from '../../protocol/round/messages.ts'
import type { Equivocation, QuoteBook } from '../../protocol/round/quote-book.ts'
import { isOneEach } from '../../protocol/round/slots.ts'
import { type RoundTiming, turnOf } from '../../protocol/round/timing.ts'
import { isAuthentic, verifyEquivocation, verifyQuote } from '../../protocol/round/verify-quote.ts'
import type { Round } from '../../protocol/rounds.ts'

export interface ShownQuotesOptions {
  readonly domain: Domain
  readonly feedId: Hash
  readonly timing: RoundTiming
  readonly membership: Membership
  readonly round: Round
}

export interface ShownQuotesDeps {
  readonly crypto: IdentityCrypto
  readonly book: QuoteBook
}

export type ShownLock =
  | {
      readonly kind: 'lock'
      readonly word: bigint
      readonly quotes: readonly SignedQuote[]
      /** Index of the aggregator that sealed it. */
      readonly proposer: number
      readonly session: number
      readonly body: Hash
    }
  /** No honest member can be locked to it. `liar`: the aggregator that sealed what no honest one seals. */
  | {
      readonly kind: 'false'
      readonly liar: { readonly index: number; readonly fault: AggregatorFault } | undefined
    }
  /** Not good by this view of the registry; it may have been by the member's. */
  | { readonly kind: 'unknown' }

const FALSE: ShownLock = { kind: 'false', liar: undefined }
const UNKNOWN: ShownLock = { kind: 'unknown' }

export class ShownQuotes {
  readonly #options: ShownQuotesOptions
  readonly #deps: ShownQuotesDeps

  constructor(options: ShownQuotesOptions, deps: ShownQuotesDeps) {
    this.#options = options
    this.#deps = deps
  }

  /** Those that are of this round and of active members. */
  valid(all: readonly Uint8Array[]): SignedQuote[] {
    return all.flatMap(bytes => {
      const signed = verifyQuote(bytes, { ...this.#options, ...this.#deps })
      return signed?.quote.round === this.#options.round ? [signed] : []
    })
  }

  isAuthentic(bytes: Uint8Array): boolean {
    return isAuthentic(bytes, this.#options.round, { ...this.#options, ...this.#deps })
  }

  equivocation(pair: QuotePair): Equivocation | undefined {
    return verifyEquivocation(pair, { ...this.#options, ...this.#deps })
  }

  /** A proposal that a member says it is locked to: one that an aggregator sealed and that leads to its word. */
  lock(sealed: Uint8Array): ShownLock {
    const { domain, membership, timing, round } = this.#options
    try {
      const { body, sender } = openMessage(domain, MESSAGE_KIND.proposal, sealed, this.#deps.crypto)
      const { word, session, ...proposal } = decodeProposal(body)
      if (proposal.round !== round || proposal.quotes.length < membership.quorum.q) return FALSE
      const sealer = aggregatorByIdentity(membership, sender)?.index
      if (sealer === undefined) return UNKNOWN
      if (turnOf(round, sealer, membership.aggregators.length, timing) === undefined) return UNKNOWN
      if (!proposal.quotes.every(bytes => this.isAuthentic(bytes))) return FALSE
      const quotes = this.valid(proposal.quotes)
      if (quotes.length !== proposal.quotes.length) return UNKNOWN
      // Whoever adopts a lock proposes its quotes as they are.
      if (!isOneEach(quotes)) return falseBy(sealer, 'DUPLICATE_QUOTE')
      if (medianWord(quotes.map(({ quote }) => quote)) !== word) return falseBy(sealer, 'WRONG_WORD')
      return { kind: 'lock', word, quotes, proposer: sealer, session, body: hexOf(keccak_256(body)) }
    } catch (error) {
      if (error instanceof DecodeError) return FALSE
      throw error
    }
  }
}

function falseBy(index: number, fault: AggregatorFault): ShownLock {
  return { kind: 'false', liar: { index, fault } }
}
