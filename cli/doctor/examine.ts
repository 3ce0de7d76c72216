/** Looks at the venues of a plan as a node would: asks each, then takes prices for a while. Signs nothing. */
import { withDeadline } from '../../oracle-node/sources/deadline.ts'
import type { Exchange, VenueErrorCode, VenueProbe } from '../../oracle-node/sources/exchange.ts'
import { silentSourceMetrics } from '../../oracle-node/sources/metrics.ts'
import type { Observation, TappedTicker } from '../../oracle-node/sources/pipeline.ts'
import { createSources, type SourceStatus } from '../../oracle-node/sources/service.ts'
import type { SourcePlan } from '../../protocol/sources/types.ts'
import type { Clock } from '../../runtime/clock.ts'
import { silentLogger } from '../../runtime/logger.ts'
import { type LookAlikes, LookAlikeWatch } from './look-alikes.ts'

export interface VenueFacts {
  readonly venue: string
  /** Pairs that the plan has of it. */
  readonly wanted: readonly string[]
  /** What it answered, or why it did not. */
  readonly probe: VenueProbe | VenueErrorCode
  /** From the start until its first update was pushed; null when none was. */
  readonly streamMs: number | null
  /** What last went wrong with its stream. */
  readonly streamProblem: VenueErrorCode | 'BAD_TICKER' | null
}

export interface Examination {
  readonly plan: SourcePlan
  readonly venues: readonly VenueFacts[]
  readonly nowMs: number
  readonly observation: Observation
  readonly status: readonly SourceStatus[]
  readonly lookAlikes: readonly LookAlikes[]
}

export interface ExamineOptions {
  readonly plan: SourcePlan
  /** How long venues may take to answer, and again to give prices. */
  readonly waitMs: number
}

export interface ExamineDeps {
  readonly clock: Clock
  readonly createExchange: (venue: string) => Exchange
  readonly random: () => number
}

/** Venues that push only trades are quiet for seconds; who pushed nothing after this is left to REST. */
const STREAM_PATIENCE_MS = 5_000
const LOOK_MS = 50

export async function examine(options: ExamineOptions, deps: ExamineDeps): Promise<Examination> {
  const { plan } = options
  const wanted = wantedOf(plan)
  const probes = await probeAll([...wanted.keys()], options.waitMs, deps)
  const isListed = (venue: string, pair: string): boolean => {
    const probe = probes.get(venue)
    return typeof probe === 'object' && probe.listed.has(pair)
  }
  const looked = await takePrices(options, deps, isListed)
  return {
    plan,
    ...looked,
    venues: [...wanted].map(([venue, pairs]) => ({
      venue,
      wanted: pairs,
      probe: probes.get(venue) ?? 'NETWORK',
      streamMs: looked.firstPushMs.get(venue) ?? null,
      streamProblem: looked.streamProblems.get(venue) ?? null,
    })),
  }
}

function wantedOf(plan: SourcePlan): Map<string, string[]> {
  const wanted = new Map<string, string[]>()
  for (const { pair, venues } of plan.legs) {
    for (const { id } of venues) wanted.set(id, [...(wanted.get(id) ?? []), pair])
  }
  return wanted
}

/** All at once; but first their market lists, for what is large to read would be counted as a slow venue elsewhere. */
async function probeAll(
  venues: readonly string[],
  waitMs: number,
  { clock, createExchange }: ExamineDeps,
): Promise<Map<string, VenueProbe | VenueErrorCode>> {
  const { signal } = new AbortController()
  const asked = await Promise.all(
    venues.map(async venue => {
      const exchange = createExchange(venue)
      const opened = await withDeadline(exchange.loadMarkets(), waitMs, clock, signal).then(
        () => undefined,
        codeOf,
      )
      return { venue, exchange, opened }
    }),
  )
  const probes = await Promise.all(
    asked.map(async ({ venue, exchange, opened }) => {
      const probe = opened ?? (await withDeadline(exchange.probe(), waitMs, clock, signal).catch(codeOf))
      await exchange.close().catch(() => {})
      return [venue, probe] as const
    }),
  )
  return new Map(probes)
}

/** Runs the sources of a node until all that can be had is there, or the time is over. */
async function takePrices(
  { plan, waitMs }: ExamineOptions,
  { clock, createExchange, random }: ExamineDeps,
  isListed: (venue: string, pair: string) => boolean,
) {
  const lookAlikes = new LookAlikeWatch()
  const firstPushMs = new Map<string, number>()
  const streamProblems = new Map<string, VenueErrorCode | 'BAD_TICKER'>()
  const startedMs = clock.monotonic()
  const elapsedMs = (): number => Math.round(clock.monotonic() - startedMs)
  const tap = {
    ticker: (entry: TappedTicker): void => {
      lookAlikes.ticker(entry)
      if (entry.transport === 'websocket' && !firstPushMs.has(entry.venue))
        firstPushMs.set(entry.venue, elapsedMs())
    },
  }
  const metrics = {
    ...silentSourceMetrics,
    failure: (venue: string, transport: string, code: VenueErrorCode | 'BAD_TICKER'): void => {
      // One pair that is not listed says nothing about the stream of the others.
      if (transport === 'websocket' && code !== 'NOT_LISTED') streamProblems.set(venue, code)
    },
  }
  const sources = createSources(
    { plan },
    { clock, logger: silentLogger, metrics, createExchange, random, tap },
  )
  const isComplete = (): boolean =>
    sources
      .status(clock.now())
      .filter(({ venue, pair }) => isListed(venue, pair))
      .every(
        ({ transport }) =>
          transport === 'websocket' || (transport === 'rest' && elapsedMs() >= STREAM_PATIENCE_MS),
      )
  await sources.start(new AbortController().signal)
  try {
    while (elapsedMs() < waitMs && !isComplete()) await clock.sleep(LOOK_MS)
    const nowMs = clock.now()
    return {
      nowMs,
      observation: sources.observe(nowMs),
      status: sources.status(nowMs),
      lookAlikes: lookAlikes.found(),
      firstPushMs,
      streamProblems,
    }
  } finally {
    await sources.stop()
  }
}

const CODES: ReadonlySet<string> = new Set<VenueErrorCode>([
  'NETWORK',
  'TIMEOUT',
  'RATE_LIMITED',
  'GEO_BLOCKED',
  'NOT_LISTED',
  'BAD_ANSWER',
])

function codeOf(error: unknown): VenueErrorCode {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && CODES.has(code) ? (code as VenueErrorCode) : 'NETWORK'
}
