/** Aggregates one pair over its venues. */

import { compareBigints, halfInterquartileBps, lowerMedian, median } from '../statistics.ts'
import { BPS } from '../units.ts'
import { screen } from './screen.ts'
import type { DroppedValue, KeptValue, LegOutcome, LegPlan, VenueValue } from './types.ts'

/**
 * The price of one pair: median over independent groups of the median inside each.
 *
 * The band decides who counts as a source, never what the price is. An out-of-band value keeps its place in the
 * order: were it taken out, liars near the median could outvote honest values far from it. So with at most
 * ⌊(k−1)/2⌋ of k groups lying, the price lies in the range of the honest ones, whatever the spread.
 */
export function aggregateLeg(values: readonly VenueValue[], plan: LegPlan, nowMs: number): LegOutcome {
  const { usable, dropped } = screenAll(values, plan, nowMs)
  if (usable.length === 0) return abstain(plan, 'TOO_FEW_SOURCES', [], dropped)

  const voices = groupMedians(usable)
  const price = median(voices)
  const kept: KeptValue[] = []
  for (const one of usable) {
    if (isInBand(one.value, price, plan.bandBps)) kept.push(one)
    else dropped.push(drop(one.input, 'OUT_OF_BAND'))
  }

  const keptVoices = kept.length === usable.length ? voices : groupMedians(kept)
  const effectiveSources = keptVoices.length
  if (effectiveSources * 2 < voices.length) return abstain(plan, 'NO_AGREEMENT', kept, dropped)
  if (effectiveSources < plan.minSources) return abstain(plan, 'TOO_FEW_SOURCES', kept, dropped)
  return {
    kind: 'price',
    pair: plan.pair,
    price,
    confidenceBps: halfInterquartileBps(keptVoices, price),
    observedAtMs: lowerMedian(kept.map(({ input }) => input.receivedAtMs)),
    kept,
    dropped: sortDropped(dropped),
    effectiveSources,
  }
}

function abstain(
  plan: LegPlan,
  reason: 'TOO_FEW_SOURCES' | 'NO_AGREEMENT',
  kept: readonly KeptValue[],
  dropped: readonly DroppedValue[],
): LegOutcome {
  return {
    kind: 'abstain',
    pair: plan.pair,
    reason,
    kept,
    dropped: sortDropped(dropped),
    effectiveSources: groupMedians(kept).length,
    minSources: plan.minSources,
  }
}

/** One value a venue, each passed or dropped by itself, in the order of venue names. */
function screenAll(values: readonly VenueValue[], plan: LegPlan, nowMs: number) {
  const groupOf = new Map(plan.venues.map(({ id, group }) => [id, group]))
  const seen = new Set<string>()
  const usable: KeptValue[] = []
  const dropped: DroppedValue[] = []
  for (const input of [...values].sort(newestFirst)) {
    const group = input.pair === plan.pair ? groupOf.get(input.venue) : undefined
    if (group === undefined) {
      dropped.push(drop(input, 'NOT_IN_PLAN'))
      continue
    }
    if (seen.has(input.venue)) {
      dropped.push(drop(input, 'DUPLICATE'))
      continue
    }
    seen.add(input.venue)
    const verdict = screen(input, plan, nowMs)
    if (typeof verdict === 'bigint') usable.push({ input, group, value: verdict })
    else dropped.push(drop(input, verdict))
  }
  return { usable, dropped }
}

function drop(input: VenueValue, reason: DroppedValue['reason']): DroppedValue {
  return { input, reason }
}

/** The median of each group, in no particular order. */
function groupMedians(kept: readonly KeptValue[]): bigint[] {
  const groups = new Map<string, bigint[]>()
  for (const { group, value } of kept) {
    const members = groups.get(group)
    if (members === undefined) groups.set(group, [value])
    else members.push(value)
  }
  return Array.from(groups.values(), median)
}

/** Compares products, so that no rounding decides who is in. */
function isInBand(value: bigint, price: bigint, bandBps: number): boolean {
  const distance = value > price ? value - price : price - value
  return distance * BPS <= price * BigInt(bandBps)
}

/** Sorts before any number a venue can send. */
const ABSENT = -(1n << 1024n)
const FIELDS = ['bid', 'ask', 'last', 'volume'] as const

/** Total order: pair, venue, newest first, then the content, so that not even a tie depends on the order given. */
export function newestFirst(a: VenueValue, b: VenueValue): number {
  const byName = compareText(a.pair, b.pair) || compareText(a.venue, b.venue)
  if (byName !== 0) return byName
  const byTime =
    b.receivedAtMs - a.receivedAtMs ||
    (b.exchangeTimeMs ?? -1) - (a.exchangeTimeMs ?? -1) ||
    b.changedAtMs - a.changedAtMs
  if (byTime !== 0) return byTime
  for (const field of FIELDS) {
    const order = compareBigints(a[field] ?? ABSENT, b[field] ?? ABSENT)
    if (order !== 0) return order
  }
  return 0
}

/** By code unit, the same on every machine, where `localeCompare` is not. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function sortDropped(dropped: readonly DroppedValue[]): DroppedValue[] {
  return [...dropped].sort((a, b) => newestFirst(a.input, b.input))
}
