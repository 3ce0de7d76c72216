/** A quote as one line, for whoever compares. */
import { formatDecimal } from '../../protocol/units.ts'
import { routesOf } from '../sources/feed-status.ts'
import type { Observation } from '../sources/pipeline.ts'

/**
 * JSON on one line: what a node would sign in a round, or why it would not, and which values did not count. The same
 * observation gives the same bytes.
 *
 * @param nowMs the time against which ages were taken
 */
export function quoteLine(round: number, nowMs: number, { outcome, root }: Observation): string {
  const dropped = [...outcome.legs.flatMap(leg => leg.dropped), ...outcome.unplanned].map(
    ({ input, reason }) => `${input.venue} ${input.pair} ${reason}`,
  )
  const routes = routesOf(outcome)
  const observedAt = Math.floor(nowMs / 1_000)
  if (outcome.kind === 'abstain') {
    const { reason, pair } = outcome
    return JSON.stringify({ round, observedAt, abstains: reason, pair, routes, dropped })
  }
  return JSON.stringify({
    round,
    observedAt,
    price: formatDecimal(outcome.price),
    confidenceBps: outcome.confidenceBps,
    effectiveSources: outcome.effectiveSources,
    sourcesRoot: root,
    routes,
    dropped,
  })
}
