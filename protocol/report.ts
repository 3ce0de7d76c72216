/**
 * A report: one word that says what a feed was worth in one round. It is what gets certified and stored.
 *
 * ```
 * 255        176 175         96 95        80 79         40 39        0
 * | price 80    | zero 80      | confidence | observedAt 40 | round 40 |
 *                 (the contract    16, bps      seconds       deciseconds
 *                  fills its moving average)
 * ```
 */
import { bigintToBytes, type Hash, type Hex, hexOf } from './bytes.ts'
import { type Domain, digestOf, STRUCTS } from './domain.ts'
import { asRound, type Round } from './rounds.ts'
import type { Price } from './units.ts'

export interface Report {
  readonly price: Price
  /** Basis points. */
  readonly confidence: number
  /** Unix seconds. */
  readonly observedAt: number
  readonly round: Round
}

const ROUND_BITS = 40n
const OBSERVED_SHIFT = ROUND_BITS
const CONFIDENCE_SHIFT = OBSERVED_SHIFT + 40n
const MIDDLE_SHIFT = CONFIDENCE_SHIFT + 16n
const PRICE_SHIFT = MIDDLE_SHIFT + 80n
const MASK_40 = (1n << 40n) - 1n
const MASK_16 = (1n << 16n) - 1n
const MASK_80 = (1n << 80n) - 1n

export function packReport(report: Report): bigint {
  return (
    (report.price << PRICE_SHIFT) |
    (BigInt(report.confidence) << CONFIDENCE_SHIFT) |
    (BigInt(report.observedAt) << OBSERVED_SHIFT) |
    BigInt(report.round)
  )
}

export function unpackReport(word: bigint): Report {
  return {
    price: (word >> PRICE_SHIFT) as Price,
    confidence: Number((word >> CONFIDENCE_SHIFT) & MASK_16),
    observedAt: Number((word >> OBSERVED_SHIFT) & MASK_40),
    round: asRound(Number(word & MASK_40)),
  }
}

/** What stands in the middle of a stored word: the contract's moving average, zero in a signed report. */
export function movingAverageOf(word: bigint): Price {
  return ((word >> MIDDLE_SHIFT) & MASK_80) as Price
}

export function wordHex(word: bigint): Hex {
  return hexOf(bigintToBytes(word, 32))
}

export function reportDigest(domain: Domain, feedId: Hash, word: bigint): Uint8Array {
  return digestOf(domain, STRUCTS.report, { feedId, word })
}
