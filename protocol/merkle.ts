/**
 * Merkle trees with the layout of OpenZeppelin's StandardMerkleTree: leaves are hashed twice (an inner node can
 * never pass for a leaf), sorted, and paired by a commutative hash, so a proof needs no left and right and the
 * contracts verify it with `MerkleProof.verify`.
 */
import { concat, type Hex, keccak256 } from 'viem'

export class MerkleError extends Error {
  readonly code = 'NOT_A_LEAF'
  constructor(leaf: Hex) {
    super(`${leaf} is not a leaf of this tree`)
    this.name = 'MerkleError'
  }
}

/** The root of no leaves at all. */
export const EMPTY_ROOT: Hex = `0x${'00'.repeat(32)}`

/** keccak256(keccak256(encoded)): a leaf from the ABI encoding of its value. */
export function leafHash(encoded: Hex): Hex {
  return keccak256(keccak256(encoded))
}

/** keccak256(min(a, b) ‖ max(a, b)). */
export function pairHash(a: Hex, b: Hex): Hex {
  return keccak256(a < b ? concat([a, b]) : concat([b, a]))
}

/**
 * All 2n − 1 nodes: root first, children of `i` at `2i + 1` and `2i + 2`, the sorted leaves backwards at the end.
 * Leaves are lower-case 32-byte hex; the order they are given in does not matter.
 */
function buildNodes(leaves: readonly Hex[]): Hex[] {
  const inner = Math.max(leaves.length - 1, 0)
  const nodes: Hex[] = new Array<Hex>(inner).fill(EMPTY_ROOT).concat([...leaves].sort().reverse())
  for (let i = inner - 1; i >= 0; i--) nodes[i] = pairHash(at(nodes, 2 * i + 1), at(nodes, 2 * i + 2))
  return nodes
}

function at(nodes: readonly Hex[], index: number): Hex {
  const node = nodes[index]
  if (node === undefined) throw new RangeError(`a Merkle tree of ${nodes.length} nodes has no node ${index}`)
  return node
}

/** A tree that is hashed once, for who needs many proofs from it. */
export interface MerkleTree {
  /** {@link EMPTY_ROOT} for no leaves, the leaf itself for one. */
  readonly root: Hex
  /** Siblings from the leaf up to the root. @throws {MerkleError} when it is not a leaf of the tree */
  proof(leaf: Hex): Hex[]
}

/** Over leaf hashes (see {@link leafHash}). */
export function merkleTree(leaves: readonly Hex[]): MerkleTree {
  const nodes = buildNodes(leaves)
  const firstLeaf = Math.max(leaves.length - 1, 0)
  return {
    root: nodes[0] ?? EMPTY_ROOT,
    proof: leaf => {
      const index = nodes.indexOf(leaf, firstLeaf)
      if (index < 0) throw new MerkleError(leaf)
      return siblings(nodes, index)
    },
  }
}

function siblings(nodes: readonly Hex[], from: number): Hex[] {
  const proof: Hex[] = []
  let index = from
  while (index > 0) {
    proof.push(at(nodes, index % 2 === 0 ? index - 1 : index + 1))
    index = Math.floor((index - 1) / 2)
  }
  return proof
}

/** {@link MerkleTree.root}. */
export function merkleRoot(leaves: readonly Hex[]): Hex {
  return buildNodes(leaves)[0] ?? EMPTY_ROOT
}

/** One proof of a tree. @throws {MerkleError} when `leaf` is not among `leaves` */
export function merkleProof(leaves: readonly Hex[], leaf: Hex): Hex[] {
  return merkleTree(leaves).proof(leaf)
}

/** Whether `proof` leads from `leaf` to `root`. */
export function verifyMerkleProof(root: Hex, leaf: Hex, proof: readonly Hex[]): boolean {
  return proof.reduce(pairHash, leaf) === root
}
