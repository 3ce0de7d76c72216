/**
 * The tree over a whole product. A leaf is 64 consecutive entries of a row, little-endian 32-bit; a row is a subtree,
 * since sides are powers of two. Pairs are ordered, left before right, and the depth follows from the side, so neither
 * a place nor a level can be mistaken.
 */
import { HASH_BYTES, type Hasher, LEAF_ENTRIES } from '../matrix/kernel.ts'
import type { MatrixSize } from '../matrix/size.ts'

/** Levels between a leaf and the root of its row. */
export function rowDepth(size: MatrixSize): number {
  return Math.log2(size / LEAF_ENTRIES)
}

/** Levels between the root of a row and the root of the product. */
export function topDepth(size: MatrixSize): number {
  return Math.log2(size)
}

export function leafIndex(size: MatrixSize, row: number, col: number): number {
  return (row * size + col - (col % LEAF_ENTRIES)) / LEAF_ENTRIES
}

export function entryBytes(entries: Int32Array): Uint8Array {
  const out = new Uint8Array(entries.length * 4)
  const view = new DataView(out.buffer)
  for (let i = 0; i < entries.length; i++) view.setInt32(4 * i, entries[i] ?? 0, true)
  return out
}

/** One entry of a leaf or row. */
export function entryAt(bytes: Uint8Array, index: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getInt32(4 * index, true)
}

export function bytesToEntries(bytes: Uint8Array): Int32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Int32Array.from({ length: bytes.length / 4 }, (_, i) => view.getInt32(4 * i, true))
}

/** Hashes a product's leaves in pieces, since the product may be far larger than a cache. */
function leafHashes(hasher: Hasher, entries: Int32Array): Uint8Array {
  const pieceEntries = 16_384
  const out = new Uint8Array((entries.length / LEAF_ENTRIES) * HASH_BYTES)
  for (let from = 0; from < entries.length; from += pieceEntries) {
    const hashes = hasher.hashLeaves(entryBytes(entries.subarray(from, from + pieceEntries)))
    out.set(hashes, (from / LEAF_ENTRIES) * HASH_BYTES)
  }
  return out
}

export interface ProductTree {
  readonly size: MatrixSize
  /** Hashes of each level, leaves first, root last. 64 bytes of hashes for each 256 of the product. */
  readonly levels: readonly Uint8Array[]
  readonly root: Uint8Array
}

export function buildTree(hasher: Hasher, size: MatrixSize, entries: Int32Array): ProductTree {
  const levels = [leafHashes(hasher, entries)]
  let level = levels[0] ?? new Uint8Array()
  while (level.length > HASH_BYTES) {
    level = hasher.hashPairs(level)
    levels.push(level)
  }
  return { size, levels, root: level }
}

/** Siblings from a node up to the root. `height` is the level of the node: 0 for a leaf. */
export function pathOf(tree: ProductTree, height: number, index: number): Uint8Array {
  const siblings = tree.levels.slice(height, -1).map((level, up) => {
    const at = ((index >> up) ^ 1) * HASH_BYTES
    return level.subarray(at, at + HASH_BYTES)
  })
  const out = new Uint8Array(siblings.length * HASH_BYTES)
  siblings.forEach((sibling, up) => {
    out.set(sibling, up * HASH_BYTES)
  })
  return out
}

/**
 * Climbs many equally long paths side by side, so that a level is one call.
 *
 * @param nodes hashes to begin with, one after the other
 * @returns where each path arrives, one after the other
 */
export function climb(
  hasher: Hasher,
  nodes: Uint8Array,
  indices: readonly number[],
  paths: readonly Uint8Array[],
): Uint8Array {
  const depth = (paths[0]?.length ?? 0) / HASH_BYTES
  let hashes = nodes
  for (let up = 0; up < depth; up++) {
    const pairs = new Uint8Array(indices.length * 2 * HASH_BYTES)
    indices.forEach((index, i) => {
      const own = hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)
      const sibling = paths[i]?.subarray(up * HASH_BYTES, (up + 1) * HASH_BYTES) ?? own
      const isRight = (index >> up) & 1
      pairs.set(own, (2 * i + isRight) * HASH_BYTES)
      pairs.set(sibling, (2 * i + 1 - isRight) * HASH_BYTES)
    })
    hashes = hasher.hashPairs(pairs)
  }
  return hashes
}

/** The roots of whole rows, one after the other. @param rows bytes of the rows, one after the other */
export function rowRoots(hasher: Hasher, size: MatrixSize, rows: Uint8Array): Uint8Array {
  let hashes = hasher.hashLeaves(rows)
  for (let level = 0; level < rowDepth(size); level++) hashes = hasher.hashPairs(hashes)
  return hashes
}
