/**
 * A quote: what one oracle node says a feed was worth in one round, signed by its identity.
 *
 * ```
 * tag 4 | kind 1 | slot 1 | keyEpoch 4 | feedId 32 | round 5 | price 10 | confidence 2 | observedAt 5 | sourcesRoot 32 | signature 64
 * ```
 */
import { ByteReader, ByteWriter, DecodeError, equalBytes, type Hash } from './bytes.ts'
import { type Domain, digestOf, domainTag, STRUCTS } from './domain.ts'
import { SIGNATURE_BYTES } from './identity.ts'
import { MESSAGE_KIND } from './message.ts'
import { asRound, type Round } from './rounds.ts'
import { MAX_PRICE, type Price } from './units.ts'

export interface Quote {
  readonly keyEpoch: number
  readonly feedId: Hash
  readonly round: Round
  /** USD, 18 decimals, in (0, 2^80). */
  readonly price: Price
  /** Basis points, saturating at 65,535. */
  readonly confidence: number
  /** Unix seconds. */
  readonly observedAt: number
  /** Merkle root of the venue values the price was computed from. */
  readonly sourcesRoot: Hash
}

export interface SignedQuote {
  readonly quote: Quote
  /** The slot of the node that signed. The signature is what counts; the slot says whose it must be. */
  readonly slot: number
  readonly signature: Uint8Array
  /** The canonical bytes, as sent. */
  readonly bytes: Uint8Array
}

export const SIGNED_QUOTE_BYTES = 160

/**
 * Whether two quotes differ at most in their signature. A member can sign one quote in many ways; compared with
 * their signatures, two nodes could be made to hold what looks like different quotes, with no lie to prove.
 */
export function saysTheSame(a: SignedQuote, b: SignedQuote): boolean {
  const unsigned = SIGNED_QUOTE_BYTES - SIGNATURE_BYTES
  return equalBytes(a.bytes.subarray(0, unsigned), b.bytes.subarray(0, unsigned))
}

export function quoteDigest(domain: Domain, quote: Quote): Uint8Array {
  return digestOf(domain, STRUCTS.quote, {
    ...quote,
    round: BigInt(quote.round),
    observedAt: BigInt(quote.observedAt),
  })
}

export function encodeSignedQuote(
  domain: Domain,
  slot: number,
  quote: Quote,
  signature: Uint8Array,
): SignedQuote {
  const bytes = new ByteWriter()
    .fixed(domainTag(domain), 4)
    .uint(MESSAGE_KIND.quote, 1)
    .uint(slot, 1)
    .uint(quote.keyEpoch, 4)
    .hex(quote.feedId, 32)
    .uint(quote.round, 5)
    .uint(quote.price, 10)
    .uint(quote.confidence, 2)
    .uint(quote.observedAt, 5)
    .hex(quote.sourcesRoot, 32)
    .fixed(signature, SIGNATURE_BYTES)
    .done()
  return { quote, slot, signature, bytes }
}

/** Whether they begin as all messages of the domain do. */
export function isQuoteOf(domain: Domain, bytes: Uint8Array): boolean {
  return equalBytes(bytes.subarray(0, 4), domainTag(domain))
}

/** @throws {DecodeError} for bytes that no honest node sends in this domain */
export function decodeSignedQuote(domain: Domain, bytes: Uint8Array): SignedQuote {
  const reader = new ByteReader(bytes)
  reader.fixed(4)
  if (!isQuoteOf(domain, bytes)) throw new DecodeError('BAD_VALUE', 'a quote of another network')
  reader.expect(MESSAGE_KIND.quote)
  const slot = reader.small(1)
  const quote: Quote = {
    keyEpoch: reader.small(4),
    feedId: reader.hex(32),
    round: asRound(reader.small(5)),
    price: reader.uint(10) as Price,
    confidence: reader.small(2),
    observedAt: reader.small(5),
    sourcesRoot: reader.hex(32),
  }
  if (quote.price === 0n || quote.price > MAX_PRICE) throw new DecodeError('BAD_VALUE', 'a price of zero')
  const signature = reader.fixed(SIGNATURE_BYTES)
  return reader.done({ quote, slot, signature, bytes })
}
