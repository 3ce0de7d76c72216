/**
 * What the challenge needs of a machine. There are three makers: the reference (plain, slow, the definition), the
 * WebAssembly kernel, and whatever else is bit-equal to them, such as a graphics card.
 *
 * A product is C = A·Bᵀ. A and B are drawn row by row from one seed, so an entry of C takes one row of each.
 */
import type { MatrixSize } from './size.ts'

/** Streams of a seed. The numbers are part of the protocol. */
export const OPERAND = { a: 0, b: 1 } as const
export type Operand = keyof typeof OPERAND

export interface Position {
  readonly row: number
  readonly col: number
}

/** Tests a row at once; see `challenge/freivalds.ts`. */
export const VECTORS = 4

export interface Multiplier {
  /** All entries of C in row order. The array may be a view that the next call overwrites. */
  multiply(seed: Uint8Array, size: MatrixSize): Int32Array
}

export const LEAF_ENTRIES = 64
export const LEAF_BYTES = LEAF_ENTRIES * 4
export const HASH_BYTES = 32

/** keccak256 of many inputs of one length, back to back, in one call. */
export interface Hasher {
  /** @param bytes leaves of 256 bytes @returns their hashes of 32 bytes */
  hashLeaves(bytes: Uint8Array): Uint8Array
  /** @param bytes pairs of hashes, 64 bytes each @returns the hashes of the pairs */
  hashPairs(bytes: Uint8Array): Uint8Array
}

export interface Checker {
  /** One row of A or B: `size` numbers from −64 to 63. */
  row(seed: Uint8Array, size: MatrixSize, operand: Operand, row: number): Int16Array
  /** Single entries of C, each from its two rows. */
  entries(seed: Uint8Array, size: MatrixSize, positions: readonly Position[]): Int32Array
  /** Bᵀ·r for four vectors r, each of `size` numbers from −2,048 to 2,047, one after the other. */
  combine(seed: Uint8Array, size: MatrixSize, vectors: Int16Array): Int32Array
}

export interface Kernel extends Multiplier, Hasher, Checker {}
