/** The trees of windows that were closed lately: hashing a thousand commitments takes a tenth of a second. */
import type { Hash, Hex } from '../../protocol/bytes.ts'
import { type MerkleTree, merkleTree } from '../../protocol/merkle.ts'

/** Devices ask for the window that has just ended; those of the epoch before may still be looked up. */
const KEPT_TREES = 8

export interface WindowProof {
  readonly root: Hash
  /** Place of the leaf in the order of the window's lines. */
  readonly index: number
  readonly proof: readonly Hex[]
}

interface KnownTree {
  readonly tree: MerkleTree
  readonly places: ReadonlyMap<Hex, number>
}

export class WindowTrees {
  readonly #leavesOf: (window: number) => readonly Hex[]
  /** By the time of the last use, oldest first. */
  readonly #known = new Map<number, KnownTree>()

  /** @param leavesOf of a window that takes no more commitments */
  constructor(leavesOf: (window: number) => readonly Hex[]) {
    this.#leavesOf = leavesOf
  }

  rootOf(window: number): Hash {
    return this.#of(window).tree.root
  }

  /** @throws {MerkleError} when there is no such leaf */
  proofOf(window: number, leaf: Hex): WindowProof {
    const { tree, places } = this.#of(window)
    return { root: tree.root, index: places.get(leaf) ?? -1, proof: tree.proof(leaf) }
  }

  #of(window: number): KnownTree {
    const known = this.#known.get(window) ?? this.#build(window)
    this.#known.delete(window)
    this.#known.set(window, known)
    const [oldest] = this.#known.keys()
    if (this.#known.size > KEPT_TREES && oldest !== undefined) this.#known.delete(oldest)
    return known
  }

  #build(window: number): KnownTree {
    const leaves = this.#leavesOf(window)
    return { tree: merkleTree(leaves), places: new Map(leaves.map((leaf, place) => [leaf, place])) }
  }
}
