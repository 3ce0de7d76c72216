/**
 * Fixed-length big-endian encoding for everything that is signed or sent between nodes.
 *
 * One value has one encoding: readers refuse short, long and non-canonical input, so a message cannot be
 * varied without changing what it means.
 */
import { hexToBytes as fromPlainHex, bytesToHex as toPlainHex } from '@noble/hashes/utils.js'

export type Hex = `0x${string}`
export type Address = Hex
export type Hash = Hex

export type DecodeReason = 'TOO_SHORT' | 'TOO_LONG' | 'BAD_KIND' | 'BAD_VALUE'

/** Bytes that are not what they claim to be. Never worth a retry. */
export class DecodeError extends Error {
  readonly code = 'BAD_BYTES'
  readonly reason: DecodeReason
  constructor(reason: DecodeReason, message: string) {
    super(message)
    this.name = 'DecodeError'
    this.reason = reason
  }
}

/** What `decode` gives, or undefined where it throws a {@link DecodeError}. */
export function decoded<T>(decode: () => T): T | undefined {
  try {
    return decode()
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}

export function hexOf(bytes: Uint8Array): Hex {
  return `0x${toPlainHex(bytes)}`
}

export function bytesOf(hex: string): Uint8Array {
  return fromPlainHex(hex.startsWith('0x') ? hex.slice(2) : hex)
}

/** Big-endian unsigned integer of exactly `length` bytes. @throws {RangeError} when it does not fit */
export function bigintToBytes(value: bigint, length: number): Uint8Array {
  if (value < 0n || value >> BigInt(length * 8) !== 0n) {
    throw new RangeError(`${value} does not fit in ${length} bytes`)
  }
  return fromPlainHex(value.toString(16).padStart(length * 2, '0'))
}

export function bytesToBigint(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(hexOf(bytes))
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}

/** Orders by raw bytes, as a contract or another implementation would; shorter first when one is a prefix. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

export class ByteWriter {
  readonly #parts: Uint8Array[] = []

  uint(value: bigint | number, length: number): this {
    this.#parts.push(bigintToBytes(BigInt(value), length))
    return this
  }

  /** Bytes whose length the reader knows. */
  fixed(bytes: Uint8Array, length: number): this {
    if (bytes.length !== length) throw new RangeError(`expected ${length} bytes, got ${bytes.length}`)
    this.#parts.push(bytes)
    return this
  }

  hex(value: Hex, length: number): this {
    return this.fixed(bytesOf(value), length)
  }

  /** Bytes behind a two-byte length. */
  sized(bytes: Uint8Array): this {
    return this.uint(bytes.length, 2).fixed(bytes, bytes.length)
  }

  done(): Uint8Array {
    const total = this.#parts.reduce((sum, part) => sum + part.length, 0)
    const out = new Uint8Array(total)
    let offset = 0
    for (const part of this.#parts) {
      out.set(part, offset)
      offset += part.length
    }
    return out
  }
}

export class ByteReader {
  readonly #bytes: Uint8Array
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  fixed(length: number): Uint8Array {
    const end = this.#offset + length
    if (end > this.#bytes.length)
      throw new DecodeError('TOO_SHORT', `message ends at ${this.#bytes.length}, needs ${end}`)
    const part = this.#bytes.slice(this.#offset, end)
    this.#offset = end
    return part
  }

  /** Everything that is left: for a last field whose length the message's bound limits. */
  rest(): Uint8Array {
    return this.fixed(this.#bytes.length - this.#offset)
  }

  uint(length: number): bigint {
    return bytesToBigint(this.fixed(length))
  }

  /** An unsigned integer of at most six bytes, which a number holds exactly. */
  small(length: 1 | 2 | 3 | 4 | 5 | 6): number {
    return Number(this.uint(length))
  }

  hex(length: number): Hex {
    return hexOf(this.fixed(length))
  }

  sized(maxLength: number): Uint8Array {
    const length = this.small(2)
    if (length > maxLength)
      throw new DecodeError('TOO_LONG', `field of ${length} bytes, at most ${maxLength}`)
    return this.fixed(length)
  }

  /** Reads `count` items (itself a byte) under a bound. */
  list<T>(max: number, read: (reader: ByteReader) => T): T[] {
    const count = this.small(1)
    if (count > max) throw new DecodeError('TOO_LONG', `list of ${count}, at most ${max}`)
    return Array.from({ length: count }, () => read(this))
  }

  expect(kind: number): this {
    const found = this.small(1)
    if (found !== kind) throw new DecodeError('BAD_KIND', `expected kind ${kind}, found ${found}`)
    return this
  }

  done<T>(value: T): T {
    if (this.#offset !== this.#bytes.length) {
      throw new DecodeError('TOO_LONG', `${this.#bytes.length - this.#offset} bytes after the end`)
    }
    return value
  }
}
