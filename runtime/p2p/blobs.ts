/** Bytes by their SHA-256, in pieces: for what is too large for one reply, such as a bundle. */
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import type { Hash } from '../../protocol/bytes.ts'
import {
  BLOB_PIECE_BYTES,
  BLOB_REQUEST_BYTES,
  decodeBlobPiece,
  decodeBlobRequest,
  encodeBlobPiece,
  encodeBlobRequest,
} from '../../protocol/epoch/messages.ts'
import { type Clock, systemClock } from '../clock.ts'
import { type PeerKey, type PeerNetwork, PeerRequestError, RequestRefused } from './peer-network.ts'

/** Something that can be read from anywhere in it. Closed after each piece. */
export interface Blob {
  readonly total: number
  read(offset: number, length: number): Promise<Uint8Array>
  close(): Promise<void>
}

export type BlobFault =
  /** More than the caller takes: `total` is what the peer claims. */
  | 'TOO_LARGE'
  /** Not the bytes that were asked for. */
  | 'WRONG_HASH'
  /** No piece, a shorter one before the end, a longer one, or another total than before. */
  | 'BAD_PIECE'

/** The peer did not serve what was asked for. Ask another one. */
export class BlobError extends Error {
  readonly code: BlobFault
  readonly hash: Hash
  constructor(code: BlobFault, hash: Hash, peer: PeerKey) {
    super(`peer ${peer} does not serve ${hash}: ${code}`)
    this.name = 'BlobError'
    this.code = code
    this.hash = hash
  }
}

/** Of one piece; a peer that is slower than this is not worth waiting for. */
const PIECE_TIMEOUT_MS = 5_000
/**
 * Of a whole blob: so much, and its bytes at the rate of a poor line. Without it, a peer that sends each piece at the
 * last moment holds the asker for hours.
 */
const BLOB_TIMEOUT_MS = 30_000
const FLOOR_BYTES_PER_SEC = 256 * 1024
/** Pieces are asked for one after the other; the second is for who begins anew while the first hangs. */
const MAX_IN_FLIGHT = 2
/** 256 MB a second: faster than one peer's line, and slower than a flood of small requests. */
const PIECES_PER_SEC = 1_000
const PIECE_HEAD_BYTES = 6

/**
 * Serves whatever `open` finds to every connected peer.
 *
 * @param open undefined when there is no such blob
 */
export function serveBlobs(
  network: Pick<PeerNetwork, 'handle'>,
  channel: string,
  open: (hash: Hash) => Promise<Blob | undefined> | Blob | undefined,
): void {
  const limits = {
    maxRequestBytes: BLOB_REQUEST_BYTES,
    maxInFlightPerPeer: MAX_IN_FLIGHT,
    timeoutMs: PIECE_TIMEOUT_MS,
    maxPerSec: PIECES_PER_SEC,
  }
  network.handle(channel, limits, async request => {
    const { hash, offset } = decodeBlobRequest(request)
    const blob = await open(hash)
    if (blob === undefined) throw new RequestRefused('no such blob')
    try {
      if (offset > blob.total) throw new RequestRefused('an offset behind the end')
      const length = Math.min(BLOB_PIECE_BYTES, blob.total - offset)
      return encodeBlobPiece(blob.total, await blob.read(offset, length))
    } finally {
      await blob.close()
    }
  })
}

/**
 * A peer's blob, piece by piece. Its hash is known to be right only when the generator ends without throwing: whoever
 * acts on earlier pieces must be ready to undo it.
 *
 * @throws {BlobError} when it is not what was asked for
 * @throws {PeerRequestError} when the peer does not answer, or has no such blob; TIMEOUT also when it is slower over the
 * whole blob than 30 s and 256 KiB a second. What the caller does between two pieces is not counted.
 */
export async function* fetchBlob(
  network: Pick<PeerNetwork, 'request'>,
  peer: PeerKey,
  channel: string,
  hash: Hash,
  options: {
    readonly maxBytes: number
    readonly signal?: AbortSignal
    readonly clock?: Pick<Clock, 'monotonic'>
  },
): AsyncGenerator<Uint8Array, void> {
  const { clock = systemClock } = options
  const sha256 = createHash('sha256')
  let leftMs = BLOB_TIMEOUT_MS
  let offset = 0
  let total: number | undefined
  do {
    if (leftMs <= 0) throw new PeerRequestError('TIMEOUT', peer, channel)
    const askedMs = clock.monotonic()
    const reply = await network.request(peer, channel, encodeBlobRequest({ hash, offset }), {
      timeoutMs: Math.min(PIECE_TIMEOUT_MS, leftMs),
      maxReplyBytes: PIECE_HEAD_BYTES + BLOB_PIECE_BYTES,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    })
    leftMs -= clock.monotonic() - askedMs
    const piece = pieceOf(reply)
    if (piece === undefined || (total ?? piece.total) !== piece.total)
      throw new BlobError('BAD_PIECE', hash, peer)
    if (piece.total > options.maxBytes) throw new BlobError('TOO_LARGE', hash, peer)
    if (total === undefined) leftMs += (piece.total / FLOOR_BYTES_PER_SEC) * 1_000
    total = piece.total
    // Pieces of a byte each would cost a request a byte.
    if (piece.bytes.length !== Math.min(BLOB_PIECE_BYTES, total - offset))
      throw new BlobError('BAD_PIECE', hash, peer)
    offset += piece.bytes.length
    sha256.update(piece.bytes)
    if (piece.bytes.length > 0) yield piece.bytes
  } while (offset < total)
  if (`0x${sha256.digest('hex')}` !== hash) throw new BlobError('WRONG_HASH', hash, peer)
}

function pieceOf(reply: Uint8Array): { readonly total: number; readonly bytes: Uint8Array } | undefined {
  return reply.length < PIECE_HEAD_BYTES ? undefined : decodeBlobPiece(reply)
}

/** Bytes that are in memory anyway. */
export function bytesBlob(bytes: Uint8Array): Blob {
  return {
    total: bytes.length,
    read: async (offset, length) => bytes.subarray(offset, offset + length),
    close: async () => {},
  }
}

/** A file, or undefined when there is none. */
export async function fileBlob(path: string): Promise<Blob | undefined> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  try {
    const { size } = await file.stat()
    return {
      total: size,
      read: async (offset, length) => {
        const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, offset)
        return buffer.subarray(0, bytesRead)
      },
      close: () => file.close(),
    }
  } catch (error) {
    await file.close()
    throw error
  }
}
