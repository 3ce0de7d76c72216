/**
 * What aggregators and signers say to one another in a round. All of it goes over direct streams, sealed by
 * the sender's identity (see ../message.ts).
 */

import { keccak_256 } from '@noble/hashes/sha3.js'
import { ByteReader, ByteWriter, DecodeError, type Hash, hexOf } from '../bytes.ts'
import { POINT_BYTES, SCALAR_BYTES } from '../frost.ts'
import { SIGNATURE_BYTES } from '../identity.ts'
import { MAX_MEMBERS } from '../quorum.ts'
import { SIGNED_QUOTE_BYTES } from '../quote.ts'
import { asRound, type Round } from '../rounds.ts'

/** The public halves of one nonce pair. */
export interface NoncePair {
  readonly hiding: Uint8Array
  readonly binding: Uint8Array
}

export interface ChosenSigner extends NoncePair {
  readonly slot: number
}

export interface Proposal {
  readonly feedId: Hash
  readonly round: Round
  /** Counts the proposer's sessions of a round: each is a new set of signers or nonces. */
  readonly session: number
  /** Signed quotes in their wire form, ascending by slot. */
  readonly quotes: readonly Uint8Array[]
  readonly word: bigint
  /** Exactly q, ascending by slot. */
  readonly signers: readonly ChosenSigner[]
  /**
   * Why quotes that signers may have seen are not among them: two signed quotes of each member that is left out for
   * having said two things. A signer that does not know of it would take the quote for dropped.
   */
  readonly equivocations: readonly QuotePair[]
}

/** Two signed quotes of one member for one round, in their wire form. */
export type QuotePair = readonly [Uint8Array, Uint8Array]

/** f of the largest network: with more liars than that, nothing that is decided here holds anyway. */
export const MAX_EQUIVOCATIONS = 42

export function writePair(writer: ByteWriter, pair: NoncePair): void {
  writer.fixed(pair.hiding, POINT_BYTES).fixed(pair.binding, POINT_BYTES)
}

/** @throws {DecodeError} */
export function readPair(reader: ByteReader): NoncePair {
  return { hiding: reader.fixed(POINT_BYTES), binding: reader.fixed(POINT_BYTES) }
}

function writeQuotePair(writer: ByteWriter, [first, second]: QuotePair): void {
  writer.fixed(first, SIGNED_QUOTE_BYTES).fixed(second, SIGNED_QUOTE_BYTES)
}

function readQuotePair(reader: ByteReader): QuotePair {
  return [reader.fixed(SIGNED_QUOTE_BYTES), reader.fixed(SIGNED_QUOTE_BYTES)]
}

export function encodeProposal(proposal: Proposal): Uint8Array {
  const writer = new ByteWriter()
    .hex(proposal.feedId, 32)
    .uint(proposal.round, 5)
    .uint(proposal.session, 2)
    .uint(proposal.word, 32)
    .uint(proposal.quotes.length, 1)
  for (const quote of proposal.quotes) writer.fixed(quote, SIGNED_QUOTE_BYTES)
  writer.uint(proposal.signers.length, 1)
  for (const signer of proposal.signers) writePair(writer.uint(signer.slot, 1), signer)
  writer.uint(proposal.equivocations.length, 1)
  for (const pair of proposal.equivocations) writeQuotePair(writer, pair)
  return writer.done()
}

/** @throws {DecodeError} */
export function decodeProposal(body: Uint8Array): Proposal {
  const reader = new ByteReader(body)
  return reader.done({
    feedId: reader.hex(32),
    round: asRound(reader.small(5)),
    session: reader.small(2),
    word: reader.uint(32),
    quotes: reader.list(MAX_MEMBERS, item => item.fixed(SIGNED_QUOTE_BYTES)),
    signers: reader.list(MAX_MEMBERS, item => ({ slot: item.small(1), ...readPair(item) })),
    equivocations: reader.list(MAX_EQUIVOCATIONS, readQuotePair),
  })
}

