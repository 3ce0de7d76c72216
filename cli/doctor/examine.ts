/** Looks at the venues of a plan as a node would: asks each, then takes prices for a while. Signs nothing. */
import { withDeadline } from '../../oracle-node/sources/deadline.ts'
import type { Exchange, VenueErrorCode, VenueProbe } from '../../oracle-node/sources/exchange.ts'
import { silentSourceMetrics } from '../../oracle-node/sources/metrics.ts'
import { pairsByVenue } from '../../oracle-node/sources/pairs.ts'
import type { Observation, TappedTicker } from '../../oracle-node/sources/pipeline.ts'
import { createSources, type SourceStatus } from '../../oracle-node/sources/service.ts'
import { codeOf } from '../../oracle-node/sources/venue-error.ts'
import type { SourcePlan } from '../../protocol/sources/types.ts'
import type { Clock } from '../../runtime/clock.ts'
import { silentLogger } from '../../runtime/logger.ts'

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
/** Who does not let go of a connection by then is left behind: what is to be told is known. */
const CLOSE_MS = 2_000

export async function examine(options: ExamineOptions, deps: ExamineDeps): Promise<Examination> {
  const { plan } = options
  const wanted = pairsByVenue(plan)
  const probes = await probeAll([...wanted.keys()], options.waitMs, deps)
  const looked = await takePrices(options, deps)
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

/**
 * All at once; but first their market lists, for what is large to read would be counted as a slow venue elsewhere. A list
 * that does not come leaves half of the time to the others.
 */
async function probeAll(
  venues: readonly string[],
  waitMs: number,
  { clock, createExchange }: ExamineDeps,
): Promise<Map<string, VenueProbe | VenueErrorCode>> {
  const { signal } = new AbortController()
  const endMs = clock.monotonic() + waitMs
  const asked = await Promise.all(
    venues.map(async venue => {
      const exchange = createExchange(venue)
      const opened = await withDeadline(exchange.loadMarkets(), waitMs / 2, clock, signal).then(
        () => undefined,
        codeOf,
      )
      return { venue, exchange, opened }
    }),
  )
  const leftMs = endMs - clock.monotonic()
  const probes = await Promise.all(
    asked.map(async ({ venue, exchange, opened }) => {
      const probe = opened ?? (await withDeadline(exchange.probe(), leftMs, clock, signal).catch(codeOf))
      await withDeadline(exchange.close(), CLOSE_MS, clock, signal).catch(() => {})
      return [venue, probe] as const
    }),
  )
  return new Map(probes)
}

/** Runs the sources of a node until all that can be had is there, or the time is over. */
async function takePrices({ plan, waitMs }: ExamineOptions, { clock, createExchange, random }: ExamineDeps) {
  const firstPushMs = new Map<string, number>()
  const streamProblems = new Map<string, VenueErrorCode | 'BAD_TICKER'>()
  const startedMs = clock.monotonic()
  const elapsedMs = (): number => Math.round(clock.monotonic() - startedMs)
  const tap = {
    ticker: (entry: TappedTicker): void => {
      if (entry.transport === 'websocket' && !firstPushMs.has(entry.venue))
        firstPushMs.set(entry.venue, elapsedMs())
    },
  }
  /** Venues that refuse this country altogether: where only the stream does, REST may still answer. */
  const blocked = new Set<string>()
  const metrics = {
    ...silentSourceMetrics,
    failure: (venue: string, transport: string, code: VenueErrorCode | 'BAD_TICKER'): void => {
      if (transport === 'rest' && code === 'GEO_BLOCKED') blocked.add(venue)
      // One pair that is not listed says nothing about the stream of the others.
      if (transport === 'websocket' && code !== 'NOT_LISTED') streamProblems.set(venue, code)
    },
  }
  const sources = createSources(
    { plan },
    { clock, logger: silentLogger, metrics, createExchange, random, tap },
  )
  // Whoever failed may do better the next time, and a node would try again; but a list does not change while one looks.
  const isHopeless = ({ venue, state }: SourceStatus): boolean =>
    state === 'not-listed' || (state === 'geo-blocked' && blocked.has(venue))
  const isHere = ({ transport }: SourceStatus): boolean =>
    transport === 'websocket' || (transport === 'rest' && elapsedMs() >= STREAM_PATIENCE_MS)
  const isComplete = (): boolean =>
    sources.status(clock.now()).every(status => isHere(status) || isHopeless(status))
  await sources.start(new AbortController().signal)
  try {
    while (elapsedMs() < waitMs && !isComplete()) await clock.sleep(LOOK_MS)
    const nowMs = clock.now()
    return {
      nowMs,
      observation: sources.observe(nowMs),
      status: sources.status(nowMs),
      firstPushMs,
      streamProblems,
    }
  } finally {
    await withDeadline(sources.stop(), CLOSE_MS, clock, new AbortController().signal).catch(() => {})
  }
}
