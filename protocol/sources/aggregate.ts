/** From venue values to a feed's price: legs, routes, one outcome. */

import { compareBigints, halfInterquartileBps, saturateBps } from '../statistics.ts'
import { MAX_PRICE, mulDivDown, ONE, type Price } from '../units.ts'
import { aggregateLeg, newestFirst } from './leg.ts'
import type {
  AbstainReason,
  DroppedValue,
  LegOutcome,
  PricedLeg,
  SourceOutcome,
  SourcePlan,
  VenueValue,
} from './types.ts'

/**
 * The price of `plan.feed` out of the latest value of each venue, or the reason why there is none. Pure: the same
 * values in any order, with the same plan and time, give the same outcome on every machine.
 *
 * A route's price is the product of its legs, each product cut down to 18 decimals. Several routes give the
 * median weighted by the independent sources of each route's weakest leg, so a thin route never sets the price
 * against a thick one. Routes that begin with the same leg rest on the same market and have one voice together, with
 * the weight of the strongest: otherwise whoever moves that market would gain a vote with every way on from it.
 *
 * @param nowMs the time against which ages are taken, in milliseconds
 */
export function aggregateSources(
  values: readonly VenueValue[],
  plan: SourcePlan,
  nowMs: number,
): SourceOutcome {
  const { byPair, unplanned } = partition(values, plan)
  const legs = plan.legs.map(leg => aggregateLeg(byPair.get(leg.pair) ?? [], leg, nowMs))
  const abstain = (reason: AbstainReason, pair: string): SourceOutcome => ({
    kind: 'abstain',
    reason,
    pair,
    legs,
    unplanned,
  })

  const routes = plan.routes.flatMap(route => composeRoute(route, legs))
  if (routes.length === 0) {
    const blamed = legs.find(leg => leg.kind === 'abstain')
    return abstain(blamed?.reason ?? 'TOO_FEW_SOURCES', blamed?.pair ?? plan.feed)
  }
  const voices = [...Map.groupBy(routes, ({ market }) => market).values()].map(combine)
  const { price, confidenceBps, observedAtMs } = combine(voices)
  if (price <= 0n || price > MAX_PRICE) return abstain('PRICE_OUT_OF_RANGE', plan.feed)
  return {
    kind: 'price',
    price: price as Price,
    confidenceBps: saturateBps(BigInt(confidenceBps)),
    observedAtMs,
    effectiveSources: Math.min(...voices.map(({ weight }) => weight)),
    legs,
    unplanned,
  }
}

function partition(values: readonly VenueValue[], plan: SourcePlan) {
  const byPair = new Map<string, VenueValue[]>(plan.legs.map(({ pair }) => [pair, []]))
  const unplanned: DroppedValue[] = []
  for (const input of values) {
    const ofPair = byPair.get(input.pair)
    if (ofPair === undefined) unplanned.push({ input, reason: 'NOT_IN_PLAN' })
    else ofPair.push(input)
  }
  return { byPair, unplanned: unplanned.sort((a, b) => newestFirst(a.input, b.input)) }
}

interface PricedRoute {
  /** The pair of its first leg. */
  readonly market: string
  readonly price: bigint
  readonly confidenceBps: number
  readonly observedAtMs: number
  readonly weight: number
}

/** One priced route, or none when one of its legs has no price. */
function composeRoute(route: readonly string[], legs: readonly LegOutcome[]): PricedRoute[] {
  const priced: PricedLeg[] = []
  for (const pair of route) {
    const leg = legs.find(one => one.pair === pair)
    if (leg?.kind !== 'price') return []
    priced.push(leg)
  }
  return [
    {
      market: route[0] ?? '',
      price: priced.reduce((product, leg) => mulDivDown(product, leg.price, ONE), ONE),
      // Relative errors of factors add up, to first order.
      confidenceBps: priced.reduce((sum, leg) => sum + leg.confidenceBps, 0),
      observedAtMs: Math.min(...priced.map(leg => leg.observedAtMs)),
      weight: Math.min(...priced.map(leg => leg.effectiveSources)),
    },
  ]
}

/** The price with half the weight on either side; the floor of the mean of two when the halves are equal. */
function weightedMedian(routes: readonly PricedRoute[]): bigint {
  const sorted = [...routes].sort((a, b) => compareBigints(a.price, b.price))
  const total = sorted.reduce((sum, { weight }) => sum + weight, 0)
  let below = 0
  for (const [index, { price, weight }] of sorted.entries()) {
    below += weight
    if (below * 2 > total) return price
    if (below * 2 === total) return (price + (sorted[index + 1]?.price ?? price)) / 2n
  }
  throw new RangeError('no routes to take a median of')
}

/** Several prices of one thing as one: as unsure as the least sure of them, and as they disagree. */
function combine(routes: readonly PricedRoute[]): PricedRoute {
  const price = weightedMedian(routes)
  const spreadBps = price === 0n ? 0 : halfInterquartileBps(pricesOf(routes), price)
  return {
    market: routes[0]?.market ?? '',
    price,
    confidenceBps: Math.max(spreadBps, ...routes.map(({ confidenceBps }) => confidenceBps)),
    observedAtMs: Math.min(...routes.map(({ observedAtMs }) => observedAtMs)),
    weight: Math.max(...routes.map(({ weight }) => weight)),
  }
}

function pricesOf(routes: readonly PricedRoute[]): bigint[] {
  return routes.map(({ price }) => price)
}
