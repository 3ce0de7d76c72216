/**
 * Merkle trees with the layout of OpenZeppelin's StandardMerkleTree: leaves are hashed twice (an inner node can
 * never pass for a leaf), sorted, and paired by a commutative hash, so a proof needs no left and right and the
 * contracts verify it with `MerkleProof.verify`.
 *
 * A tree is 2n − 1 hashes side by side: 64 MB for a million leaves. Proofs are read from it when they are asked for.
 */
import { concat, type Hex, keccak256 } from 'viem'
import { bytesOf, hexOf } from './bytes.ts'
import { HASH_BYTES, hashPairTo, hashTo } from './keccak.ts'

export class MerkleError extends Error {
  readonly code = 'NOT_A_LEAF'
  constructor(leaf: Hex) {
    super(`${leaf} is not a leaf of this tree`)
    this.name = 'MerkleError'
  }
}

/** The root of no leaves at all. */
export const EMPTY_ROOT: Hex = `0x${'00'.repeat(HASH_BYTES)}`

/** keccak256(keccak256(encoded)): a leaf from the ABI encoding of its value. */
export function leafHash(encoded: Hex): Hex {
  return keccak256(keccak256(encoded))
}

/**
 * The leaves of many values, side by side.
 *
 * @param encodedBytes of each value
 * @param encode writes all bytes of a value's encoding; they still hold those of the value before
 */
export function leafHashes<T>(
  values: readonly T[],
  encodedBytes: number,
  encode: (row: DataView, value: T) => void,
): Uint8Array {
  const leaves = new Uint8Array(values.length * HASH_BYTES)
  const row = new Uint8Array(encodedBytes)
  const view = new DataView(row.buffer)
  values.forEach((value, index) => {
    const at = index * HASH_BYTES
    encode(view, value)
    hashTo(leaves, at, row, 0, encodedBytes)
    hashTo(leaves, at, leaves, at, HASH_BYTES)
  })
  return leaves
}

/** keccak256(min(a, b) ‖ max(a, b)). */
export function pairHash(a: Hex, b: Hex): Hex {
  return keccak256(a < b ? concat([a, b]) : concat([b, a]))
}

/** A tree that is hashed once, for who needs many proofs from it. */
export interface MerkleTree {
  /** {@link EMPTY_ROOT} for no leaves, the leaf itself for one. */
  readonly root: Hex
  /** Siblings from the leaf up to the root. @throws {MerkleError} when it is not a leaf of the tree */
  proof(leaf: Hex): Hex[]
}

/** Over leaf hashes (see {@link leafHash}), 32-byte hex, in any order. */
export function merkleTree(leaves: readonly Hex[]): MerkleTree {
  const flat = new Uint8Array(leaves.length * HASH_BYTES)
  for (const [index, leaf] of leaves.entries()) flat.set(hashBytesOf(leaf), index * HASH_BYTES)
  return flatMerkleTree(flat)
}

/** Over leaf hashes side by side (see {@link leafHashes}), in any order. */
export function flatMerkleTree(leaves: Uint8Array): MerkleTree {
  const count = leaves.length / HASH_BYTES
  const nodes = buildNodes(leaves, count)
  const nodeAt = (index: number): Hex => hexOf(nodes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES))
  return {
    root: count === 0 ? EMPTY_ROOT : nodeAt(0),
    proof: leaf => {
      const index = indexOfLeaf(nodes, count, leaf)
      if (index === undefined) throw new MerkleError(leaf)
      return siblings(index).map(nodeAt)
    },
  }
}

/** {@link MerkleTree.root}. */
export function merkleRoot(leaves: readonly Hex[]): Hex {
  return merkleTree(leaves).root
}

/** One proof of a tree. @throws {MerkleError} when `leaf` is not among `leaves` */
export function merkleProof(leaves: readonly Hex[], leaf: Hex): Hex[] {
  return merkleTree(leaves).proof(leaf)
}

/** Whether `proof` leads from `leaf` to `root`. */
export function verifyMerkleProof(root: Hex, leaf: Hex, proof: readonly Hex[]): boolean {
  return proof.reduce(pairHash, leaf) === root
}

/** Root first, children of `i` at `2i + 1` and `2i + 2`, the sorted leaves backwards at the end. */
function buildNodes(leaves: Uint8Array, count: number): Uint8Array {
  const inner = Math.max(count - 1, 0)
  const nodes = new Uint8Array((inner + count) * HASH_BYTES)
  const lastNode = inner + count - 1
  sortedPlaces(leaves, count).forEach((place, rank) => {
    const from = place * HASH_BYTES
    nodes.set(leaves.subarray(from, from + HASH_BYTES), (lastNode - rank) * HASH_BYTES)
  })
  for (let i = inner - 1; i >= 0; i--) {
    const left = (2 * i + 1) * HASH_BYTES
    const right = left + HASH_BYTES
    if (compareHashes(nodes, left, nodes, right) < 0) hashPairTo(nodes, i * HASH_BYTES, left, right)
    else hashPairTo(nodes, i * HASH_BYTES, right, left)
  }
  return nodes
}

function sortedPlaces(leaves: Uint8Array, count: number): Uint32Array {
  const places = Uint32Array.from({ length: count }, (_, place) => place)
  return places.sort((a, b) => compareHashes(leaves, a * HASH_BYTES, leaves, b * HASH_BYTES))
}

function compareHashes(a: Uint8Array, aFrom: number, b: Uint8Array, bFrom: number): number {
  for (let i = 0; i < HASH_BYTES; i++) {
    const difference = (a[aFrom + i] ?? 0) - (b[bFrom + i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** The leaves fall from the first to the last node: the search halves them. */
function indexOfLeaf(nodes: Uint8Array, count: number, leaf: Hex): number | undefined {
  const wanted = hashBytesOf(leaf)
  let [low, high] = [Math.max(count - 1, 0), Math.max(count - 1, 0) + count]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const order = compareHashes(nodes, middle * HASH_BYTES, wanted, 0)
    if (order === 0) return middle
    if (order > 0) low = middle + 1
    else high = middle
  }
  return undefined
}

/** The indices of the siblings on the way up. */
function siblings(from: number): number[] {
  const indices: number[] = []
  for (let index = from; index > 0; index = Math.floor((index - 1) / 2)) {
    indices.push(index % 2 === 0 ? index - 1 : index + 1)
  }
  return indices
}

function hashBytesOf(leaf: Hex): Uint8Array {
  const bytes = bytesOf(leaf)
  if (bytes.length !== HASH_BYTES) throw new RangeError(`a leaf of ${bytes.length} bytes, not ${HASH_BYTES}`)
  return bytes
}
