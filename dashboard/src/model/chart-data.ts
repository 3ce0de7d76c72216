import { formatDecimal } from '../../../protocol/units.ts'
import type { Report } from './report.ts'

/** Columns for the chart, oldest first. `times` in Unix seconds; `null` where there is nothing to draw. */
export interface ChartData {
  times: number[]
  price: (number | null)[]
  low: (number | null)[]
  high: (number | null)[]
  /** One column per slot asked for. */
  quotes: (number | null)[][]
}

/** So many rounds without a report are drawn as a gap: a line across would claim prices that nobody certified. */
const GAP_ROUNDS = 3

/** Floats, for drawing only. */
export function chartData(
  reports: readonly Report[],
  slots: readonly number[],
  window: { fromMs: number; roundMs: number },
): ChartData {
  const data: ChartData = { times: [], price: [], low: [], high: [], quotes: slots.map(() => []) }
  const push = (timeSec: number, report: Report | null) => {
    const price = report === null ? null : drawn(report.price)
    const band = report === null ? null : report.confidenceBps / 10_000
    data.times.push(timeSec)
    data.price.push(price)
    data.low.push(price === null || band === null ? null : price * (1 - band))
    data.high.push(price === null || band === null ? null : price * (1 + band))
    for (const [index, slot] of slots.entries()) {
      const quote = report?.quotes.find(candidate => candidate.slot === slot)
      data.quotes[index]?.push(quote === undefined ? null : drawn(quote.price))
    }
  }

  let previousMs: number | null = null
  for (const report of reports.filter(candidate => candidate.round * 100 >= window.fromMs).reverse()) {
    const timeMs = report.round * 100
    if (previousMs !== null && timeMs - previousMs > GAP_ROUNDS * window.roundMs) {
      push((previousMs + window.roundMs) / 1000, null)
    }
    push(timeMs / 1000, report)
    previousMs = timeMs
  }
  return data
}

function drawn(value: bigint): number {
  return Number(formatDecimal(value))
}
