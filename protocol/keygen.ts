/**
 * Distributed key generation: what members say to one another, and what follows from it.
 *
 * Every member deals a secret polynomial. The transcript is all dealers' commitments in order of slot; nobody
 * sends a share before every participant has signed the same transcript hash. The hash goes on chain with the
 * key, so anyone who is handed the transcript can check it and derive every verifying share from it.
 */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { ByteReader, ByteWriter, DecodeError, type Hash, hexOf } from './bytes.ts'
import { type Domain, digestOf, STRUCTS } from './domain.ts'
import { type FrostPublic, POINT_BYTES, PROOF_BYTES, publicPackageOf } from './frost.ts'
import { SIGNATURE_BYTES } from './identity.ts'
import { bitmapOf } from './membership.ts'
import { MAX_MEMBERS } from './quorum.ts'
import type { ChosenSigner, NoncePair } from './round/messages.ts'

export interface KeygenAttempt {
  /** The epoch the new key will have: the current one + 1. */
  readonly keyEpoch: number
  readonly registryVersion: number
  /**
   * Index of the aggregator that called it. Numbers grow for each caller by itself: without it in the name, one
   * could call again what another has called, and members would deal twice under one name.
   */
  readonly caller: number
  /** Grows with every attempt of this caller, so that messages of an abandoned one mean nothing. */
  readonly attempt: number
  /** Slots, ascending. */
  readonly participants: readonly number[]
  /** Shares needed to sign: q of the whole membership, also when fewer than n take part. */
  readonly threshold: number
}

export interface DealerCommitment {
  readonly slot: number
  /** Compressed points, constant term first. */
  readonly commitment: readonly Uint8Array[]
  /** Proof that the dealer knows its secret: without it the last dealer picks the key. */
  readonly proofOfKnowledge: Uint8Array
}

export type Transcript = readonly DealerCommitment[]

/** A caller's turn lasts this many attempts, so that one that began late in it can still be repeated. */
const ATTEMPTS_PER_TURN = 3

/** Index of the aggregator that may break off another one's attempt now. */
export function callerTurn(unixMs: number, attemptTimeoutMs: number, aggregators: number): number {
  return Math.floor(unixMs / (ATTEMPTS_PER_TURN * attemptTimeoutMs)) % aggregators
}

export function attemptIdOf(domain: Domain, attempt: KeygenAttempt): Hash {
  const writer = new ByteWriter()
    .uint(domain.chainId, 8)
    .hex(domain.registry, 20)
    .uint(attempt.keyEpoch, 4)
    .uint(attempt.registryVersion, 4)
    .uint(attempt.caller, 1)
    .uint(attempt.attempt, 6)
    .uint(attempt.threshold, 1)
    .uint(attempt.participants.length, 1)
  for (const slot of attempt.participants) writer.uint(slot, 1)
  return hexOf(keccak_256(writer.done()))
}

function writeDealer(writer: ByteWriter, dealer: DealerCommitment): void {
  writer.uint(dealer.slot, 1).uint(dealer.commitment.length, 1)
  for (const point of dealer.commitment) writer.fixed(point, POINT_BYTES)
  writer.fixed(dealer.proofOfKnowledge, PROOF_BYTES)
}

function readDealer(reader: ByteReader): DealerCommitment {
  return {
    slot: reader.small(1),
    commitment: reader.list(MAX_MEMBERS, item => item.fixed(POINT_BYTES)),
    proofOfKnowledge: reader.fixed(PROOF_BYTES),
  }
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
  const threshold = transcript[0]?.commitment.length ?? 0
  transcript.forEach((dealer, index) => {
    const previous = transcript[index - 1]
    if (previous !== undefined && dealer.slot <= previous.slot)
      throw new DecodeError('BAD_VALUE', 'slots out of order')
    if (dealer.commitment.length !== threshold)
      throw new DecodeError('BAD_VALUE', 'commitments of unequal length')
  })
  return reader.done({ attemptId, transcript })
}

export function transcriptHashOf(transcriptBytes: Uint8Array): Hash {
  return hexOf(keccak_256(transcriptBytes))
}

/** The public package that follows from a transcript; its group key has even y. */
export function publicPackageFromTranscript(transcript: Transcript): FrostPublic {
  return publicPackageOf(
    transcript.map(dealer => dealer.commitment),
    transcript.map(dealer => dealer.slot),
  )
}

export interface GroupKeyInstallation {
  readonly keyEpoch: number
  readonly registryVersion: number
  readonly transcriptHash: Hash
  readonly participants: readonly number[]
  readonly px: bigint
}

