/** Order statistics over bigints. None of these trusts the order it is given. */
import { BPS, type Bps, mulDivUp } from './units.ts'

/** The largest confidence a report can carry: 16 bits. */
export const MAX_CONFIDENCE_BPS = 0xffff

export function compareBigints(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function rank(sorted: readonly bigint[], index: number): bigint {
  const value = sorted[index]
  if (value === undefined) throw new RangeError(`no value of rank ${index} among ${sorted.length}`)
  return value
}

/**
 * The middle value; for an even count the floor of the mean of the middle two. Values are not negative.
 *
 * @throws {RangeError} when there is none
 */
export function median(values: readonly bigint[]): bigint {
  if (values.length === 1) return rank(values, 0)
  const sorted = [...values].sort(compareBigints)
  const upper = sorted.length >> 1
  if (sorted.length % 2 === 1) return rank(sorted, upper)
  return (rank(sorted, upper - 1) + rank(sorted, upper)) / 2n
}

/** The middle value, the lower one of the middle two for an even count: always one of the values. */
export function lowerMedian(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted[(sorted.length - 1) >> 1]
  if (middle === undefined) throw new RangeError('no values to take a median of')
  return middle
}

/** Four times the value at a quarter's rank, interpolated exactly (the factor keeps it whole). */
function quartileTimesFour(sorted: readonly bigint[], quarters: 1 | 3): bigint {
  const position = (sorted.length - 1) * quarters
  const index = position >> 2
  const weight = BigInt(position & 3)
  if (weight === 0n) return 4n * rank(sorted, index)
  return (4n - weight) * rank(sorted, index) + weight * rank(sorted, index + 1)
}

/**
 * Half the interquartile range (linear interpolation between ranks) over `price`, in basis points, rounded up and
 * saturating. Zero for a single value.
 */
export function halfInterquartileBps(values: readonly bigint[], price: bigint): Bps {
  const sorted = [...values].sort(compareBigints)
  const rangeTimesFour = quartileTimesFour(sorted, 3) - quartileTimesFour(sorted, 1)
  return saturateBps(mulDivUp(rangeTimesFour, BPS, 8n * price))
}

/** A confidence that fits a report: never wraps, only stops. */
export function saturateBps(bps: bigint): Bps {
  return (bps > BigInt(MAX_CONFIDENCE_BPS) ? MAX_CONFIDENCE_BPS : Number(bps)) as Bps
}
