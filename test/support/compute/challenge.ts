/** A device that was challenged, honest unless told otherwise. */

import {
  commitmentDigest,
  commitmentOf,
  type SignedCommitment,
} from '../../../compute/challenge/commitment.ts'
import type { ChallengeContext } from '../../../compute/challenge/context.ts'
import { type DrawnProduct, type DrawRule, drawOpenings } from '../../../compute/challenge/draw.ts'
import type { ProductOpening } from '../../../compute/challenge/openings.ts'
import { openDrawn, openProduct, type ProvingKernel } from '../../../compute/challenge/prove.ts'
import { firstSeed, nextSeed, productRoot } from '../../../compute/challenge/seeds.ts'
import { buildTree } from '../../../compute/challenge/tree.ts'
import { type MatrixSize, matrixSize } from '../../../compute/matrix/size.ts'
import { bytesOf, type Hash, hexOf } from '../../../protocol/bytes.ts'
import { addressOfSecret, nobleIdentityCrypto } from '../../../protocol/identity.ts'

export const SECRET = bytesOf(`0x${'11'.repeat(32)}`)
export const OPENING_BEACON: Hash = `0x${'33'.repeat(32)}`

export function contextOf(size: MatrixSize = matrixSize(64)): ChallengeContext {
  return {
    domain: { chainId: 31_337, registry: `0x${'aa'.repeat(20)}` },
    worker: addressOfSecret(SECRET),
    device: `0x${'22'.repeat(32)}`,
    window: 7n,
    size,
    beacon: `0x${'44'.repeat(32)}`,
  }
}

/** What a device hands in for product k: the true product by default. */
export type Work = (product: Int32Array, index: number) => Int32Array

const honest: Work = product => product

/** Makes `count` products, each changed by `work`, and keeps them. */
export function makeProducts(
  kernel: ProvingKernel,
  context: ChallengeContext,
  count: number,
  work: Work = honest,
): { roots: Hash[]; products: Int32Array[] } {
  const roots: Hash[] = []
  const products: Int32Array[] = []
  let seed = firstSeed(context)
  for (let index = 0; index < count; index++) {
    const product = work(kernel.multiply(seed, context.size).slice(), index)
    const root = productRoot(context, index, buildTree(kernel, context.size, product).root)
    products.push(product)
    roots.push(root)
    seed = nextSeed(kernel, seed, root)
  }
  return { roots, products }
}

export interface Proof {
  readonly context: ChallengeContext
  readonly signed: SignedCommitment
  readonly drawn: DrawnProduct[]
  readonly openings: ProductOpening[]
}

export function sign(context: ChallengeContext, roots: readonly Hash[]): SignedCommitment {
  const commitment = commitmentOf(context, roots)
  const digest = commitmentDigest(context.domain, commitment)
  return { commitment, signature: nobleIdentityCrypto.sign(digest, SECRET) }
}

export function draw(context: ChallengeContext, roots: readonly Hash[], rule: DrawRule): DrawnProduct[] {
  const digest = commitmentDigest(context.domain, commitmentOf(context, roots))
  return drawOpenings(rule, OPENING_BEACON, digest, roots.length, context.size)
}

/** Commitment and openings of an honest device. */
export function prove(
  kernel: ProvingKernel,
  rule: DrawRule,
  products = 3,
  context: ChallengeContext = contextOf(),
): Proof {
  const { roots } = makeProducts(kernel, context, products)
  const drawn = draw(context, roots, rule)
  return { context, signed: sign(context, roots), drawn, openings: openDrawn(kernel, context, roots, drawn) }
}

/** Commitment and openings of a device that hands in something else, and opens just that. */
export function proveFalsely(kernel: ProvingKernel, rule: DrawRule, work: Work, count = 1): Proof {
  const context = contextOf()
  const { roots, products } = makeProducts(kernel, context, count, work)
  const drawn = draw(context, roots, rule)
  const openings = drawn.map(each =>
    openProduct(kernel, context.size, products[each.index] ?? new Int32Array(), each),
  )
  return { context, signed: sign(context, roots), drawn, openings }
}

/** 32 bytes that follow from a number. */
export function seedOf(number: number): Uint8Array {
  const seed = new Uint8Array(32).fill(number & 0xff)
  new DataView(seed.buffer).setUint32(0, number)
  return seed
}

export function hashOf(number: number): Hash {
  return hexOf(seedOf(number))
}
