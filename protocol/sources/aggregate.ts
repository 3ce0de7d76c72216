/** From venue values to a feed's price: legs, routes, one outcome. */

import { compareBigints, halfInterquartileBps, saturateBps } from '../statistics.ts'
import { BPS, MAX_PRICE, mulDivDown, ONE, type Price } from '../units.ts'
import { aggregateLeg, newestFirst } from './leg.ts'
import { walkRoute } from './route.ts'
import type {
  AbstainReason,
  Depeg,
  DroppedRoute,
  DroppedValue,
  LegOutcome,
  LegPlan,
  PricedLeg,
  PricedRoute,
  SourceOutcome,
  SourcePlan,
  VenueValue,
} from './types.ts'

/** More than one in so many of the sources that price the base have to be in the voices that are left. */
const LEAST_SHARE = 4

/**
 * The price of `plan.feed` out of the latest value of each venue, or the reason why there is none. Pure: the same
 * values in any order, with the same plan and time, give the same outcome on every machine.
 *
 * A route's price is the product of its legs, or the quotient where a leg stands the other way round, each cut down to
 * 18 decimals. A route through a leg that has no price, or has lost its peg, is dropped. Routes that begin with the same
 * leg rest on the same market of the base and have one voice together: otherwise whoever moves that market would gain a
 * vote with every way on from it. Several voices give the median weighted by the independent sources of their markets,
 * so the price moves only with markets that have half of these. Legs that convert do not weigh: voices share them, and
 * each has its own minimum. There is no price unless more than one in {@link LEAST_SHARE} of the sources that price the
 * base are left in voices: whoever can keep most markets from being converted, as by a peg, must not have the whole price
 * with the rest. Markets without a price of their own do not count: silence stops nobody else.
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
  const depegs = plan.legs.flatMap((leg, index) => depegOf(leg, legs[index]))
  const walks = plan.routes.map(route => walk(plan.feed, route, legs, depegs))
  const abstain = (reason: AbstainReason, pair: string): SourceOutcome => ({
    kind: 'abstain',
    reason,
    pair,
    legs,
    routes: walks.map(outcomeOf),
    depegs,
    unplanned,
  })

  const priced = walks.filter(walk => walk.kind === 'price')
  if (priced.length === 0) {
    const { reason, pair } = blame(walks, legs)
    return abstain(reason, pair ?? plan.feed)
  }
  const voices = [...Map.groupBy(priced, ({ steps }) => steps[0]?.pair).values()].map(combine)
  if (weightOf(voices) * LEAST_SHARE <= heardWeight(walks, legs)) return abstain('TOO_FEW_SOURCES', plan.feed)
  const { price, confidenceBps, observedAtMs } = combine(voices)
  if (price <= 0n || price > MAX_PRICE) return abstain('PRICE_OUT_OF_RANGE', plan.feed)
  return {
    kind: 'price',
    price: price as Price,
    confidenceBps: saturateBps(BigInt(confidenceBps)),
    observedAtMs,
    effectiveSources: Math.min(...priced.map(({ leastSources }) => leastSources)),
    legs,
    routes: walks.map(outcomeOf),
    depegs,
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

/** A base outside its peg's band: one bad leg would move every price that it converts. */
function depegOf({ pair, peg }: LegPlan, leg: LegOutcome | undefined): Depeg[] {
  if (peg === undefined || leg?.kind !== 'price') return []
  const distance = leg.price > ONE ? leg.price - ONE : ONE - leg.price
  return distance * BPS > ONE * BigInt(peg.bandBps) ? [{ pair, price: leg.price }] : []
}

/**
 * Why no route is left. A lost peg first: but for it there would be a price, whatever else is missing, and a leg that
 * never has enough venues must not hide it. Else the first route's failing leg: routes stand in the order of trust.
 */
function blame(
  walks: readonly Walk[],
  legs: readonly LegOutcome[],
): { readonly reason: AbstainReason; readonly pair?: string } {
  const dropped = walks.filter(walk => walk.kind === 'dropped')
  const first = dropped.find(({ reason }) => reason === 'DEPEGGED') ?? dropped[0]
  if (first === undefined) return { reason: 'TOO_FEW_SOURCES' }
  const { reason, pair } = first
  if (reason === 'DEPEGGED') return { reason, pair }
  const leg = legs.find(one => one.pair === pair)
  return { reason: leg?.kind === 'abstain' ? leg.reason : 'TOO_FEW_SOURCES', pair }
}

