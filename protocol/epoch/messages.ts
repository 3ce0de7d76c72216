/**
 * What relayers and oracle nodes say to one another about an epoch. Requests come over authenticated streams, from a
 * peer that the registry lists as a relayer, so they carry no signature of their own; what binds somebody does.
 */
import { ByteReader, ByteWriter, DecodeError, type Hash } from '../bytes.ts'
import { type CertifiedReport, decodeCertifiedReport, encodeCertifiedReport } from '../certificate.ts'
import { POINT_BYTES, SCALAR_BYTES } from '../frost.ts'
import { SIGNATURE_BYTES } from '../identity.ts'
import { MAX_MEMBERS } from '../quorum.ts'
import { type ChosenSigner, type NoncePair, readPair, writePair } from '../round/messages.ts'
import { decodeSignedReceipt, encodeSignedReceipt, type SignedReceipt } from '../usage/receipt.ts'
import { AUDIT_REFUSALS, type AuditRefusal, type RefusedWhere, WHERE_PARTS } from './audit-types.ts'
import { decodePromised, encodePromised, MAX_PROMISED_BYTES, type PromisedBatch } from './promised-batch.ts'

/** The root over a window's commitments, gossiped by the relayer at the deadline under its seal. */
export interface WindowSeal {
  readonly window: number
  readonly root: Hash
  /** Commitments under the root. */
  readonly count: number
}

export interface RepeatedSeal extends WindowSeal {
  /** 0 … 255. Means nothing: it makes another message of the same seal, since gossip drops what it has seen. */
  readonly repeat: number
}

export function encodeWindowSeal({ window, root, count }: WindowSeal, repeat = 0): Uint8Array {
  return new ByteWriter().uint(window, 4).hex(root, 32).uint(count, 4).uint(repeat, 1).done()
}

/** @throws {DecodeError} */
export function decodeWindowSeal(bytes: Uint8Array): RepeatedSeal {
  const reader = new ByteReader(bytes)
  return reader.done({
    window: reader.small(4),
    root: reader.hex(32),
    count: reader.small(4),
    repeat: reader.small(1),
  })
}

/** Bytes of a sealed {@link WindowSeal}. */
export const SEALED_WINDOW_BYTES = 4 + 1 + 4 + 41 + SIGNATURE_BYTES

/** A piece of a blob: who asks names it by SHA-256 and says how far it has come. */
export interface BlobRequest {
  readonly hash: Hash
  readonly offset: number
}

export const BLOB_PIECE_BYTES = 256 * 1024
export const BLOB_REQUEST_BYTES = 32 + 6

export function encodeBlobRequest({ hash, offset }: BlobRequest): Uint8Array {
  return new ByteWriter().hex(hash, 32).uint(offset, 6).done()
}

/** @throws {DecodeError} */
export function decodeBlobRequest(bytes: Uint8Array): BlobRequest {
  const reader = new ByteReader(bytes)
  return reader.done({ hash: reader.hex(32), offset: reader.small(6) })
}

/** `total 6 | bytes`: fewer than a piece's bytes only at the end. */
export function encodeBlobPiece(total: number, bytes: Uint8Array): Uint8Array {
  return new ByteWriter().uint(total, 6).fixed(bytes, bytes.length).done()
}

/** @throws {DecodeError} */
export function decodeBlobPiece(reply: Uint8Array): { readonly total: number; readonly bytes: Uint8Array } {
  const reader = new ByteReader(reply)
  return { total: reader.small(6), bytes: reply.subarray(6) }
}

/** Texts of a refusal are cut to this: they are for people. */
export const MAX_REFUSAL_TEXT = 600
/** Keys are cut to this: the longest is the name of a batch, of some 150 characters. */
export const MAX_WHERE_KEY = 300

/** What came of an audit. */
export type AuditVerdict =
  | {
      readonly kind: 'signed'
      /** By the member's identity, over the report's digest: q of them are a certificate too. */
      readonly signature: Uint8Array
      /** For the group's signature; undefined when the member holds no share of the report's key. */
      readonly nonce: NoncePair | undefined
    }
  | {
      readonly kind: 'refused'
      readonly code: AuditRefusal
      /** For programs: the text, for people, says the same and the values. */
      readonly where: RefusedWhere
      readonly text: string
    }
  /** Another report of this (epoch, attempt) has been signed: try the next attempt. */
  | { readonly kind: 'locked'; readonly digest: Hash }
  /** The member cannot tell yet, such as when its chain is behind. A retry helps. */
  | { readonly kind: 'unready'; readonly text: string }

const VERDICT = { signed: 1, refused: 2, locked: 3, unready: 4 } as const

