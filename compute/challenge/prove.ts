/**
 * The worker's side: products one after the other, then the openings of those that are drawn. A drawn product is
 * computed again rather than kept; keeping all of them would take 64 MiB each.
 */
import type { Hash } from '../../protocol/bytes.ts'
import { type Hasher, LEAF_ENTRIES, type Multiplier } from '../matrix/kernel.ts'
import type { MatrixSize } from '../matrix/size.ts'
import { type ChallengeContext, MAX_PRODUCTS } from './context.ts'
import type { DrawnProduct } from './draw.ts'
import type { ProductOpening } from './openings.ts'
import { firstSeed, nextSeed, productRoot, seedsOf } from './seeds.ts'
import { buildTree, entryBytes, leafIndex, pathOf, rowDepth } from './tree.ts'

export type ProvingKernel = Multiplier & Hasher

export interface Chain {
  readonly context: ChallengeContext
  readonly roots: readonly Hash[]
  /** Seed of the next product. */
  readonly seed: Uint8Array
}

export function startChain(context: ChallengeContext): Chain {
  return { context, roots: [], seed: firstSeed(context) }
}

/**
 * Makes the next product. Takes as long as the product does; the caller looks at its clock between two.
 * At `MAX_PRODUCTS` the chain is full and comes back as it is.
 */
export function extendChain(kernel: ProvingKernel, chain: Chain): Chain {
  const { context, roots, seed } = chain
  if (roots.length >= MAX_PRODUCTS) return chain
  const tree = buildTree(kernel, context.size, kernel.multiply(seed, context.size))
  const root = productRoot(context, roots.length, tree.root)
  return { context, roots: [...roots, root], seed: nextSeed(kernel, seed, root) }
}

/** Openings of one product whose entries are at hand. */
export function openProduct(
  hasher: Hasher,
  size: MatrixSize,
  product: Int32Array,
  drawn: DrawnProduct,
): ProductOpening {
  const tree = buildTree(hasher, size, product)
  return {
    entries: drawn.entries.map(({ row, col }) => {
      const leaf = leafIndex(size, row, col)
      const from = leaf * LEAF_ENTRIES
      return { leaf: entryBytes(product.subarray(from, from + LEAF_ENTRIES)), path: pathOf(tree, 0, leaf) }
    }),
    rows: drawn.rows.map(row => ({
      row: entryBytes(product.subarray(row * size, (row + 1) * size)),
      path: pathOf(tree, rowDepth(size), row),
    })),
  }
}

/** Computes the drawn products again and opens them. */
export function openDrawn(
  kernel: ProvingKernel,
  context: ChallengeContext,
  roots: readonly Hash[],
  drawn: readonly DrawnProduct[],
): ProductOpening[] {
  const seeds = seedsOf(kernel, context, roots, drawn.at(-1)?.index)
  return drawn.map(product => {
    const seed = seeds[product.index]
    if (seed === undefined) throw new RangeError(`product ${product.index} of ${roots.length} was drawn`)
    return openProduct(kernel, context.size, kernel.multiply(seed, context.size), product)
  })
}
