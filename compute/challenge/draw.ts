/**
 * What is opened: decided by a beacon that did not exist when the worker committed. Every verifier draws the same.
 *
 * A device that left out a share δ of each product passes m entries with (1 − δ)^m: 64 entries let 1% pass with 53%,
 * 5% with 4%, 10% with 0.1%. Since a failure costs the whole epoch, even 1% is a bad bet.
 */
import type { Hash } from '../../protocol/bytes.ts'
import { BLOCK_BYTES, chacha8 } from '../matrix/chacha8.ts'
import { type Position, VECTORS } from '../matrix/kernel.ts'
import type { MatrixSize } from '../matrix/size.ts'
import { drawSeed } from './seeds.ts'

/** How much is opened of a device. A parameter of the network. */
export interface DrawRule {
  /** Products, at most; all when the device made fewer. */
  readonly products: number
  /** Entries of each drawn product. */
  readonly entries: number
  /** Whole rows of each drawn product; 0 for most devices, since a row is as long as the matrix is wide. */
  readonly rows: number
}

export const ENTRIES_ONLY: DrawRule = { products: 1, entries: 64, rows: 0 }
export const WITH_ROWS: DrawRule = { products: 1, entries: 64, rows: 24 }

/** Below this side 64 entries are a good part of a product, and rows would tell nothing more. */
const LEAST_SIZE_WITH_ROWS = 1_024

/** What every network opens of a device: follows from the side alone, so that nobody has to be told. */
export function drawRuleOf(size: MatrixSize): DrawRule {
  return size < LEAST_SIZE_WITH_ROWS ? ENTRIES_ONLY : WITH_ROWS
}

export interface DrawnProduct {
  readonly index: number
  readonly entries: readonly Position[]
  readonly rows: readonly number[]
  /** The vectors r that rows are tested with: `size` numbers each, one after the other. */
  readonly vectors: Int16Array
}

/** Streams of the draw's seed. The numbers are part of the protocol. */
const STREAM = { products: 0, entries: 1, rows: 2, vectors: 3, audits: 4 } as const

/** 32-bit words of one stream, one after the other. */
function words(seed: Uint8Array, purpose: number, index = 0): () => number {
  let block: DataView<ArrayBufferLike> = new DataView(new ArrayBuffer(0))
  let next = 0
  return () => {
    const offset = (next * 4) % BLOCK_BYTES
    if (offset === 0) {
      const bytes = chacha8(seed, { purpose, index }, (next * 4) / BLOCK_BYTES, 1)
      block = new DataView(bytes.buffer)
    }
    next++
    return block.getUint32(offset, true)
  }
}

/** Uniform below `bound`: words of the last, incomplete run are drawn again. */
function below(word: () => number, bound: number): number {
  const limit = 2 ** 32 - (2 ** 32 % bound)
  let value = word()
  while (value >= limit) value = word()
  return value % bound
}

/** `count` different numbers below `bound`, ascending; all of them when there are no more. */
function distinct(word: () => number, count: number, bound: number): number[] {
  if (count >= bound) return Array.from({ length: bound }, (_, i) => i)
  const chosen = new Set<number>()
  while (chosen.size < count) chosen.add(below(word, bound))
  return [...chosen].sort((a, b) => a - b)
}

/** Twelve bits each, −2,048 … 2,047. */
function drawVectors(seed: Uint8Array, size: MatrixSize, index: number): Int16Array {
  const bytes = chacha8(seed, { purpose: STREAM.vectors, index }, 0, (VECTORS * size * 2) / BLOCK_BYTES)
  const view = new DataView(bytes.buffer)
  return Int16Array.from({ length: VECTORS * size }, (_, i) => (view.getUint16(2 * i, true) & 0xfff) - 2048)
}

/**
 * @param digest of the commitment (`commitmentDigest`)
 * @param products K, the number of products committed to
 */
export function drawOpenings(
  rule: DrawRule,
  openingBeacon: Hash,
  digest: Uint8Array,
  products: number,
  size: MatrixSize,
): DrawnProduct[] {
  const seed = drawSeed(openingBeacon, digest)
  return distinct(words(seed, STREAM.products), rule.products, products).map(index => {
    const entryWords = words(seed, STREAM.entries, index)
    const entries = Array.from({ length: rule.entries }, () => {
      const row = below(entryWords, size)
      return { row, col: below(entryWords, size) }
    })
    const rows = distinct(words(seed, STREAM.rows, index), rule.rows, size)
    const vectors = rows.length > 0 ? drawVectors(seed, size, index) : new Int16Array()
    return { index, entries, rows, vectors }
  })
}

/** Which of `total` transcripts an auditor fetches: `count` different ones, by a beacon nobody knew at sealing. */
export function drawAudits(beacon: Hash, bundleHash: Uint8Array, count: number, total: number): number[] {
  return distinct(words(drawSeed(beacon, bundleHash), STREAM.audits), count, total)
}
