/**
 * Sides of the matrices: powers of two, so that a row is a subtree of the product's tree; at least one leaf wide, and
 * at most 4,096, so that no sum of products of two 7-bit numbers passes 2^24: exact in 32-bit integers and in
 * 32-bit floats, in any order of addition, on any card.
 */
declare const brand: unique symbol
export type MatrixSize = number & { readonly [brand]: 'MatrixSize' }

export const MIN_SIZE = 64
export const MAX_SIZE = 4_096

/** Entries are −64 … 63. */
export const ENTRY_BITS = 7
export const ENTRY_OFFSET = 64

/** No entry of a product is larger, in either direction. */
export function entryBound(size: MatrixSize): number {
  return size * ENTRY_OFFSET * ENTRY_OFFSET
}

export function isMatrixSize(size: number): size is MatrixSize {
  return Number.isInteger(size) && size >= MIN_SIZE && size <= MAX_SIZE && (size & (size - 1)) === 0
}

/** @throws {RangeError} for a side that is no power of two from 64 to 4,096 */
export function matrixSize(size: number): MatrixSize {
  if (!isMatrixSize(size)) throw new RangeError(`${size} is no power of two from ${MIN_SIZE} to ${MAX_SIZE}`)
  return size
}