export function encodeVerdict(verdict: AuditVerdict): Uint8Array {
  const writer = new ByteWriter().uint(VERDICT[verdict.kind], 1)
  switch (verdict.kind) {
    case 'signed':
      writer.fixed(verdict.signature, SIGNATURE_BYTES).uint(verdict.nonce === undefined ? 0 : 1, 1)
      if (verdict.nonce !== undefined) writePair(writer, verdict.nonce)
      return writer.done()
    case 'refused':
      writer.uint(AUDIT_REFUSALS.indexOf(verdict.code), 2)
      return writeWhere(writer, verdict.where).sized(textBytes(verdict.text, MAX_REFUSAL_TEXT)).done()
    case 'locked':
      return writer.hex(verdict.digest, 32).done()
    case 'unready':
      return writer.sized(textBytes(verdict.text, MAX_REFUSAL_TEXT)).done()
    default:
      return verdict satisfies never
  }
}

/** @throws {DecodeError} */
export function decodeVerdict(bytes: Uint8Array): AuditVerdict {
  const reader = new ByteReader(bytes)
  const kind = reader.small(1)
  switch (kind) {
    case VERDICT.signed: {
      const signature = reader.fixed(SIGNATURE_BYTES)
      return reader.done({
        kind: 'signed',
        signature,
        nonce: reader.small(1) === 1 ? readPair(reader) : undefined,
      })
    }
    case VERDICT.refused: {
      const code = AUDIT_REFUSALS[reader.small(2)]
      if (code === undefined) throw new DecodeError('BAD_VALUE', 'a refusal of unknown code')
      const where = readWhere(reader)
      return reader.done({ kind: 'refused', code, where, text: readText(reader, MAX_REFUSAL_TEXT) })
    }
    case VERDICT.locked:
      return reader.done({ kind: 'locked', digest: reader.hex(32) })
    case VERDICT.unready:
      return reader.done({ kind: 'unready', text: readText(reader, MAX_REFUSAL_TEXT) })
    default:
      throw new DecodeError('BAD_KIND', `a verdict of kind ${kind}`)
  }
}

export const MAX_VERDICT_BYTES = 32 + 4 * (MAX_REFUSAL_TEXT + MAX_WHERE_KEY)

/** Asks for a member's share of the group's signature over a report it has locked. */
export interface EpochSignRequest {
  readonly epoch: number
  readonly attempt: number
  readonly digest: Hash
  /** Exactly q, ascending by slot. */
  readonly signers: readonly ChosenSigner[]
}

export const MAX_EPOCH_SIGN_BYTES = 64 + MAX_MEMBERS * (1 + 2 * POINT_BYTES)

export function encodeEpochSign({ epoch, attempt, digest, signers }: EpochSignRequest): Uint8Array {
  const writer = new ByteWriter().uint(epoch, 6).uint(attempt, 4).hex(digest, 32).uint(signers.length, 1)
  for (const signer of signers) writePair(writer.uint(signer.slot, 1), signer)
  return writer.done()
}

/** @throws {DecodeError} */
export function decodeEpochSign(bytes: Uint8Array): EpochSignRequest {
  const reader = new ByteReader(bytes)
  return reader.done({
    epoch: reader.small(6),
    attempt: reader.small(4),
    digest: reader.hex(32),
    signers: reader.list(MAX_MEMBERS, item => ({ slot: item.small(1), ...readPair(item) })),
  })
}

/** The reply to {@link EpochSignRequest}: the share, or empty when the member cannot sign with this nonce. */
export function decodeEpochShare(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length === 0) return undefined
  const reader = new ByteReader(bytes)
  return reader.done(reader.fixed(SCALAR_BYTES))
}

/** Asks for the root that a member got in time for a window. */
export function encodeWindowRequest(window: number): Uint8Array {
  return new ByteWriter().uint(window, 4).done()
}

/** @throws {DecodeError} */
export function decodeWindowRequest(bytes: Uint8Array): number {
  const reader = new ByteReader(bytes)
  return reader.done(reader.small(4))
}

/** Empty when the member got no root in time. */
export function encodeWindowReply(root: Hash | undefined): Uint8Array {
  return root === undefined ? new Uint8Array() : new ByteWriter().hex(root, 32).done()
}

/** @throws {DecodeError} */
export function decodeWindowReply(bytes: Uint8Array): Hash | undefined {
  if (bytes.length === 0) return undefined
  const reader = new ByteReader(bytes)
  return reader.done(reader.hex(32))
}

export function encodePriceRequest(epoch: number): Uint8Array {
  return new ByteWriter().uint(epoch, 6).done()
}

/** @throws {DecodeError} */
export function decodePriceRequest(bytes: Uint8Array): number {
  const reader = new ByteReader(bytes)
  return reader.done(reader.small(6))
}

/** Empty when the member knows of no certified price of the epoch. */
export function encodePriceReply(report: CertifiedReport | undefined): Uint8Array {
  return report === undefined ? new Uint8Array() : encodeCertifiedReport(report)
}

/** @throws {DecodeError} */
export function decodePriceReply(bytes: Uint8Array): CertifiedReport | undefined {
  return bytes.length === 0 ? undefined : decodeCertifiedReport(bytes)
}

