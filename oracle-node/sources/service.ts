import type { SourceOutcome, SourcePlan } from '../../protocol/sources/types.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Service } from '../../runtime/service.ts'
import { abstentionLog } from './abstention-log.ts'
import type { Transport } from './board.ts'
import { reportDiscovery } from './discovery.ts'
import type { Exchange } from './exchange.ts'
import type { SourceMetrics } from './metrics.ts'
import { pairsByVenue } from './pairs.ts'
import { pegLog } from './pegs.ts'
import { createPipeline, type Observation, type SourcePipeline, type Tap } from './pipeline.ts'
import { DEFAULT_TIMING, type SourceTiming } from './timing.ts'
import { MARKET_LIST_TURNS, Turns } from './turns.ts'
import type { VenueState } from './venue-state.ts'
import { VenueSupervisor } from './venue-supervisor.ts'

/** How one pair of one venue is doing. */
export interface SourceStatus {
  readonly venue: string
  readonly pair: string
  /** How the latest value came; null before the first. */
  readonly transport: Transport | null
  readonly ageMs: number | null
  readonly state: VenueState
}

export interface Sources extends Service {
  /**
   * Aggregates what is known now; counts what is dropped and says when the node begins or ceases to abstain, and when
   * a coin loses its peg or has it back. Never waits: a venue that hangs delays nothing.
   */
  observe(nowMs: number): Observation
  /** The same for who only looks: nothing is counted, and nothing said. */
  outcome(nowMs: number): SourceOutcome
  /** For health and the page, in the order of the plan. */
  status(nowMs: number): SourceStatus[]
}

export interface SourcesOptions {
  readonly plan: SourcePlan
  readonly timing?: SourceTiming
}

export interface SourcesDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: SourceMetrics
  /** Makes the exchange of a venue of the plan, without I/O. */
  readonly createExchange: (venue: string) => Exchange
  /** In [0, 1); spreads retries. */
  readonly random: () => number
  /** Default: nobody looks. */
  readonly tap?: Tap
}

/** One supervisor a venue, one board for all. */
export function createSources(options: SourcesOptions, deps: SourcesDeps): Sources {
  const { plan, timing = DEFAULT_TIMING } = options
  const pipeline = createPipeline(plan)
  const turns = new Turns(MARKET_LIST_TURNS, deps.clock)
  const supervisors = new Map(
    [...pairsByVenue(plan)].map(([venue, pairs]) => [
      venue,
      new VenueSupervisor(
        { venue, pairs, timing },
        { ...deps, turns, pipeline, createExchange: () => deps.createExchange(venue) },
      ),
    ]),
  )
  let abort = new AbortController()
  let reporting: Promise<void> | undefined
  const sayAbstaining = abstentionLog(deps)
  const sayDepegged = pegLog(plan, deps.logger)

  return {
    name: 'sources',
    start: async () => {
      await Promise.all([...supervisors.values()].map(supervisor => supervisor.start()))
      if (reporting !== undefined) return
      abort = new AbortController()
      reporting = reportDiscovery([...supervisors.values()], deps, abort.signal)
    },
    stop: async () => {
      abort.abort()
      await Promise.all([reporting, ...[...supervisors.values()].map(supervisor => supervisor.stop())])
      reporting = undefined
    },
    observe: nowMs => {
      const observation = pipeline.observe(nowMs)
      deps.metrics.observed(observation.outcome)
      sayDepegged(observation.outcome)
      sayAbstaining(observation.outcome)
      return observation
    },
    outcome: nowMs => pipeline.outcome(nowMs),
    status: nowMs =>
      plan.legs.flatMap(({ pair, venues }) =>
        venues.map(({ id }) => ({
          ...statusOf(pipeline, id, pair, nowMs),
          state: supervisors.get(id)?.state(pair) ?? 'starting',
        })),
      ),
  }
}

function statusOf(
  pipeline: SourcePipeline,
  venue: string,
  pair: string,
  nowMs: number,
): Omit<SourceStatus, 'state'> {
  const posted = pipeline.latest(venue, pair)
  return {
    venue,
    pair,
    transport: posted?.transport ?? null,
    ageMs: posted === undefined ? null : nowMs - posted.value.receivedAtMs,
  }
}