/** Names one signing session: the hash of the sealed proposal, signature included. */
export function sessionIdOf(sealedProposal: Uint8Array): Hash {
  return hexOf(keccak_256(sealedProposal))
}

/** Largest sealed proposal: every member's quote and nonces, and the proofs against those who said two things. */
export const MAX_PROPOSAL_BYTES =
  200 + MAX_MEMBERS * (SIGNED_QUOTE_BYTES + 1 + 2 * POINT_BYTES) + MAX_EQUIVOCATIONS * 2 * SIGNED_QUOTE_BYTES

/** Why a signer refuses a proposal. Closed: metric label, log field and what tests assert. */
export const REFUSALS = [
  'MALFORMED',
  'NOT_AN_AGGREGATOR',
  'NOT_ITS_TURN',
  'TOO_EARLY',
  'OTHER_KEY_EPOCH',
  'OTHER_FEED',
  'ROUND_OUTSIDE_WINDOW',
  'ALREADY_CERTIFIED',
  'BAD_SIGNER_SET',
  'NOT_CHOSEN',
  'UNKNOWN_NONCE',
  'TOO_FEW_QUOTES',
  'BAD_QUOTE',
  'DUPLICATE_QUOTE',
  'EQUIVOCATOR',
  'WRONG_WORD',
  'NO_KEY_SHARE',
  'BUSY',
  'JUST_STARTED',
  'FALSE_EVIDENCE',
] as const
export type Refusal = (typeof REFUSALS)[number]

export type Reply =
  | {
      readonly kind: 'share'
      readonly sessionId: Hash
      /** Over the report's digest: q of these are the fallback certificate, at no extra cost. */
      readonly identitySignature: Uint8Array
      readonly share: Uint8Array
      /** A fresh pair for the lane, in place of the one just spent. */
      readonly nonce: NoncePair
    }
  /** The signer has locked this round to another proposal, which the asker must adopt. */
  | { readonly kind: 'locked'; readonly sessionId: Hash; readonly proposal: Uint8Array }
  /** The proposal lacks quotes that the signer saw in time. */
  | { readonly kind: 'missing'; readonly sessionId: Hash; readonly quotes: readonly Uint8Array[] }
  | {
      readonly kind: 'refused'
      readonly sessionId: Hash
      readonly reason: Exclude<Refusal, 'EQUIVOCATOR'>
    }
  /** A refusal that proves itself, so that the next session can do without the liar's quote. */
  | {
      readonly kind: 'refused'
      readonly sessionId: Hash
      readonly reason: 'EQUIVOCATOR'
      readonly evidence: QuotePair
    }

const REPLY_SHARE = 1
const REPLY_LOCKED = 2
const REPLY_MISSING = 3
const REPLY_REFUSED = 4

export const MAX_REPLY_BYTES = MAX_PROPOSAL_BYTES + 200

export function encodeReply(reply: Reply): Uint8Array {
  const writer = new ByteWriter().hex(reply.sessionId, 32)
  switch (reply.kind) {
    case 'share':
      writer
        .uint(REPLY_SHARE, 1)
        .fixed(reply.identitySignature, SIGNATURE_BYTES)
        .fixed(reply.share, SCALAR_BYTES)
      writePair(writer, reply.nonce)
      return writer.done()
    case 'locked':
      return writer.uint(REPLY_LOCKED, 1).sized(reply.proposal).done()
    case 'missing':
      writer.uint(REPLY_MISSING, 1).uint(reply.quotes.length, 1)
      for (const quote of reply.quotes) writer.fixed(quote, SIGNED_QUOTE_BYTES)
      return writer.done()
    case 'refused':
      writer.uint(REPLY_REFUSED, 1).uint(REFUSALS.indexOf(reply.reason), 1)
      if (reply.reason === 'EQUIVOCATOR') writeQuotePair(writer, reply.evidence)
      return writer.done()
  }
}

