import { pathOf, walkRoute } from '../../../protocol/sources/route.ts'
import type { LegOutcome, RouteOutcome, SourceOutcome } from '../../../protocol/sources/types.ts'
import { formatDecimal } from '../../../protocol/units.ts'

/** Everything an outcome says, short enough to be written down as a literal. */
export interface WholeOutcome {
  /** `2.5 ±4 bps, 5 sources` or `DEPEGGED USDT/USD`. */
  readonly result: string
  /** Age of the price; null when there is none. */
  readonly ageMs: number | null
  /** By the way it goes: `2.5 ±4 bps, weight 5` or `DEPEGGED USDT/USD`. */
  readonly routes: Readonly<Record<string, string>>
  /** By pair: `2.5 ±4 bps, 5 sources` or `TOO_FEW_SOURCES, 2 of 3`. */
  readonly legs: Readonly<Record<string, string>>
  /** By pair: venues in alphabetical order. */
  readonly kept: Readonly<Record<string, string>>
  /** `STALE binance IO/USDT`. */
  readonly dropped: readonly string[]
  readonly depegs: readonly string[]
}

export function wholeOutcome(feed: string, outcome: SourceOutcome, nowMs: number): WholeOutcome {
  const { kind, legs, routes, depegs, unplanned } = outcome
  return {
    result:
      kind === 'price'
        ? `${formatDecimal(outcome.price)} ±${outcome.confidenceBps} bps, ${outcome.effectiveSources} sources`
        : `${outcome.reason} ${outcome.pair}`,
    ageMs: kind === 'price' ? nowMs - outcome.observedAtMs : null,
    routes: Object.fromEntries(routes.map(route => [wayOf(feed, route), routeText(route)])),
    legs: Object.fromEntries(legs.map(leg => [leg.pair, legText(leg)])),
    kept: Object.fromEntries(legs.map(leg => [leg.pair, leg.kept.map(({ input }) => input.venue).join(' ')])),
    dropped: [...legs.flatMap(({ dropped }) => dropped), ...unplanned].map(
      ({ input, reason }) => `${reason} ${input.venue} ${input.pair}`,
    ),
    depegs: depegs.map(({ pair, price }) => `${pair} ${formatDecimal(price)}`),
  }
}

function wayOf(feed: string, { steps }: RouteOutcome): string {
  const pairs = steps.map(({ pair }) => pair)
  return pathOf({ steps, assets: walkRoute(feed, pairs).assets })
}

function routeText(route: RouteOutcome): string {
  if (route.kind === 'dropped') return `${route.reason} ${route.pair}`
  return `${formatDecimal(route.price)} ±${route.confidenceBps} bps, weight ${route.weight}`
}

function legText(leg: LegOutcome): string {
  if (leg.kind === 'abstain') return `${leg.reason}, ${leg.effectiveSources} of ${leg.minSources}`
  return `${formatDecimal(leg.price)} ±${leg.confidenceBps} bps, ${leg.effectiveSources} sources`
}
