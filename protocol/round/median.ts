/**
 * The word a set of quotes leads to. Every signer computes it again, bit for bit, before it signs.
 */

import type { Quote } from '../quote.ts'
import { packReport, type Report } from '../report.ts'
import { BPS, mulDivUp, type Price } from '../units.ts'

const MAX_CONFIDENCE = 65_535

function byValue<T>(values: readonly T[], compare: (a: T, b: T) => number): T[] {
  return [...values].sort(compare)
}

function compareBigints(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Middle value of a sorted list; for an even count the floor of the mean of the middle two. */
function middle(sorted: readonly bigint[]): bigint {
  const upper = sorted[sorted.length >> 1] ?? 0n
  const lower = sorted[(sorted.length - 1) >> 1] ?? 0n
  return (lower + upper) / 2n
}

/**
 * Half the interquartile range over the median, in basis points rounded up. Quartiles are elements, not
 * interpolations: Q1 at ⌊(n−1)/4⌋, Q3 mirrored, so that the value is an integer rule anyone can repeat.
 */
function halfInterquartileBps(sorted: readonly bigint[], median: bigint): bigint {
  const quarter = (sorted.length - 1) >> 2
  const q1 = sorted[quarter] ?? 0n
  const q3 = sorted[sorted.length - 1 - quarter] ?? 0n
  return mulDivUp(q3 - q1, BPS, 2n * median)
}

/**
 * The report of a round. With at most f of the quotes lying, at least q in all, the price lies within the
 * range of the honest ones.
 *
 * - price: median; for an even count the floor of the mean of the middle two
 * - observedAt: lower median
 * - confidence: the larger of the median of confidences and half the interquartile range of the prices
 *
 * @throws {RangeError} for quotes of different rounds, or none
 */
export function medianReport(quotes: readonly Quote[]): Report {
  const [first] = quotes
  if (first === undefined) throw new RangeError('no quotes')
  if (quotes.some(quote => quote.round !== first.round || quote.feedId !== first.feedId)) {
    throw new RangeError('quotes of different rounds or feeds')
  }
  const prices = byValue(
    quotes.map(quote => quote.price as bigint),
    compareBigints,
  )
  const times = byValue(
    quotes.map(quote => quote.observedAt),
    (a, b) => a - b,
  )
  const confidences = byValue(
    quotes.map(quote => BigInt(quote.confidence)),
    compareBigints,
  )

  const price = middle(prices)
  const spread = halfInterquartileBps(prices, price)
  const stated = middle(confidences)
  const confidence = spread > stated ? spread : stated
  return {
    price: price as Price,
    confidence: confidence > BigInt(MAX_CONFIDENCE) ? MAX_CONFIDENCE : Number(confidence),
    observedAt: times[(times.length - 1) >> 1] ?? first.observedAt,
    round: first.round,
  }
}

export function medianWord(quotes: readonly Quote[]): bigint {
  return packReport(medianReport(quotes))
}
