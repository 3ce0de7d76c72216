/**
 * Blocks of a recording: each is whole by itself, compressed, numbered and checked. The layout is in the README. Pure:
 * no file.
 */
import { constants, crc32, gunzipSync, gzip } from 'node:zlib'

const MAGIC = Buffer.from('IOR1')
const CODEC_GZIP = 1
export const HEADER_BYTES = 28

/** A block is cut long before; more is not ours. Holds the plan, too: 32 legs over 100 venues are 300 kB. */
export const MAX_RAW_BYTES = 4 * 1024 * 1024
const MAX_PACKED_BYTES = MAX_RAW_BYTES + 64 * 1024

export const BLOCK_KINDS = ['header', 'entries', 'end'] as const
export type BlockKind = (typeof BLOCK_KINDS)[number]

export interface BlockHeader {
  readonly kind: BlockKind
  /** 0, 1, 2, …: a block that is missing shows. */
  readonly sequence: number
  readonly packedBytes: number
  readonly rawBytes: number
  readonly packedCrc: number
}

/** Text as a block. Compresses on another thread. */
export async function encodeBlock(kind: BlockKind, sequence: number, text: string): Promise<Buffer> {
  const raw = Buffer.from(text)
  if (raw.length > MAX_RAW_BYTES) throw new RangeError(`a block of ${raw.length} bytes`)
  const packed = await gzipOf(raw)
  const header = Buffer.alloc(HEADER_BYTES)
  MAGIC.copy(header)
  header.writeUInt8(BLOCK_KINDS.indexOf(kind) + 1, 4)
  header.writeUInt8(CODEC_GZIP, 5)
  header.writeUInt32BE(sequence, 8)
  header.writeUInt32BE(packed.length, 12)
  header.writeUInt32BE(raw.length, 16)
  header.writeUInt32BE(crc32(packed), 20)
  header.writeUInt32BE(crc32(header.subarray(0, 24)), 24)
  return Buffer.concat([header, packed])
}

function gzipOf(raw: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // Hashes of frames do not compress: a higher level costs time and saves nothing.
    gzip(raw, { level: constants.Z_BEST_SPEED }, (error, packed) =>
      error === null ? resolve(packed) : reject(error),
    )
  })
}

/** `foreign`: no block begins like this; `unknown`: one of a later format does; `damaged`: one of ours did. */
export type HeaderFault = 'foreign' | 'unknown' | 'damaged'

/** @param bytes {@link HEADER_BYTES} of them */
export function decodeHeader(bytes: Buffer): BlockHeader | HeaderFault {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return 'foreign'
  if (crc32(bytes.subarray(0, 24)) !== bytes.readUInt32BE(24)) return 'damaged'
  const kind = BLOCK_KINDS[bytes.readUInt8(4) - 1]
  if (kind === undefined || bytes.readUInt8(5) !== CODEC_GZIP || bytes.readUInt16BE(6) !== 0) return 'unknown'
  const header = {
    kind,
    sequence: bytes.readUInt32BE(8),
    packedBytes: bytes.readUInt32BE(12),
    rawBytes: bytes.readUInt32BE(16),
    packedCrc: bytes.readUInt32BE(20),
  }
  return header.packedBytes > MAX_PACKED_BYTES || header.rawBytes > MAX_RAW_BYTES ? 'damaged' : header
}

/**
 * The text of a block whose bytes are what was written: see `packedCrc`.
 *
 * @throws {Error} for what no writer of ours makes: another length than announced, a bomb, bytes that are no text
 */
export function unpack(header: BlockHeader, packed: Buffer): string {
  const raw = gunzipSync(packed, { maxOutputLength: Math.max(1, header.rawBytes) })
  if (raw.length !== header.rawBytes) throw new RangeError('a block of another length than announced')
  return new TextDecoder('utf-8', { fatal: true }).decode(raw)
}

export function isIntact(header: BlockHeader, packed: Buffer): boolean {
  return crc32(packed) === header.packedCrc
}
