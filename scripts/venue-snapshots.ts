/**
 * Replays recorded venue quotes through the source rules and compares with what production signers published at the
 * same moment: `node scripts/venue-snapshots.ts [FILE]`. Exit 1 when a bound is exceeded.
 */
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { aggregateLeg } from '../protocol/sources/leg.ts'
import type { LegPlan, VenueValue } from '../protocol/sources/types.ts'
import { median } from '../protocol/statistics.ts'
import { formatDecimal, parseDecimal } from '../protocol/units.ts'

/** Recorded data lies beside the checkout, not in it. */
export const DEFAULT_FILE = resolve(import.meta.dirname, '../../shared/data/venue-snapshots.json')

/** How far from the published median we may be, plain and with any two venues moved. */
export const PLAIN_BOUND_BPS = 10
export const MOVED_BOUND_BPS = 20

const MOVED_PERCENT = [135n, 65n] as const

const number = z.number().optional()
const snapshotsSchema = z.object({
  assets: z
    .array(
      z.object({
        asset: z.string(),
        timestampMs: z.number(),
        publishedUsdBySigner: z.array(z.number()).min(1),
        venues: z.record(
          z.string(),
          z.object({ lastUsd: number, bidUsd: number, askUsd: number, volume24hUsd: number }),
        ),
      }),
    )
    .min(1),
})
type Snapshot = z.infer<typeof snapshotsSchema>['assets'][number]

/** One asset's line. Distances are in basis points; infinite where the rules abstain. */
export interface SnapshotResult {
  readonly asset: string
  readonly venues: number
  readonly kept: number
  readonly dropped: readonly string[]
  readonly price: bigint | null
  readonly published: bigint
  readonly bps: number
  /** The largest distance with any two venues moved by ±35%, each of the four ways. */
  readonly worstBps: number
}

/** @returns null when there is no such file */
export function evaluateFile(file: string): SnapshotResult[] | null {
  if (!existsSync(file)) return null
  return snapshotsSchema.parse(JSON.parse(readFileSync(file, 'utf8'))).assets.map(evaluate)
}

export function isWithinBounds({ bps, worstBps }: SnapshotResult): boolean {
  return bps <= PLAIN_BOUND_BPS && worstBps <= MOVED_BOUND_BPS
}

function evaluate(snapshot: Snapshot): SnapshotResult {
  const plan = planOf(snapshot)
  const values = valuesOf(snapshot)
  const published = median(snapshot.publishedUsdBySigner.map(toFixed))
  const distance = (moved: readonly VenueValue[]): number => {
    const outcome = aggregateLeg(moved, plan, snapshot.timestampMs)
    return outcome.kind === 'price' ? distanceInBps(outcome.price, published) : Number.POSITIVE_INFINITY
  }
  const outcome = aggregateLeg(values, plan, snapshot.timestampMs)
  return {
    asset: snapshot.asset,
    venues: values.length,
    kept: outcome.kept.length,
    dropped: outcome.dropped.map(({ input, reason }) => `${input.venue} ${reason}`),
    price: outcome.kind === 'price' ? outcome.price : null,
    published,
    bps: distance(values),
    worstBps: worst(pairsMoved(values), distance),
  }
}

function worst(
  cases: Iterable<readonly VenueValue[]>,
  distance: (values: readonly VenueValue[]) => number,
): number {
  let worstBps = 0
  for (const values of cases) worstBps = Math.max(worstBps, distance(values))
  return worstBps
}

/** Every two venues, each moved up or down. */
function* pairsMoved(values: readonly VenueValue[]): Generator<VenueValue[]> {
  for (let first = 0; first < values.length; first++) {
    for (let second = first + 1; second < values.length; second++) {
      for (const one of MOVED_PERCENT) {
        for (const other of MOVED_PERCENT) {
          yield values.map((value, i) =>
            i === first ? moveBy(value, one) : i === second ? moveBy(value, other) : value,
          )
        }
      }
    }
  }
}

function moveBy(value: VenueValue, percent: bigint): VenueValue {
  const move = (price: bigint | null) => (price === null ? null : (price * percent) / 100n)
  return { ...value, bid: move(value.bid), ask: move(value.ask), last: move(value.last) }
}

/** The rules as our networks have them; one exchange's books in two currencies are one source. */
function planOf({ asset, venues }: Snapshot): LegPlan {
  return {
    pair: `${asset}/USD`,
    venues: Object.keys(venues).map(id => ({ id, group: id.replace(/-.*$/, '') })),
    minSources: 3,
    staleMs: 10_000,
    exchangeStaleMs: 60_000,
    futureMs: 2_000,
    bandBps: 2_000,
    crossedBps: 50,
  }
}

function valuesOf({ asset, timestampMs, venues }: Snapshot): VenueValue[] {
  return Object.entries(venues).map(([venue, quote]) => ({
    venue,
    pair: `${asset}/USD`,
    bid: toFixedOrNull(quote.bidUsd),
    ask: toFixedOrNull(quote.askUsd),
    last: toFixedOrNull(quote.lastUsd),
    volume: toFixedOrNull(quote.volume24hUsd),
    exchangeTimeMs: null,
    receivedAtMs: timestampMs,
    changedAtMs: timestampMs,
  }))
}

/** A JSON number stands for its shortest round-trip decimal of at most 15 digits. */
function toFixed(value: number): bigint {
  return parseDecimal(String(Number(value.toPrecision(15))))
}

function toFixedOrNull(value: number | undefined): bigint | null {
  return value === undefined ? null : toFixed(value)
}

/** For reading, to a hundredth of a basis point, rounded up. */
function distanceInBps(price: bigint, published: bigint): number {
  const difference = price > published ? price - published : published - price
  return Math.ceil(Number((difference * 1_000_000_000n) / published) / 1_000) / 100
}

function table(results: readonly SnapshotResult[]): string {
  const head = ['asset', 'venues', 'kept', 'ours', 'published', 'bps', 'worst bps, two moved ±35%', 'dropped']
  const rows = results.map(r => [
    r.asset,
    String(r.venues),
    String(r.kept),
    r.price === null ? 'none' : formatDecimal(r.price).slice(0, 18),
    formatDecimal(r.published).slice(0, 18),
    r.bps.toFixed(2),
    r.worstBps.toFixed(2),
    r.dropped.join(', '),
  ])
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map(row => row[i]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd()
  return [head, ...rows].map(line).join('\n')
}

function main(file: string): number {
  const results = evaluateFile(file)
  if (results === null) {
    console.log(`${file} is not there: nothing to compare with.`)
    return 0
  }
  console.log(table(results))
  const plainBps = Math.max(...results.map(r => r.bps))
  const worstBps = Math.max(...results.map(r => r.worstBps))
  console.log(
    `\n${results.length} assets: at most ${plainBps.toFixed(2)} bps from the published median (bound ${PLAIN_BOUND_BPS}), ` +
      `${worstBps.toFixed(2)} with any two venues moved by ±35% (bound ${MOVED_BOUND_BPS}).`,
  )
  const beyond = results.filter(result => !isWithinBounds(result)).map(({ asset }) => asset)
  if (beyond.length > 0) console.error(`Out of bounds: ${beyond.join(', ')}`)
  return beyond.length > 0 ? 1 : 0
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = main(process.argv[2] ?? DEFAULT_FILE)
}
