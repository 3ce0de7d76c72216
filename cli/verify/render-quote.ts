/** A checked quote for people: a line for each check, what it was made from, and what it comes to. */
import { productOf } from '../../protocol/sources/route.ts'
import type { LegOutcome, RouteOutcome, SourceOutcome } from '../../protocol/sources/types.ts'
import { formatDecimal } from '../../protocol/units.ts'
import { faultOf, type QuoteCheck } from './quote-checks.ts'

const MARKS = { holds: '✓', fails: '✗', skipped: '–' } as const

export interface CheckedQuote {
  readonly from: string
  readonly trust: string
  readonly checks: readonly QuoteCheck[]
  readonly outcome: SourceOutcome | undefined
  /** Of the quote, once it could be read. */
  readonly round: number | undefined
}

/** One string a line. */
export function renderQuote({ from, trust, checks, outcome, round }: CheckedQuote): string[] {
  return [
    `quote from ${from}`,
    `checked against ${trust}`,
    '',
    ...checks.map(({ name, outcome: mark, sentence }) => `  ${MARKS[mark]} ${name.padEnd(12)} ${sentence}`),
    '',
    ...(outcome === undefined ? [] : [...outcome.legs.map(legLine), ...outcome.routes.map(routeLine), '']),
    conclusionOf(checks, outcome, round),
  ]
}

function legLine(leg: LegOutcome): string {
  const said = leg.kind === 'price' ? formatDecimal(leg.price) : leg.reason
  const kept = leg.kept.map(({ input }) => input.venue).join(' ')
  const dropped = leg.dropped.map(({ input, reason }) => `${input.venue} ${reason}`)
  const without = dropped.length === 0 ? '' : `; without ${dropped.join(', ')}`
  return `  ${leg.pair.padEnd(10)} ${said.padEnd(22)} ${kept}${without}`
}

function routeLine(route: RouteOutcome): string {
  const way = productOf(route.steps)
  return route.kind === 'price'
    ? `  ${way}: ${formatDecimal(route.price)}`
    : `  ${way}: ${route.reason} ${route.pair}`
}

function conclusionOf(
  checks: readonly QuoteCheck[],
  outcome: SourceOutcome | undefined,
  round: number | undefined,
): string {
  const wrong = faultOf(checks)
  if (wrong !== undefined) return `DO NOT BELIEVE IT: ${wrong.reason}: ${wrong.sentence}`
  if (outcome?.kind !== 'price') return 'DO NOT BELIEVE IT: MALFORMED: there is no price'
  const { price, confidenceBps } = outcome
  return `round ${round}: $${formatDecimal(price)}, give or take ${confidenceBps} bps: follows from its trace`
}
