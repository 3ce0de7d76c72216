/**
 * The chain of seeds. Each product's seed takes in the root of the whole product before it, so products can only be
 * made one after the other, and none can be skipped.
 */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { ByteWriter, type Hash, hexOf } from '../../protocol/bytes.ts'
import type { Hasher } from '../matrix/kernel.ts'
import type { ChallengeContext } from './context.ts'

/** Keeps one kind of hash from ever passing for another. */
export function hashTag(name: string): Uint8Array {
  return keccak_256(new TextEncoder().encode(`IO challenge ${name}`))
}

const SEED = hashTag('seed')
const PRODUCT = hashTag('product')
const DRAW = hashTag('draw')
const EMPTY = new Uint8Array(32)

/** seed_0 = H(beacon, chain, registry, worker, device). @returns 32 bytes */
export function firstSeed({ beacon, domain, worker, device }: ChallengeContext): Uint8Array {
  return keccak_256(
    new ByteWriter()
      .fixed(SEED, 32)
      .hex(beacon, 32)
      .uint(domain.chainId, 8)
      .hex(domain.registry, 20)
      .hex(worker, 20)
      .hex(device, 32)
      .done(),
  )
}

/**
 * seed_{k+1} = H(seed_k, root_k), 64 bytes exactly, so that kernels hash it: a chain is as long as the window, and
 * every verifier walks it. @returns 32 bytes
 */
export function nextSeed(hasher: Hasher, seed: Uint8Array, root: Hash): Uint8Array {
  return hasher.hashPairs(new ByteWriter().fixed(seed, 32).hex(root, 32).done())
}

/** The seed of each product up to `last`, from the roots of those before it. */
export function seedsOf(
  hasher: Hasher,
  context: ChallengeContext,
  roots: readonly Hash[],
  last = roots.length - 1,
): Uint8Array[] {
  const seeds = [firstSeed(context)]
  for (const root of roots.slice(0, last)) seeds.push(nextSeed(hasher, seeds.at(-1) ?? EMPTY, root))
  return seeds
}

/**
 * root_k: the root of a product's tree, bound to (worker, device, window, k). What one device made for one place is of
 * no use in another.
 */
export function productRoot(context: ChallengeContext, index: number, treeRoot: Uint8Array): Hash {
  const { domain, worker, device, window, size } = context
  return hexOf(
    keccak_256(
      new ByteWriter()
        .fixed(PRODUCT, 32)
        .uint(domain.chainId, 8)
        .hex(domain.registry, 20)
        .hex(worker, 20)
        .hex(device, 32)
        .uint(window, 8)
        .uint(index, 4)
        .uint(size, 4)
        .fixed(treeRoot, 32)
        .done(),
    ),
  )
}

/** 32 bytes that decide what is opened: nobody knows them before the commitment is in. */
export function drawSeed(openingBeacon: Hash, commitmentDigest: Uint8Array): Uint8Array {
  return keccak_256(
    new ByteWriter().fixed(DRAW, 32).hex(openingBeacon, 32).fixed(commitmentDigest, 32).done(),
  )
}
