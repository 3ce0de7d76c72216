/** What members and the caller of a key generation say to one another. Each body begins with the attempt's name. */
import { ByteReader, ByteWriter, DecodeError, type Hash } from '../bytes.ts'
import { POINT_BYTES, SCALAR_BYTES } from '../frost.ts'
import { SIGNATURE_BYTES } from '../identity.ts'
import { MAX_MEMBERS } from '../quorum.ts'
import type { NoncePair } from '../round/messages.ts'
import type { KeygenAttempt } from './attempt.ts'
import { MAX_DEALER_BYTES, MAX_TRANSCRIPT_BYTES } from './transcript.ts'

/** What one member may want of another, in the order in which it does. */
export const PIECES = ['commitment', 'vote', 'share'] as const
export type Piece = (typeof PIECES)[number]

/** How far a member is: waiting for others' pieces, or `finishing`, which it does by itself. */
export const STAGES = [...PIECES, 'finishing'] as const
export type Stage = (typeof STAGES)[number]

/** Envelope of a sealed message: tag, kind, key epoch and signature. */
export const SEAL_BYTES = 4 + 1 + 4 + SIGNATURE_BYTES
export const MAX_SEALED_COMMITMENT_BYTES = SEAL_BYTES + 32 + MAX_DEALER_BYTES
/** Every dealer's sealed commitment, with a length each, and a seal around them. */
export const MAX_HEARD_BYTES = SEAL_BYTES + 65 + MAX_MEMBERS * (2 + MAX_SEALED_COMMITMENT_BYTES)
/** A sealed report of a member that has finished. */
export const MAX_FINISHED_BYTES = SEAL_BYTES + 32 + 1 + 32 + SIGNATURE_BYTES + 2 * POINT_BYTES
const MAX_REPORT_BYTES = SEAL_BYTES + 40 + MAX_SEALED_COMMITMENT_BYTES + 512

/** The caller's terms: key epoch and threshold follow from the registry, its own index from its signature. */
export type CalledTerms = Pick<KeygenAttempt, 'attempt' | 'participants' | 'registryVersion' | 'memberSet'>

export interface KeygenStart {
  readonly terms: CalledTerms
  /** A member says after so long how far it is, when it has not finished. */
  readonly patienceMs: number
}

function writeTerms(writer: ByteWriter, terms: CalledTerms): ByteWriter {
  writer.uint(terms.registryVersion, 4).uint(terms.memberSet, 4).uint(terms.attempt, 6)
  writer.uint(terms.participants.length, 1)
  for (const slot of terms.participants) writer.uint(slot, 1)
  return writer
}

function readTerms(reader: ByteReader): CalledTerms {
  return {
    registryVersion: reader.small(4),
    memberSet: reader.small(4),
    attempt: reader.small(6),
    participants: reader.list(MAX_MEMBERS, item => item.small(1)),
  }
}

export function encodeKeygenStart({ terms, patienceMs }: KeygenStart): Uint8Array {
  return writeTerms(new ByteWriter().uint(patienceMs, 3), terms).done()
}

/** @throws {DecodeError} */
export function decodeKeygenStart(bytes: Uint8Array): KeygenStart {
  const reader = new ByteReader(bytes)
  return reader.done({ patienceMs: reader.small(3), terms: readTerms(reader) })
}

/** What a member says once it has fixed the transcript: only a hash, under the attempt. */
export function encodeTranscriptVote(attemptId: Hash, transcriptHash: Hash): Uint8Array {
  return new ByteWriter().hex(attemptId, 32).hex(transcriptHash, 32).done()
}

/** @throws {DecodeError} */
export function decodeTranscriptVote(bytes: Uint8Array): { attemptId: Hash; transcriptHash: Hash } {
  const reader = new ByteReader(bytes)
  return reader.done({ attemptId: reader.hex(32), transcriptHash: reader.hex(32) })
}

/** One dealer's shares for one recipient, of both polynomials. */
export interface DealtShares {
  /** 32-byte scalars. */
  readonly signing: Uint8Array
  readonly beacon: Uint8Array
}

