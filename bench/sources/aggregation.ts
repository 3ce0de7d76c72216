/** Aggregations a second, over one pair with as many independent venues as asked. */
import { aggregateSources } from '../../protocol/sources/aggregate.ts'
import { sourcesRoot } from '../../protocol/sources/commitment.ts'
import type { SourceOutcome, SourcePlan, VenueValue } from '../../protocol/sources/types.ts'
import { parseDecimal } from '../../protocol/units.ts'
import { median } from '../percentile.ts'
import { type NaiveTicker, naiveFigure } from './naive.ts'

export interface AggregationRates {
  readonly size: number
  /** `aggregateSources`: screened, grouped, with a reason for each value that is dropped. */
  readonly perSec: number
  /** The same, and the root over the values. */
  readonly withRootPerSec: number
  readonly naivePerSec: number
}

const NOW_MS = 1_760_000_000_000
const WARM_UP_MS = 150
const BATCH_MS = 100
/** The median of these: one pause of the machine must not be the figure. */
const BATCHES = 7

export function measureAggregation(size: number): AggregationRates {
  const plan = planOf(size)
  const tickers = Array.from({ length: size }, (_, place) => tickerOf(place))
  const values = tickers.map(asValue)
  // Both sides have read their strings before.
  const floats: NaiveTicker[] = tickers.map(({ bid, ask, last }) => ({
    bid: Number(bid),
    ask: Number(ask),
    last: Number(last),
  }))
  expectPrice(aggregateSources(values, plan, NOW_MS), size)
  // What is added up is looked at in the end, so that none of it is optimised away.
  let seen = 0
  const rates = {
    size,
    perSec: rateOf(() => {
      seen += aggregateSources(values, plan, NOW_MS).legs.length
    }),
    withRootPerSec: rateOf(() => {
      // As a board gives them: every value has come anew.
      const fresh = values.map(value => ({ ...value }))
      seen += sourcesRoot(aggregateSources(fresh, plan, NOW_MS)).length
    }),
    naivePerSec: rateOf(() => {
      seen += naiveFigure(floats)
    }),
  }
  if (seen === 0) throw new Error('nothing was measured')
  return rates
}

/** A benchmark of abstaining would be fast, and worth nothing. */
function expectPrice(outcome: SourceOutcome, size: number): void {
  if (outcome.kind === 'abstain' || outcome.effectiveSources !== size) {
    throw new Error(`the values of ${size} venues do not all count`)
  }
}

function rateOf(work: () => void): number {
  timesWithin(work, WARM_UP_MS)
  return median(Array.from({ length: BATCHES }, () => timesWithin(work, BATCH_MS)))
}

/** How often a second it can be done. */
function timesWithin(work: () => void, ms: number): number {
  const startedAt = performance.now()
  let times = 0
  let elapsedMs = 0
  do {
    work()
    times += 1
    elapsedMs = performance.now() - startedAt
  } while (elapsedMs < ms)
  return (times * 1_000) / elapsedMs
}

function planOf(size: number): SourcePlan {
  const venues = Array.from({ length: size }, (_, place) => ({ id: nameOf(place), group: nameOf(place) }))
  const leg = {
    ...{ pair: 'IO/USD', venues, minSources: 3 },
    ...{ staleMs: 10_000, exchangeStaleMs: 60_000, futureMs: 2_000, bandBps: 2_000, crossedBps: 50 },
  }
  return { feed: 'IO/USD', legs: [leg], routes: [['IO/USD']] }
}

function nameOf(place: number): string {
  return `venue-${place}`
}

interface TextTicker {
  readonly venue: string
  readonly bid: string
  readonly ask: string
  readonly last: string
}

/** Within a percent of one another, in no order. */
function tickerOf(place: number): TextTicker {
  const cents = String((place * 7_919) % 1_000).padStart(3, '0')
  return { venue: nameOf(place), bid: `2.50${cents}`, ask: `2.51${cents}`, last: `2.505${cents}` }
}

function asValue({ venue, bid, ask, last }: TextTicker): VenueValue {
  return {
    ...{ venue, pair: 'IO/USD' },
    ...{
      bid: parseDecimal(bid),
      ask: parseDecimal(ask),
      last: parseDecimal(last),
      volume: parseDecimal('1000'),
    },
    ...{ exchangeTimeMs: NOW_MS - 200, receivedAtMs: NOW_MS - 100, changedAtMs: NOW_MS - 100 },
  }
}
