/**
 * What a worker shows of its drawn products, in the order of the draw. Places are not stated: they follow from the
 * draw, and so do all lengths, so that one draw has one encoding. About 53 kB for 64 entries at the largest size.
 */
import { ByteReader, ByteWriter } from '../../protocol/bytes.ts'
import { HASH_BYTES, LEAF_BYTES } from '../matrix/kernel.ts'
import type { MatrixSize } from '../matrix/size.ts'
import type { DrawnProduct, DrawRule } from './draw.ts'
import { rowDepth, topDepth } from './tree.ts'

export interface EntryOpening {
  /** The 64 entries around the drawn one, 256 bytes. */
  readonly leaf: Uint8Array
  /** Siblings from the leaf to the root, 32 bytes each. */
  readonly path: Uint8Array
}

export interface RowOpening {
  /** All entries of the row, 4 bytes each. */
  readonly row: Uint8Array
  /** Siblings from the row's root to the product's. */
  readonly path: Uint8Array
}

export interface ProductOpening {
  readonly entries: readonly EntryOpening[]
  readonly rows: readonly RowOpening[]
}

interface Lengths {
  readonly leaf: number
  readonly leafPath: number
  readonly row: number
  readonly rowPath: number
}

export function lengthsOf(size: MatrixSize): Lengths {
  return {
    leaf: LEAF_BYTES,
    leafPath: (rowDepth(size) + topDepth(size)) * HASH_BYTES,
    row: size * 4,
    rowPath: topDepth(size) * HASH_BYTES,
  }
}

/** Bytes of a device's openings: a reader refuses more before it reads. */
export function openingsBytes(rule: DrawRule, size: MatrixSize, products: number): number {
  const lengths = lengthsOf(size)
  const entry = lengths.leaf + lengths.leafPath
  const row = lengths.row + lengths.rowPath
  const rows = Math.min(rule.rows, size)
  return Math.min(rule.products, products) * (rule.entries * entry + rows * row)
}

export function encodeOpenings(openings: readonly ProductOpening[]): Uint8Array {
  const writer = new ByteWriter()
  for (const { entries, rows } of openings) {
    for (const { leaf, path } of entries) writer.fixed(leaf, leaf.length).fixed(path, path.length)
    for (const { row, path } of rows) writer.fixed(row, row.length).fixed(path, path.length)
  }
  return writer.done()
}

/** @throws {DecodeError} when the bytes are more or fewer than the draw asks for */
export function decodeOpenings(
  bytes: Uint8Array,
  drawn: readonly DrawnProduct[],
  size: MatrixSize,
): ProductOpening[] {
  const lengths = lengthsOf(size)
  const reader = new ByteReader(bytes)
  const openings = drawn.map(({ entries, rows }) => ({
    entries: entries.map(() => ({ leaf: reader.fixed(lengths.leaf), path: reader.fixed(lengths.leafPath) })),
    rows: rows.map(() => ({ row: reader.fixed(lengths.row), path: reader.fixed(lengths.rowPath) })),
  }))
  return reader.done(openings)
}