/** A priced route with the time of its oldest leg, and the independent sources of its weakest. */
type Walk = (PricedRoute & { readonly observedAtMs: number; readonly leastSources: number }) | DroppedRoute

function walk(
  feed: string,
  route: readonly string[],
  legs: readonly LegOutcome[],
  depegs: readonly Depeg[],
): Walk {
  const { steps } = walkRoute(feed, route)
  const priced: { readonly leg: PricedLeg; readonly inverted: boolean }[] = []
  for (const { pair, inverted } of steps) {
    const leg = legs.find(one => one.pair === pair)
    if (leg?.kind !== 'price') return { kind: 'dropped', steps, reason: 'LEG_ABSTAINED', pair }
    priced.push({ leg, inverted })
  }
  const unpegged = steps.find(({ pair }) => depegs.some(depeg => depeg.pair === pair))
  if (unpegged !== undefined) return { kind: 'dropped', steps, reason: 'DEPEGGED', pair: unpegged.pair }
  return {
    kind: 'price',
    steps,
    // Divided by at once: a reciprocal would lose digits first. A leg's price is the median of positive ones: above 0.
    price: priced.reduce(
      (held, { leg, inverted }) =>
        inverted ? mulDivDown(held, ONE, leg.price) : mulDivDown(held, leg.price, ONE),
      ONE,
    ),
    // Relative errors of factors add up, to first order, and those of divisors likewise.
    confidenceBps: saturateBps(priced.reduce((sum, { leg }) => sum + BigInt(leg.confidenceBps), 0n)),
    observedAtMs: Math.min(...priced.map(({ leg }) => leg.observedAtMs)),
    weight: priced[0]?.leg.effectiveSources ?? 0,
    leastSources: Math.min(...priced.map(({ leg }) => leg.effectiveSources)),
  }
}

function outcomeOf(walked: Walk): PricedRoute | DroppedRoute {
  if (walked.kind === 'dropped') return walked
  const { kind, steps, price, confidenceBps, weight } = walked
  return { kind, steps, price, confidenceBps, weight }
}

/** What several routes, or voices, say together. */
interface Voice {
  readonly price: bigint
  readonly confidenceBps: number
  readonly observedAtMs: number
  readonly weight: number
}

function weightOf(voices: readonly Voice[]): number {
  return voices.reduce((sum, { weight }) => sum + weight, 0)
}

/** What the voices would weigh if every market of the base that has a price could be converted. */
function heardWeight(walks: readonly Walk[], legs: readonly LegOutcome[]): number {
  const markets = new Set(walks.map(({ steps }) => steps[0]?.pair))
  return legs
    .filter(({ kind, pair }) => kind === 'price' && markets.has(pair))
    .reduce((sum, { effectiveSources }) => sum + effectiveSources, 0)
}

/** The price with half the weight on either side; the floor of the mean of two when the halves are equal. */
function weightedMedian(routes: readonly Voice[]): bigint {
  const sorted = [...routes].sort((a, b) => compareBigints(a.price, b.price))
  const total = weightOf(sorted)
  let below = 0
  for (const [index, { price, weight }] of sorted.entries()) {
    below += weight
    if (below * 2 > total) return price
    if (below * 2 === total) return (price + (sorted[index + 1]?.price ?? price)) / 2n
  }
  throw new RangeError('no routes to take a median of')
}

/** Several prices of one thing as one: as unsure as the least sure of them, and as they disagree. */
function combine(routes: readonly Voice[]): Voice {
  const price = weightedMedian(routes)
  const spreadBps = price === 0n ? 0 : halfInterquartileBps(pricesOf(routes), price)
  return {
    price,
    confidenceBps: Math.max(spreadBps, ...routes.map(({ confidenceBps }) => confidenceBps)),
    observedAtMs: Math.min(...routes.map(({ observedAtMs }) => observedAtMs)),
    // The same for all routes of a voice, and of no meaning once the voices are one.
    weight: Math.max(...routes.map(({ weight }) => weight)),
  }
}

function pricesOf(routes: readonly Voice[]): bigint[] {
  return routes.map(({ price }) => price)
}