/** Where a page of what a member was shown begins: behind the item of this number, as the member counts them. */
export interface ShownCursor {
  readonly part: ShownPart
  readonly after: number
}

export const SHOWN_PARTS = ['batches', 'receipts'] as const
/** In this order. */
export type ShownPart = (typeof SHOWN_PARTS)[number]

export const SHOWN_BEGIN: ShownCursor = { part: 'batches', after: 0 }

/** Asks for what a member was shown for an epoch, and would refuse the epoch for. */
export interface ShownRequest {
  readonly epoch: number
  readonly cursor: ShownCursor
}

export const SHOWN_REQUEST_BYTES = 6 + 1 + 6

export function encodeShownRequest({ epoch, cursor }: ShownRequest): Uint8Array {
  return writeCursor(new ByteWriter().uint(epoch, 6), cursor).done()
}

/** @throws {DecodeError} */
export function decodeShownRequest(bytes: Uint8Array): ShownRequest {
  const reader = new ByteReader(bytes)
  return reader.done({ epoch: reader.small(6), cursor: readCursor(reader) })
}

/** `last 1 | next cursor | count 2 | batches, each behind 4 bytes of length | count 2 | receipts of a fixed length` */
export interface ShownPage {
  readonly batches: readonly PromisedBatch[]
  readonly receipts: readonly SignedReceipt[]
  /** Undefined on the last page. */
  readonly next: ShownCursor | undefined
}

/** A full batch and more. */
export const MAX_SHOWN_PAGE_BYTES = 256 * 1024
export const SHOWN_RECEIPT_BYTES = 97 + 32 + 32 + 6 + SIGNATURE_BYTES
/** Room for items: a batch takes its length and four bytes. */
export const SHOWN_PAGE_ROOM = MAX_SHOWN_PAGE_BYTES - 16

export function encodeShownPage({ batches, receipts, next }: ShownPage): Uint8Array {
  const writer = new ByteWriter().uint(next === undefined ? 1 : 0, 1)
  writeCursor(writer, next ?? SHOWN_BEGIN).uint(batches.length, 2)
  for (const batch of batches) {
    const bytes = encodePromised(batch)
    writer.uint(bytes.length, 4).fixed(bytes, bytes.length)
  }
  writer.uint(receipts.length, 2)
  for (const receipt of receipts) writer.fixed(encodeSignedReceipt(receipt), SHOWN_RECEIPT_BYTES)
  return writer.done()
}

/** @throws {DecodeError} */
export function decodeShownPage(bytes: Uint8Array): ShownPage {
  const reader = new ByteReader(bytes)
  const isLast = reader.small(1) === 1
  const cursor = readCursor(reader)
  const batches = Array.from({ length: reader.small(2) }, () => {
    const length = reader.small(4)
    if (length > MAX_PROMISED_BYTES) throw new DecodeError('TOO_LONG', `a promised batch of ${length} bytes`)
    return decodePromised(reader.fixed(length))
  })
  const receipts = Array.from({ length: reader.small(2) }, () =>
    decodeSignedReceipt(reader.fixed(SHOWN_RECEIPT_BYTES)),
  )
  return reader.done({ batches, receipts, next: isLast ? undefined : cursor })
}

function writeCursor(writer: ByteWriter, { part, after }: ShownCursor): ByteWriter {
  return writer.uint(SHOWN_PARTS.indexOf(part), 1).uint(after, 6)
}

function readCursor(reader: ByteReader): ShownCursor {
  const part = SHOWN_PARTS[reader.small(1)]
  if (part === undefined) throw new DecodeError('BAD_VALUE', 'a cursor of no part')
  return { part, after: reader.small(6) }
}

const HAS_INDEX = 1
const HAS_KEY = 2

function writeWhere(writer: ByteWriter, { part, index, key }: RefusedWhere): ByteWriter {
  const has = (index === undefined ? 0 : HAS_INDEX) + (key === undefined ? 0 : HAS_KEY)
  writer.uint(WHERE_PARTS.indexOf(part), 1).uint(has, 1)
  if (index !== undefined) writer.uint(index, 4)
  return key === undefined ? writer : writer.sized(textBytes(key, MAX_WHERE_KEY))
}

function readWhere(reader: ByteReader): RefusedWhere {
  const part = WHERE_PARTS[reader.small(1)]
  const has = reader.small(1)
  if (part === undefined || has > HAS_INDEX + HAS_KEY)
    throw new DecodeError('BAD_VALUE', 'a refusal that points nowhere')
  return {
    part,
    ...((has & HAS_INDEX) === 0 ? {} : { index: reader.small(4) }),
    ...((has & HAS_KEY) === 0 ? {} : { key: readText(reader, MAX_WHERE_KEY) }),
  }
}

function textBytes(text: string, maxLength: number): Uint8Array {
  return new TextEncoder().encode(text.slice(0, maxLength))
}

function readText(reader: ByteReader, maxLength: number): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(reader.sized(3 * maxLength))
}
