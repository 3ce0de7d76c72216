/**
 * The transcript of a key generation: all dealers' commitments in order of slot. Each deals two polynomials, one for
 * the signing key and one for the beacon key. Its hash goes on chain with the key, so anyone who is handed the
 * transcript can check it and derive both keys and every public share from it.
 */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { type BeaconPublic, beaconPublicOf } from '../beacon/public.ts'
import { ByteReader, ByteWriter, DecodeError, type Hash, hexOf } from '../bytes.ts'
import { type FrostPublic, POINT_BYTES, PROOF_BYTES, publicPackageOf } from '../frost.ts'
import { MAX_MEMBERS } from '../quorum.ts'

/** What a dealer says of one polynomial. */
export interface Dealing {
  /** Compressed points, constant term first. */
  readonly commitment: readonly Uint8Array[]
  /** Proof that the dealer knows its secret: without it the last dealer picks the key. */
  readonly proofOfKnowledge: Uint8Array
}

export interface DealerCommitment {
  readonly slot: number
  readonly signing: Dealing
  /** Of the same degree. */
  readonly beacon: Dealing
}

export type Transcript = readonly DealerCommitment[]

function writeDealing(writer: ByteWriter, dealing: Dealing): void {
  for (const point of dealing.commitment) writer.fixed(point, POINT_BYTES)
  writer.fixed(dealing.proofOfKnowledge, PROOF_BYTES)
}

function writeDealer(writer: ByteWriter, { slot, signing, beacon }: DealerCommitment): void {
  if (signing.commitment.length !== beacon.commitment.length)
    throw new RangeError('both polynomials of a dealer have one degree')
  writer.uint(slot, 1).uint(signing.commitment.length, 1)
  writeDealing(writer, signing)
  writeDealing(writer, beacon)
}

function readDealer(reader: ByteReader): DealerCommitment {
  const slot = reader.small(1)
  const threshold = reader.small(1)
  if (threshold > MAX_MEMBERS) throw new DecodeError('TOO_LONG', `a polynomial of ${threshold} coefficients`)
  const dealing = (): Dealing => ({
    commitment: Array.from({ length: threshold }, () => reader.fixed(POINT_BYTES)),
    proofOfKnowledge: reader.fixed(PROOF_BYTES),
  })
  return { slot, signing: dealing(), beacon: dealing() }
}

export function encodeDealerCommitment(attemptId: Hash, dealer: DealerCommitment): Uint8Array {
  const writer = new ByteWriter().hex(attemptId, 32)
  writeDealer(writer, dealer)
  return writer.done()
}

/** @throws {DecodeError} */
export function decodeDealerCommitment(bytes: Uint8Array): { attemptId: Hash; dealer: DealerCommitment } {
  const reader = new ByteReader(bytes)
  const attemptId = reader.hex(32)
  return reader.done({ attemptId, dealer: readDealer(reader) })
}

/** The attempt's identifier and every dealer's commitments: self-contained, so its hash says everything. */
export function encodeTranscript(attemptId: Hash, transcript: Transcript): Uint8Array {
  const writer = new ByteWriter().hex(attemptId, 32).uint(transcript.length, 1)
  for (const dealer of transcript) writeDealer(writer, dealer)
  return writer.done()
}

/** @throws {DecodeError} also when slots are not ascending or the commitments differ in length */
export function decodeTranscript(bytes: Uint8Array): { attemptId: Hash; transcript: Transcript } {
  const reader = new ByteReader(bytes)
  const attemptId = reader.hex(32)
  const transcript = reader.list(MAX_MEMBERS, readDealer)
  const threshold = transcript[0]?.signing.commitment.length ?? 0
  transcript.forEach((dealer, index) => {
    const previous = transcript[index - 1]
    if (previous !== undefined && dealer.slot <= previous.slot)
      throw new DecodeError('BAD_VALUE', 'slots out of order')
    if (dealer.signing.commitment.length !== threshold)
      throw new DecodeError('BAD_VALUE', 'commitments of unequal length')
  })
  return reader.done({ attemptId, transcript })
}

export function transcriptHashOf(transcriptBytes: Uint8Array): Hash {
  return hexOf(keccak_256(transcriptBytes))
}

/** The public half of the signing key; it has even y. */
export function publicPackageFromTranscript(transcript: Transcript): FrostPublic {
  return publicPackageOf(
    transcript.map(({ signing }) => signing.commitment),
    transcript.map(({ slot }) => slot),
  )
}

/** The public half of the beacon key. @throws {RangeError} when it, or a share of it, is zero */
export function beaconPublicFromTranscript(transcript: Transcript): BeaconPublic {
  return beaconPublicOf(
    transcript.map(({ beacon }) => beacon.commitment),
    transcript.map(({ slot }) => slot),
  )
}

/** One dealer's commitments at the largest network. */
export const MAX_DEALER_BYTES = 2 + 2 * (MAX_MEMBERS * POINT_BYTES + PROOF_BYTES)

/** Every dealer's commitments at the largest network; bounds what a peer may answer. */
export const MAX_TRANSCRIPT_BYTES = 40 + MAX_MEMBERS * MAX_DEALER_BYTES
