/**
 * The word a set of quotes leads to. Every signer computes it again, bit for bit, before it signs.
 */
import type { Quote } from '../quote.ts'
import { packReport, type Report } from '../report.ts'
import { halfInterquartileBps, lowerMedian, median, saturateBps } from '../statistics.ts'
import type { Price } from '../units.ts'

/**
 * The report of a round. With at most f of the quotes lying, at least q in all, the price lies within the
 * range of the honest ones.
 *
 * - price: median; for an even count the floor of the mean of the middle two
 * - observedAt: lower median
 * - confidence: the larger of the median of confidences and half the interquartile range of the prices, in basis
 *   points of the price, saturating
 *
 * @throws {RangeError} for quotes of different rounds, or none
 */
export function medianReport(quotes: readonly Quote[]): Report {
  const [first] = quotes
  if (first === undefined) throw new RangeError('no quotes')
  if (quotes.some(quote => quote.round !== first.round || quote.feedId !== first.feedId)) {
    throw new RangeError('quotes of different rounds or feeds')
  }
  const prices = quotes.map(quote => quote.price)
  const price = median(prices)
  const stated = saturateBps(median(quotes.map(quote => BigInt(quote.confidence))))
  return {
    price: price as Price,
    confidence: Math.max(stated, halfInterquartileBps(prices, price)),
    observedAt: lowerMedian(quotes.map(quote => quote.observedAt)),
    round: first.round,
  }
}

export function medianWord(quotes: readonly Quote[]): bigint {
  return packReport(medianReport(quotes))
}
