import { DecodeError, equalBytes, type Hash } from '../bytes.ts'
import type { Domain } from '../domain.ts'
import type { IdentityCrypto } from '../identity.ts'
import { type Membership, memberBySlot } from '../membership.ts'
import { decodeSignedQuote, quoteDigest, type SignedQuote } from '../quote.ts'
import { observedInsideSlot, type QuoteBook } from './quote-book.ts'
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
  if (!observedInsideSlot(quote, context.timing)) return undefined
  const known = context.book.quoteOf(quote.round, slot)
  if (known !== undefined && equalBytes(known.signed.bytes, bytes)) return known.signed
  const signer = context.crypto.recover(quoteDigest(context.domain, quote), signature)
  return signer === member.identity ? signed : undefined
}

function decode(domain: Domain, bytes: Uint8Array): SignedQuote | undefined {
  try {
    return decodeSignedQuote(domain, bytes)
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}
