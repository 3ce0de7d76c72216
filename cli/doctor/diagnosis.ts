/** What was seen of the venues, as rows. Pure. */
import type { SourceStatus } from '../../oracle-node/sources/service.ts'
import { productOf } from '../../protocol/sources/route.ts'
import type { DropReason, LegOutcome, RouteOutcome, VenueValue } from '../../protocol/sources/types.ts'
import { formatDecimal } from '../../protocol/units.ts'
import type { Examination, VenueFacts } from './examine.ts'

export interface VenueRow {
  readonly venue: string
  readonly reachable: boolean
  readonly geoBlocked: boolean
  /** Why it is not reachable. */
  readonly problem: string | null
  readonly restMs: number | null
  readonly streamMs: number | null
  /** Why nothing is pushed, where that is known. */
  readonly streamProblem: string | null
  /** How far its clock is ahead of ours. */
  readonly skewMs: number | null
  readonly listed: readonly string[]
  readonly notListed: readonly string[]
}

export interface ValueRow {
  readonly pair: string
  readonly venue: string
  readonly bid: string | null
  readonly ask: string | null
  readonly last: string | null
  readonly transport: string | null
  readonly ageMs: number | null
  /** By the venue's own time. */
  readonly exchangeAgeMs: number | null
  /** `kept`, a reason of the aggregation, or `NO_VALUE`. */
  readonly verdict: string
}

export interface LegRow {
  readonly pair: string
  readonly price: string | null
  readonly confidenceBps: number | null
  readonly sources: number
  readonly minSources: number
  /** Null when it has a price. */
  readonly reason: string | null
}

export interface RouteRow {
  readonly path: string
  readonly price: string | null
  readonly confidenceBps: number | null
  readonly reason: string | null
}

export type Verdict =
  | {
      readonly signs: true
      readonly price: string
      readonly confidenceBps: number
      readonly effectiveSources: number
      readonly observedAt: number
      readonly sourcesRoot: string
    }
  | { readonly signs: false; readonly reason: string; readonly pair: string; readonly observedAt: number }

export interface Diagnosis {
  readonly feed: string
  readonly venues: readonly VenueRow[]
  readonly values: readonly ValueRow[]
  readonly legs: readonly LegRow[]
  readonly routes: readonly RouteRow[]
  /** Sentences: what somebody should look at. */
  readonly remarks: readonly string[]
  readonly verdict: Verdict
}

export function diagnose(seen: Examination): Diagnosis {
  const { plan, observation, nowMs } = seen
  const { outcome, root } = observation
  const observedAt = Math.floor(nowMs / 1_000)
  return {
    feed: plan.feed,
    venues: seen.venues.map(venueRow),
    values: outcome.legs.flatMap(leg => valueRows(leg, seen.status, nowMs)),
    legs: outcome.legs.map(leg => legRow(leg, seen)),
    routes: outcome.routes.map(routeRow),
    remarks: remarksOn(seen),
    verdict:
      outcome.kind === 'price'
        ? {
            signs: true,
            price: formatDecimal(outcome.price),
            confidenceBps: outcome.confidenceBps,
            effectiveSources: outcome.effectiveSources,
            observedAt,
            sourcesRoot: root,
          }
        : { signs: false, reason: outcome.reason, pair: outcome.pair, observedAt },
  }
}

function venueRow({ venue, wanted, probe, streamMs, streamProblem }: VenueFacts): VenueRow {
  const stream = { streamMs, streamProblem: streamMs === null ? streamProblem : null }
  if (typeof probe === 'string') {
    const geoBlocked = probe === 'GEO_BLOCKED' || streamProblem === 'GEO_BLOCKED'
    const nothing = { restMs: null, skewMs: null, listed: [], notListed: [] }
    return { venue, reachable: false, geoBlocked, problem: probe, ...stream, ...nothing }
  }
  const { restMs, skewMs, listed } = probe
  return {
    ...{ venue, reachable: true, geoBlocked: streamProblem === 'GEO_BLOCKED', problem: null, ...stream },
    ...{ restMs, skewMs },
    listed: wanted.filter(pair => listed.has(pair)),
    notListed: wanted.filter(pair => !listed.has(pair)),
  }
}

