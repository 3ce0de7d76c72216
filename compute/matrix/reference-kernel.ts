/** The definition of every kernel operation, one loop each. For tests and for reading. */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { BLOCK_BYTES, chacha8 } from './chacha8.ts'
import { HASH_BYTES, type Kernel, LEAF_BYTES, OPERAND, type Operand, VECTORS } from './kernel.ts'
import { ENTRY_BITS, ENTRY_OFFSET, type MatrixSize } from './size.ts'

const ENTRY_MASK = (1 << ENTRY_BITS) - 1

/** Numbers from −64 to 63: the low seven bits of each byte of the stream, less 64. */
export function entriesOf(stream: Uint8Array): Int16Array {
  return Int16Array.from(stream, byte => (byte & ENTRY_MASK) - ENTRY_OFFSET)
}

function row(seed: Uint8Array, size: MatrixSize, operand: Operand, index: number): Int16Array {
  const blocks = size / BLOCK_BYTES
  return entriesOf(chacha8(seed, { purpose: OPERAND[operand] }, index * blocks, blocks))
}

function rows(seed: Uint8Array, size: MatrixSize, operand: Operand): Int16Array[] {
  return Array.from({ length: size }, (_, index) => row(seed, size, operand, index))
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let k = 0; k < a.length; k++) sum += (a[k] ?? 0) * (b[k] ?? 0)
  return sum
}

function hashEach(bytes: Uint8Array, length: number): Uint8Array {
  const count = bytes.length / length
  const out = new Uint8Array(count * HASH_BYTES)
  for (let i = 0; i < count; i++) {
    out.set(keccak_256(bytes.subarray(i * length, (i + 1) * length)), i * HASH_BYTES)
  }
  return out
}

export const referenceKernel: Kernel = {
  row,

  multiply(seed, size) {
    const columns = rows(seed, size, 'b')
    return Int32Array.from(rows(seed, size, 'a').flatMap(a => columns.map(b => dot(a, b))))
  },

  entries(seed, size, positions) {
    return Int32Array.from(positions, at => dot(row(seed, size, 'a', at.row), row(seed, size, 'b', at.col)))
  },

  combine(seed, size, vectors) {
    const out = new Int32Array(VECTORS * size)
    for (let j = 0; j < size; j++) {
      const b = row(seed, size, 'b', j)
      for (let v = 0; v < VECTORS; v++) {
        for (let k = 0; k < size; k++) {
          const at = v * size + k
          out[at] = (out[at] ?? 0) + (vectors[v * size + j] ?? 0) * (b[k] ?? 0)
        }
      }
    }
    return out
  },

  hashLeaves: bytes => hashEach(bytes, LEAF_BYTES),
  hashPairs: bytes => hashEach(bytes, 2 * HASH_BYTES),
}
