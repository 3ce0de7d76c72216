/**
 * What was opened, in one piece: relayers keep it by its SHA-256, auditors ask for it by the hash that the bundle
 * names, and check it as the relayer did.
 *
 * ```
 * length of the commitment 4 | commitment, signed | openings
 * ```
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { ByteReader, ByteWriter, DecodeError, type Hash, hexOf } from '../../protocol/bytes.ts'
import type { MatrixSize } from '../matrix/size.ts'
import { decodeCommitment, encodeCommitment, type SignedCommitment } from './commitment.ts'
import { MAX_PRODUCTS } from './context.ts'
import { type DrawRule, drawRuleOf } from './draw.ts'
import { openingsBytes } from './openings.ts'

export interface Transcript {
  readonly signed: SignedCommitment
  /** As `encodeOpenings` writes them; decoded by what was drawn. */
  readonly openings: Uint8Array
}

/** `encodeCommitment` with as many products as there can be. */
export const MAX_COMMITMENT_BYTES = 20 + 32 + 8 + 2 + 2 + MAX_PRODUCTS * 32 + 64

/** The longest transcript of a network whose products have this side. */
export function maxTranscriptBytes(size: MatrixSize, rule: DrawRule = drawRuleOf(size)): number {
  return 4 + MAX_COMMITMENT_BYTES + openingsBytes(rule, size, MAX_PRODUCTS)
}

export function encodeTranscript({ signed, openings }: Transcript): Uint8Array {
  const commitment = encodeCommitment(signed)
  return new ByteWriter()
    .uint(commitment.length, 4)
    .fixed(commitment, commitment.length)
    .fixed(openings, openings.length)
    .done()
}

/** @throws {DecodeError} */
export function decodeTranscript(bytes: Uint8Array): Transcript {
  const reader = new ByteReader(bytes)
  const length = reader.small(4)
  if (length > MAX_COMMITMENT_BYTES) throw new DecodeError('TOO_LONG', `a commitment of ${length} bytes`)
  return { signed: decodeCommitment(reader.fixed(length)), openings: reader.rest() }
}

export function transcriptHash(transcript: Uint8Array): Hash {
  return hexOf(sha256(transcript))
}