export interface KeyShare {
  readonly attemptId: Hash
  /** Whom it is for: without it nobody could prove that a share is bad, for it might be another one's good share. */
  readonly recipient: number
  readonly shares: DealtShares
}

export function encodeKeyShare({ attemptId, recipient, shares }: KeyShare): Uint8Array {
  return new ByteWriter()
    .hex(attemptId, 32)
    .uint(recipient, 1)
    .fixed(shares.signing, SCALAR_BYTES)
    .fixed(shares.beacon, SCALAR_BYTES)
    .done()
}

/** @throws {DecodeError} */
export function decodeKeyShare(bytes: Uint8Array): KeyShare {
  const reader = new ByteReader(bytes)
  return reader.done({
    attemptId: reader.hex(32),
    recipient: reader.small(1),
    shares: { signing: reader.fixed(SCALAR_BYTES), beacon: reader.fixed(SCALAR_BYTES) },
  })
}

/** All sealed commitments that a member got, its own too, and the vote that follows from them. */
export interface Heard {
  readonly attemptId: Hash
  readonly transcriptHash: Hash
  /** Sealed, in order of slot. */
  readonly commitments: readonly Uint8Array[]
}

export function encodeHeard({ attemptId, transcriptHash, commitments }: Heard): Uint8Array {
  const writer = new ByteWriter().hex(attemptId, 32).hex(transcriptHash, 32).uint(commitments.length, 1)
  for (const sealed of commitments) writer.sized(sealed)
  return writer.done()
}

/** @throws {DecodeError} */
export function decodeHeard(bytes: Uint8Array): Heard {
  const reader = new ByteReader(bytes)
  return reader.done({
    attemptId: reader.hex(32),
    transcriptHash: reader.hex(32),
    commitments: reader.list(MAX_MEMBERS, item => item.sized(MAX_SEALED_COMMITMENT_BYTES)),
  })
}

/** What a member can prove against another one by itself. */
export type MemberBlame =
  | { readonly fault: 'BAD_COMMITMENT' | 'BAD_PROOF'; readonly slot: number; readonly commitment: Uint8Array }
  | {
      readonly fault: 'BAD_SHARE'
      readonly slot: number
      readonly share: Uint8Array
      readonly commitment: Uint8Array
    }

/** How far a member has come with an attempt, in its own sealed words. */
export type KeygenReport =
  | {
      readonly kind: 'finished'
      readonly transcriptHash: Hash
      /** Identity signature over the installation digest. */
      readonly consent: Uint8Array
      /** To sign the installation with, under the new key. */
      readonly nonce: NoncePair
    }
  | { readonly kind: 'blame'; readonly blame: MemberBlame }
  /** Somebody has voted for another transcript: who lied can be told only from what all have heard. */
  | { readonly kind: 'differs'; readonly slot: number; readonly vote: Uint8Array }
  | { readonly kind: 'waiting'; readonly stage: Stage; readonly missing: readonly number[] }

const REPORT_KINDS = ['finished', 'blame', 'differs', 'waiting'] as const
const MEMBER_FAULTS = ['BAD_COMMITMENT', 'BAD_PROOF', 'BAD_SHARE'] as const

export function encodeKeygenReport(attemptId: Hash, report: KeygenReport): Uint8Array {
  const writer = new ByteWriter().hex(attemptId, 32).uint(REPORT_KINDS.indexOf(report.kind), 1)
  switch (report.kind) {
    case 'finished':
      return writer
        .hex(report.transcriptHash, 32)
        .fixed(report.consent, SIGNATURE_BYTES)
        .fixed(report.nonce.hiding, POINT_BYTES)
        .fixed(report.nonce.binding, POINT_BYTES)
        .done()
    case 'blame': {
      const { blame } = report
      writer.uint(MEMBER_FAULTS.indexOf(blame.fault), 1).uint(blame.slot, 1).sized(blame.commitment)
      if (blame.fault === 'BAD_SHARE') writer.sized(blame.share)
      return writer.done()
    }
    case 'differs':
      return writer.uint(report.slot, 1).sized(report.vote).done()
    case 'waiting':
      writer.uint(STAGES.indexOf(report.stage), 1).uint(report.missing.length, 1)
      for (const slot of report.missing) writer.uint(slot, 1)
      return writer.done()
  }
}

