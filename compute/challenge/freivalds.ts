/**
 * Freivalds' test of whole rows: if C = A·Bᵀ, then cᵢ·r = aᵢ·(Bᵀ·r) for every r. A wrong row passes one vector of
 * twelve bits with at most 1/4,096 (whatever is wrong, at most one value of one place of r hides it), four of them
 * with 2^−48.
 *
 * Plain numbers are exact here: |aᵢ·s| ≤ 4,096 · 64 · 2^29 = 2^47, and |cᵢ·r| the same while entries are within their
 * bound, which is therefore checked first. So is no partial sum of their difference above 2^48.
 */
import { VECTORS } from '../matrix/kernel.ts'
import { entryBound, type MatrixSize } from '../matrix/size.ts'

export function withinBound(size: MatrixSize, row: Int32Array): boolean {
  const bound = entryBound(size)
  return row.every(entry => entry <= bound && entry >= -bound)
}

/**
 * @param c the opened row, within its bound
 * @param a the row of A, drawn anew
 * @param vectors r, four times `size` numbers
 * @param combined Bᵀ·r, the same shape
 */
export function rowHolds(
  size: MatrixSize,
  c: Int32Array,
  a: Int16Array,
  vectors: Int16Array,
  combined: Int32Array,
): boolean {
  for (let from = 0; from < VECTORS * size; from += size) {
    let difference = 0
    for (let k = 0; k < size; k++) {
      difference += (c[k] ?? 0) * (vectors[from + k] ?? 0) - (a[k] ?? 0) * (combined[from + k] ?? 0)
    }
    if (difference !== 0) return false
  }
  return true
}
