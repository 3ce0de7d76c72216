/** Fields that all usage messages share: how they stand in bytes, and how they stand under a Merkle leaf. */
import {
  type Address,
  type ByteReader,
  bigintToBytes,
  bytesOf,
  DecodeError,
  type Hex,
  hexOf,
} from '../bytes.ts'

/** What work is paid for. Numbers are part of the protocol. */
export const WORK_KIND = { hire: 1, inference: 2 } as const
export type WorkKind = (typeof WORK_KIND)[keyof typeof WORK_KIND]

/** What it is paid in. */
export const ASSET = { io: 1, iosd: 2 } as const
export type Asset = (typeof ASSET)[keyof typeof ASSET]

/** No gateway took part: the payer went to the worker directly. */
export const NOBODY: Address = `0x${'00'.repeat(20)}`

export const WORD_BYTES = 32
/** Epochs and sequences are uint64 where they are signed; on the wire six bytes, which a number holds exactly. */
export const COUNTER_BYTES = 6

/** @throws {DecodeError} */
export function readWorkKind(reader: ByteReader): WorkKind {
  const kind = reader.small(1)
  if (kind !== WORK_KIND.hire && kind !== WORK_KIND.inference)
    throw new DecodeError('BAD_VALUE', `work of kind ${kind}`)
  return kind
}

/** @throws {DecodeError} */
export function readAsset(reader: ByteReader): Asset {
  const asset = reader.small(1)
  if (asset !== ASSET.io && asset !== ASSET.iosd) throw new DecodeError('BAD_VALUE', `asset ${asset}`)
  return asset
}

/** ABI encoding of values of static types: one 32-byte word each. Addresses and numbers are padded on the left. */
export function abiWords(...values: readonly (bigint | number | Hex)[]): Hex {
  const out = new Uint8Array(values.length * WORD_BYTES)
  values.forEach((value, index) => {
    const word = typeof value === 'string' ? bytesOf(value) : bigintToBytes(BigInt(value), WORD_BYTES)
    out.set(word, (index + 1) * WORD_BYTES - word.length)
  })
  return hexOf(out)
}

/**
 * Writes a number as word `index` of such an encoding.
 *
 * @throws {RangeError} when it does not fit
 */
export function setWord(encoded: DataView, index: number, value: bigint): void {
  if (value < 0n || value >> 256n !== 0n) throw new RangeError(`${value} does not fit in ${WORD_BYTES} bytes`)
  const end = (index + 1) * WORD_BYTES
  encoded.setBigUint64(end - 32, value >> 192n)
  encoded.setBigUint64(end - 24, value >> 128n)
  encoded.setBigUint64(end - 16, value >> 64n)
  encoded.setBigUint64(end - 8, value)
}