/** @throws {DecodeError} */
export function decodeReply(body: Uint8Array): Reply {
  const reader = new ByteReader(body)
  const sessionId = reader.hex(32)
  const kind = reader.small(1)
  switch (kind) {
    case REPLY_SHARE:
      return reader.done({
        kind: 'share',
        sessionId,
        identitySignature: reader.fixed(SIGNATURE_BYTES),
        share: reader.fixed(SCALAR_BYTES),
        nonce: readPair(reader),
      })
    case REPLY_LOCKED:
      return reader.done({ kind: 'locked', sessionId, proposal: reader.sized(MAX_PROPOSAL_BYTES) })
    case REPLY_MISSING: {
      const quotes = reader.list(MAX_MEMBERS, item => item.fixed(SIGNED_QUOTE_BYTES))
      return reader.done({ kind: 'missing', sessionId, quotes })
    }
    case REPLY_REFUSED: {
      const reason = REFUSALS[reader.small(1)]
      if (reason === undefined) throw new DecodeError('BAD_VALUE', 'unknown refusal')
      if (reason === 'EQUIVOCATOR')
        return reader.done({ kind: 'refused', sessionId, reason, evidence: readQuotePair(reader) })
      return reader.done({ kind: 'refused', sessionId, reason })
    }
    default:
      throw new DecodeError('BAD_KIND', `reply kind ${kind}`)
  }
}

/** An aggregator's lane at a signer: its nonces belong to one run of one aggregator. */
export interface NonceRequest {
  readonly keyEpoch: number
  /** Random, chosen at the aggregator's start: a restarted aggregator never sees an old lane's pairs. */
  readonly bootId: Hash
}

export const NONCE_REQUEST_BYTES = 36

export function encodeNonceRequest(request: NonceRequest): Uint8Array {
  return new ByteWriter().uint(request.keyEpoch, 4).hex(request.bootId, 32).done()
}

/** @throws {DecodeError} */
export function decodeNonceRequest(bytes: Uint8Array): NonceRequest {
  const reader = new ByteReader(bytes)
  return reader.done({ keyEpoch: reader.small(4), bootId: reader.hex(32) })
}

/** At most this many unspent pairs a lane: enough for a round's retries, few enough to bound memory. */
export const MAX_LANE_PAIRS = 4

export function encodeNoncePairs(pairs: readonly NoncePair[]): Uint8Array {
  const writer = new ByteWriter().uint(pairs.length, 1)
  for (const pair of pairs) writePair(writer, pair)
  return writer.done()
}

/** @throws {DecodeError} */
export function decodeNoncePairs(bytes: Uint8Array): NoncePair[] {
  const reader = new ByteReader(bytes)
  return reader.done(reader.list(MAX_LANE_PAIRS, readPair))
}

/** Which round's quote is asked for. The reply is the stored signed quote, or empty. */
export const QUOTE_REQUEST_BYTES = 5

export function encodeQuoteRequest(round: Round): Uint8Array {
  return new ByteWriter().uint(round, QUOTE_REQUEST_BYTES).done()
}

/** @throws {DecodeError} */
export function decodeQuoteRequest(bytes: Uint8Array): Round {
  const reader = new ByteReader(bytes)
  return reader.done(asRound(reader.small(QUOTE_REQUEST_BYTES)))
}

/** When a member took in the question for its time, and when it answered: Unix milliseconds of its own clock. */
export interface TimeReply {
  readonly receivedAtMs: number
  readonly sentAtMs: number
}

export const TIME_REPLY_BYTES = 12

export function encodeTimeReply({ receivedAtMs, sentAtMs }: TimeReply): Uint8Array {
  return new ByteWriter().uint(Math.floor(receivedAtMs), 6).uint(Math.floor(sentAtMs), 6).done()
}

/** @throws {DecodeError} */
export function decodeTimeReply(bytes: Uint8Array): TimeReply {
  const reader = new ByteReader(bytes)
  return reader.done({ receivedAtMs: reader.small(6), sentAtMs: reader.small(6) })
}
