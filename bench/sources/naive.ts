/** What the price of venues is at its simplest: floats, a median, a mean, and no questions. */

export interface NaiveTicker {
  readonly bid: number
  readonly ask: number
  readonly last: number
}

/** Median and mean of the middles of all venues, added up so that both are worked out. */
export function naiveFigure(tickers: readonly NaiveTicker[]): number {
  const prices = tickers.map(({ bid, ask, last }) => middleOf(bid, ask, last))
  const sorted = prices.toSorted((a, b) => a - b)
  const half = Math.floor(sorted.length / 2)
  const median = sorted.length % 2 === 1 ? at(sorted, half) : (at(sorted, half - 1) + at(sorted, half)) / 2
  const mean = prices.reduce((sum, price) => sum + price, 0) / prices.length
  return median + mean
}

function middleOf(bid: number, ask: number, last: number): number {
  return Math.max(Math.min(bid, ask), Math.min(Math.max(bid, ask), last))
}

function at(values: readonly number[], place: number): number {
  return values[place] ?? Number.NaN
}
