import type { Price } from '../../../protocol/units.ts'
import { offsetTenths } from './format.ts'
import type { Oracle } from './page-config.ts'
import type { Report } from './report.ts'

/** What a node did in one round. */
export type Part = 'signed' | 'quoted' | 'absent'

export interface NodeRow extends Oracle {
  /** Its newest quote, and how far that was from the certified price of the same round. */
  last: { price: Price; offsetTenths: bigint; confidenceBps: number; round: number } | null
  /** Its part in the newest rounds, newest last. */
  parts: Part[]
}

/** One row for every node the network lists, whether it was heard of or not. */
export function nodeRows(oracles: readonly Oracle[], reports: readonly Report[], rounds: number): NodeRow[] {
  const recent = reports.slice(0, rounds).reverse()
  return oracles.map(oracle => ({
    ...oracle,
    last: lastQuote(reports, oracle.slot),
    parts: recent.map(report => partOf(report, oracle.slot)),
  }))
}

export function partOf(report: Report, slot: number): Part {
  if (report.signers.includes(slot)) return 'signed'
  return report.quotes.some(quote => quote.slot === slot) ? 'quoted' : 'absent'
}

function lastQuote(reports: readonly Report[], slot: number): NodeRow['last'] {
  for (const report of reports) {
    const quote = report.quotes.find(candidate => candidate.slot === slot)
    if (quote === undefined) continue
    return {
      price: quote.price,
      offsetTenths: offsetTenths(quote.price, report.price),
      confidenceBps: quote.confidenceBps,
      round: report.round,
    }
  }
  return null
}
