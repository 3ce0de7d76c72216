/** A checked report for people: a line for each check, then what it comes to. */
import { formatDecimal } from '../../protocol/units.ts'
import type { ReportCheck, VerifiedReport } from '../../sdk/verify-report.ts'

const MARKS = { holds: '✓', fails: '✗', skipped: '–' } as const

export interface CheckedReport {
  readonly from: string
  readonly trust: string
  readonly checks: readonly ReportCheck[]
  readonly verified: VerifiedReport | undefined
}

/** One string a line. */
export function renderReport({ from, trust, checks, verified }: CheckedReport): string[] {
  return [
    `report from ${from}`,
    `checked against the group key from ${trust}`,
    '',
    ...checks.map(({ name, outcome, sentence }) => `  ${MARKS[outcome]} ${name.padEnd(12)} ${sentence}`),
    '',
    verified === undefined ? conclusionOf(checks) : priceLine(verified),
  ]
}

function priceLine({ price, confidenceBps, observedAt, round }: VerifiedReport): string {
  const time = new Date(observedAt * 1_000).toISOString()
  return `round ${round}: $${formatDecimal(price)}, give or take ${confidenceBps} bps, at ${time}: certified`
}

function conclusionOf(checks: readonly ReportCheck[]): string {
  const wrong = checks.find(({ outcome }) => outcome === 'fails')
  return `DO NOT USE: ${wrong?.reason}: ${wrong?.sentence}`
}