/** What a quorum of identities and the new key itself sign, and the registry checks. */
export function installationDigest(domain: Domain, installation: GroupKeyInstallation): Uint8Array {
  return digestOf(domain, STRUCTS.groupKey, {
    ...installation,
    participants: bitmapOf(installation.participants),
  })
}

export function encodeKeygenStart(
  attempt: Pick<KeygenAttempt, 'attempt' | 'participants' | 'registryVersion'>,
): Uint8Array {
  const writer = new ByteWriter().uint(attempt.registryVersion, 4).uint(attempt.attempt, 6)
  writer.uint(attempt.participants.length, 1)
  for (const slot of attempt.participants) writer.uint(slot, 1)
  return writer.done()
}

/** @throws {DecodeError} */
export function decodeKeygenStart(
  bytes: Uint8Array,
): Pick<KeygenAttempt, 'attempt' | 'participants' | 'registryVersion'> {
  const reader = new ByteReader(bytes)
  return reader.done({
    registryVersion: reader.small(4),
    attempt: reader.small(6),
    participants: reader.list(MAX_MEMBERS, item => item.small(1)),
  })
}

/** What a member says once it has signed the transcript: only a hash, under the attempt. */
export function encodeTranscriptVote(attemptId: Hash, transcriptHash: Hash): Uint8Array {
  return new ByteWriter().hex(attemptId, 32).hex(transcriptHash, 32).done()
}

/** @throws {DecodeError} */
export function decodeTranscriptVote(bytes: Uint8Array): { attemptId: Hash; transcriptHash: Hash } {
  const reader = new ByteReader(bytes)
  return reader.done({ attemptId: reader.hex(32), transcriptHash: reader.hex(32) })
}

export function encodeKeyShare(attemptId: Hash, share: Uint8Array): Uint8Array {
  return new ByteWriter().hex(attemptId, 32).fixed(share, 32).done()
}

/** @throws {DecodeError} */
export function decodeKeyShare(bytes: Uint8Array): { attemptId: Hash; share: Uint8Array } {
  const reader = new ByteReader(bytes)
  return reader.done({ attemptId: reader.hex(32), share: reader.fixed(32) })
}

/** What a member answers when it holds its share: the transcript, its consent on chain, and a nonce pair to install with. */
export interface KeygenResult {
  readonly attemptId: Hash
  /** Identity signature over the installation digest. */
  readonly consent: Uint8Array
  readonly nonce: NoncePair
  readonly transcript: Uint8Array
}

export function encodeKeygenResult(result: KeygenResult): Uint8Array {
  return new ByteWriter()
    .hex(result.attemptId, 32)
    .fixed(result.consent, SIGNATURE_BYTES)
    .fixed(result.nonce.hiding, POINT_BYTES)
    .fixed(result.nonce.binding, POINT_BYTES)
    .fixed(result.transcript, result.transcript.length)
    .done()
}

/** @throws {DecodeError} */
export function decodeKeygenResult(bytes: Uint8Array): KeygenResult {
  const reader = new ByteReader(bytes)
  return reader.done({
    attemptId: reader.hex(32),
    consent: reader.fixed(SIGNATURE_BYTES),
    nonce: { hiding: reader.fixed(POINT_BYTES), binding: reader.fixed(POINT_BYTES) },
    transcript: reader.rest(),
  })
}

export interface KeygenInstall {
  readonly attemptId: Hash
  /** Exactly `threshold`, ascending by slot. */
  readonly signers: readonly ChosenSigner[]
}

export function encodeKeygenInstall(install: KeygenInstall): Uint8Array {
  const writer = new ByteWriter().hex(install.attemptId, 32).uint(install.signers.length, 1)
  for (const { slot, hiding, binding } of install.signers) {
    writer.uint(slot, 1).fixed(hiding, POINT_BYTES).fixed(binding, POINT_BYTES)
  }
  return writer.done()
}

/** @throws {DecodeError} */
export function decodeKeygenInstall(bytes: Uint8Array): KeygenInstall {
  const reader = new ByteReader(bytes)
  return reader.done({
    attemptId: reader.hex(32),
    signers: reader.list(MAX_MEMBERS, item => ({
      slot: item.small(1),
      hiding: item.fixed(POINT_BYTES),
      binding: item.fixed(POINT_BYTES),
    })),
  })
}

/** Every dealer's commitments at the largest network; bounds what a peer may answer. */
export const MAX_TRANSCRIPT_BYTES = 40 + MAX_MEMBERS * (2 + MAX_MEMBERS * POINT_BYTES + PROOF_BYTES)