/** In the order of the plan, those that said nothing included. */
function valueRows(leg: LegOutcome, status: readonly SourceStatus[], nowMs: number): ValueRow[] {
  const verdicts = new Map<string, { input: VenueValue; verdict: string }>([
    ...leg.dropped.map(({ input, reason }) => [input.venue, { input, verdict: reason }] as const),
    ...leg.kept.map(({ input }) => [input.venue, { input, verdict: 'kept' }] as const),
  ])
  return status
    .filter(({ pair }) => pair === leg.pair)
    .map(({ venue, pair, transport, ageMs }) => {
      const found = verdicts.get(venue)
      const { bid = null, ask = null, last = null, exchangeTimeMs = null } = found?.input ?? {}
      return {
        ...{ pair, venue, transport, ageMs },
        ...{ bid: decimal(bid), ask: decimal(ask), last: decimal(last) },
        exchangeAgeMs: exchangeTimeMs === null ? null : nowMs - exchangeTimeMs,
        verdict: found?.verdict ?? 'NO_VALUE',
      }
    })
}

function legRow(leg: LegOutcome, { plan }: Examination): LegRow {
  const { pair, effectiveSources: sources } = leg
  const minSources = plan.legs.find(one => one.pair === pair)?.minSources ?? 0
  if (leg.kind === 'abstain') {
    return { pair, price: null, confidenceBps: null, sources, minSources, reason: leg.reason }
  }
  return {
    ...{ pair, price: formatDecimal(leg.price), confidenceBps: leg.confidenceBps },
    ...{ sources, minSources, reason: null },
  }
}

function routeRow(route: RouteOutcome): RouteRow {
  const path = productOf(route.steps)
  if (route.kind === 'dropped') {
    return { path, price: null, confidenceBps: null, reason: `${route.reason} ${route.pair}` }
  }
  return { path, price: formatDecimal(route.price), confidenceBps: route.confidenceBps, reason: null }
}

function remarksOn(seen: Examination): string[] {
  const { venues, observation } = seen
  // When many are off by the same, it is not they who are.
  const skews = venues.flatMap(({ probe }) =>
    typeof probe === 'string' || probe.skewMs === null ? [] : [probe.skewMs],
  )
  const half = skews.toSorted((a, b) => a - b)[skews.length >> 1]
  const own =
    skews.length >= 3 && half !== undefined && Math.abs(half) > OWN_CLOCK_MS
      ? [
          `this machine's clock seems to be ${seconds(Math.abs(half))} ${half > 0 ? 'behind' : 'ahead'}: half of the venues say so`,
        ]
      : []
  const depegs = observation.outcome.depegs.map(
    ({ pair, price }) =>
      `${pair} is at ${formatDecimal(price)}, outside its band: routes through it are dropped`,
  )
  return [...own, ...venues.flatMap(venue => clockRemarks(venue, seen)), ...depegs]
}

/**
 * A clock that is off by more than the legs of its venue allow. Whether that costs a value is for the verdicts to say: the
 * streams of some venues tell no time at all.
 */
function clockRemarks({ venue, probe }: VenueFacts, { plan, observation }: Examination): string[] {
  const skewMs = typeof probe === 'string' ? null : probe.skewMs
  const legs = plan.legs.filter(({ venues }) => venues.some(({ id }) => id === venue))
  const futureMs = Math.min(...legs.map(leg => leg.futureMs))
  const exchangeStaleMs = Math.min(...legs.map(leg => leg.exchangeStaleMs))
  if (skewMs === null || (skewMs <= futureMs && skewMs >= -exchangeStaleMs)) return []
  const reason: DropReason = skewMs > 0 ? 'FUTURE' : 'STALE'
  const dropped = observation.outcome.legs
    .flatMap(leg => leg.dropped)
    .filter(
      ({ input, reason: of }) => input.venue === venue && input.exchangeTimeMs !== null && of === reason,
    )
    .map(({ input }) => input.pair)
  const isOff = `the clock of ${venue} is ${seconds(Math.abs(skewMs))} ${skewMs > 0 ? 'ahead of' : 'behind'} ours`
  return [dropped.length === 0 ? isOff : `${isOff}: dropped as ${reason}: ${dropped.join(', ')}`]
}

/** Dates of answers are cut to the second. */
const OWN_CLOCK_MS = 1_000

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}

function decimal(value: bigint | null): string | null {
  return value === null ? null : formatDecimal(value)
}
