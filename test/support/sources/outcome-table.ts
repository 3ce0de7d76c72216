import type { SourceStatus } from '../../../oracle-node/sources/service.ts'
import type { LegOutcome, RouteOutcome, SourceOutcome } from '../../../protocol/sources/types.ts'
import { formatDecimal } from '../../../protocol/units.ts'

/**
 * All that is said of a price, a line each: the price with its confidence and sources or why there is none, the routes,
 * every value of every leg with what became of it, lost pegs, and which of the kept values came by REST.
 * Times are left out: two runs say the same.
 */
export function outcomeTable(outcome: SourceOutcome, statuses: readonly SourceStatus[] = []): string[] {
  const isKept = ({ venue, pair }: SourceStatus): boolean =>
    outcome.legs.some(leg => leg.pair === pair && leg.kept.some(({ input }) => input.venue === venue))
  const asked = statuses
    .filter(one => one.transport === 'rest' && isKept(one))
    .map(one => `${one.venue} ${one.pair}`)
  return [
    outcome.kind === 'price'
      ? `${formatDecimal(outcome.price)} ±${outcome.confidenceBps} bps, ${outcome.effectiveSources} sources`
      : `none: ${outcome.reason} ${outcome.pair}`,
    ...outcome.routes.map(routeLine),
    ...outcome.legs.flatMap(legLines),
    ...outcome.depegs.map(({ pair, price }) => `depegged: ${pair} at ${formatDecimal(price)}`),
    ...outcome.unplanned.map(({ input, reason }) => `unplanned: ${input.venue} ${input.pair} ${reason}`),
    ...(asked.length === 0 ? [] : [`by REST: ${asked.sort().join(', ')}`]),
  ]
}

function routeLine(route: RouteOutcome): string {
  const way = route.steps.map(({ pair, inverted }) => (inverted ? `1/(${pair})` : pair)).join(' · ')
  return route.kind === 'price'
    ? `route ${way}: ${formatDecimal(route.price)} ±${route.confidenceBps} bps, weight ${route.weight}`
    : `route ${way}: dropped, ${route.reason} ${route.pair}`
}

function legLines(leg: LegOutcome): string[] {
  const kept = leg.kept.map(({ input, value }) => `  kept ${input.venue} ${formatDecimal(value)}`)
  const dropped = leg.dropped.map(({ input, reason }) => `  dropped ${input.venue} ${reason}`)
  const head =
    leg.kind === 'price'
      ? `${leg.pair} ${formatDecimal(leg.price)} ±${leg.confidenceBps} bps, ${leg.effectiveSources} sources`
      : `${leg.pair} none: ${leg.reason}, ${leg.effectiveSources} of ${leg.minSources} sources`
  return [head, ...kept, ...dropped]
}