/** @throws {DecodeError} */
export function decodeKeygenReport(bytes: Uint8Array): { attemptId: Hash; report: KeygenReport } {
  const reader = new ByteReader(bytes)
  const attemptId = reader.hex(32)
  return reader.done({ attemptId, report: readReport(reader) })
}

function oneOf<T>(codes: readonly T[], index: number): T {
  const code = codes[index]
  if (code === undefined) throw new DecodeError('BAD_VALUE', `no such code: ${index}`)
  return code
}

function readReport(reader: ByteReader): KeygenReport {
  const kind = oneOf(REPORT_KINDS, reader.small(1))
  switch (kind) {
    case 'finished':
      return {
        kind,
        transcriptHash: reader.hex(32),
        consent: reader.fixed(SIGNATURE_BYTES),
        nonce: { hiding: reader.fixed(POINT_BYTES), binding: reader.fixed(POINT_BYTES) },
      }
    case 'blame': {
      const fault = oneOf(MEMBER_FAULTS, reader.small(1))
      const slot = reader.small(1)
      const commitment = reader.sized(MAX_SEALED_COMMITMENT_BYTES)
      if (fault !== 'BAD_SHARE') return { kind, blame: { fault, slot, commitment } }
      return { kind, blame: { fault, slot, commitment, share: reader.sized(MAX_REPORT_BYTES) } }
    }
    case 'differs':
      return { kind, slot: reader.small(1), vote: reader.sized(MAX_REPORT_BYTES) }
    case 'waiting':
      return {
        kind,
        stage: oneOf(STAGES, reader.small(1)),
        missing: reader.list(MAX_MEMBERS, item => item.small(1)),
      }
  }
}

/** What a caller got for a member from one that does not answer the member itself: sealed, so it needs no trust. */
export interface HandOver {
  readonly piece: Piece
  /** Who sealed it. */
  readonly slot: number
  readonly sealed: Uint8Array
}

export function encodeHandOver({ piece, slot, sealed }: HandOver): Uint8Array {
  return new ByteWriter().uint(PIECES.indexOf(piece), 1).uint(slot, 1).sized(sealed).done()
}

/** @throws {DecodeError} */
export function decodeHandOver(bytes: Uint8Array): HandOver {
  const reader = new ByteReader(bytes)
  return reader.done({
    piece: oneOf(PIECES, reader.small(1)),
    slot: reader.small(1),
    sealed: reader.sized(MAX_SEALED_COMMITMENT_BYTES),
  })
}

/** What members in force are shown before they consent to a key of which they hold no share. */
export interface ConsentRequest {
  readonly terms: CalledTerms
  /** Every participant's sealed report that it has finished, in order of slot. */
  readonly finished: readonly Uint8Array[]
  readonly transcript: Uint8Array
}

export function encodeConsentRequest({ terms, finished, transcript }: ConsentRequest): Uint8Array {
  const writer = writeTerms(new ByteWriter(), terms).uint(finished.length, 1)
  for (const sealed of finished) writer.sized(sealed)
  return writer.fixed(transcript, transcript.length).done()
}

/** @throws {DecodeError} */
export function decodeConsentRequest(bytes: Uint8Array): ConsentRequest {
  const reader = new ByteReader(bytes)
  return reader.done({
    terms: readTerms(reader),
    finished: reader.list(MAX_MEMBERS, item => item.sized(MAX_FINISHED_BYTES)),
    transcript: reader.rest(),
  })
}

export const MAX_KEYGEN_REPORT_BYTES = MAX_REPORT_BYTES
export const MAX_CONSENT_REQUEST_BYTES =
  SEAL_BYTES + 256 + MAX_TRANSCRIPT_BYTES + MAX_MEMBERS * (2 + MAX_FINISHED_BYTES)
