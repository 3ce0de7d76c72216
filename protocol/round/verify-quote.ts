import { DecodeError, equalBytes, type Hash } from '../bytes.ts'
import type { Domain } from '../domain.ts'
import type { IdentityCrypto } from '../identity.ts'
import { type Membership, memberBySlot } from '../membership.ts'
import { decodeSignedQuote, quoteDigest, type SignedQuote, saysTheSame } from '../quote.ts'
import type { Round } from '../rounds.ts'
import type { QuotePair } from './messages.ts'
import { type Equivocation, fitsItsSlot, type QuoteBook } from './quote-book.ts'
import type { RoundTiming } from './timing.ts'

export interface QuoteContext {
  readonly domain: Domain
  readonly feedId: Hash
  readonly membership: Membership
  readonly timing: RoundTiming
  readonly crypto: Pick<IdentityCrypto, 'recover'>
  /** Quotes whose signatures have been verified before: the same bytes need it only once. */
  readonly book: Pick<QuoteBook, 'quoteOf'>
}

/** A quote that came inside another message, when it is an active member's under the current key; else undefined. */
export function verifyQuote(bytes: Uint8Array, context: QuoteContext): SignedQuote | undefined {
  const signed = decode(context.domain, bytes)
  if (signed === undefined) return undefined
  const { quote, slot, signature } = signed
  const member = memberBySlot(context.membership, slot)
  if (member === undefined || member.suspended) return undefined
  if (quote.keyEpoch !== context.membership.keyEpoch || quote.feedId !== context.feedId) return undefined
  if (!fitsItsSlot(quote, context.timing)) return undefined
  const known = context.book.quoteOf(quote.round, slot)
  if (known !== undefined && equalBytes(known.signed.bytes, bytes)) return known.signed
  const signer = context.crypto.recover(quoteDigest(context.domain, quote), signature)
  return signer === member.identity ? signed : undefined
}

/**
 * Whether the member of its slot, suspended or not, signed these bytes for this feed, key epoch and round, and for a
 * time inside it. What is not authentic, no honest process shows to another: unlike {@link verifyQuote} it does not depend on when a suspension
 * was seen, and is what blame can rest on.
 */
export function isAuthentic(bytes: Uint8Array, round: Round, context: Omit<QuoteContext, 'book'>): boolean {
  const signed = decode(context.domain, bytes)
  return signed?.quote.round === round && isSignedByMember(signed, context)
}

function isSignedByMember(signed: SignedQuote, context: Omit<QuoteContext, 'book'>): boolean {
  const { quote, slot, signature } = signed
  if (!fitsItsSlot(quote, context.timing)) return false
  if (quote.keyEpoch !== context.membership.keyEpoch || quote.feedId !== context.feedId) return false
  const signer = context.crypto.recover(quoteDigest(context.domain, quote), signature)
  return signer !== undefined && signer === memberBySlot(context.membership, slot)?.identity
}

/**
 * The proof that a member said two things, when the pair is one under the membership's key. Of quotes that fit their
 * slot only: what is learned goes on by gossip, where anything else is rejected.
 */
export function verifyEquivocation(
  pair: QuotePair,
  context: Omit<QuoteContext, 'book'>,
): Equivocation | undefined {
  const [first, second] = pair.map(bytes => decode(context.domain, bytes))
  if (first === undefined || second === undefined || saysTheSame(first, second)) return undefined
  const signer = memberBySlot(context.membership, first.slot)?.identity
  const ofOneRound = first.slot === second.slot && first.quote.round === second.quote.round
  if (!ofOneRound || signer === undefined) return undefined
  if (![first, second].every(signed => isSignedByMember(signed, context))) return undefined
  return { slot: first.slot, signer, first, second }
}

/** The slot that a quote's bytes claim, before anything else of them is looked at. */
export function claimedSlot(bytes: Uint8Array): number | undefined {
  return bytes[SLOT_OFFSET]
}

/** Behind the domain tag and the kind. */
const SLOT_OFFSET = 5

function decode(domain: Domain, bytes: Uint8Array): SignedQuote | undefined {
  try {
    return decodeSignedQuote(domain, bytes)
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}
