import type { SourceOutcome, SourcePlan } from '../../protocol/sources/types.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import { pegStates } from './pegs.ts'
import type { SupervisorMetrics } from './venue-supervisor.ts'

/** What sources count. Labels come from the configuration and from closed unions. */
export interface SourceMetrics extends SupervisorMetrics {
  observed(outcome: SourceOutcome): void
}

/** Registers the metrics of sources; once a registry. */
export function createSourceMetrics(
  metrics: Pick<Metrics, 'counter' | 'gauge'>,
  plan: SourcePlan,
): SourceMetrics {
  const updates = metrics.counter('ionet_source_updates_total', 'Values taken from a venue.', [
    'venue',
    'transport',
  ])
  const failures = metrics.counter(
    'ionet_source_failures_total',
    'Calls and streams of a venue that failed.',
    ['venue', 'transport', 'code'],
  )
  const recycleFailures = metrics.counter(
    'ionet_source_recycle_failures_total',
    'Times that the connection to a venue could not be made anew.',
    ['venue'],
  )
  const drops = metrics.counter('ionet_source_drops_total', 'Values that did not count in a quote.', [
    'venue',
    'pair',
    'reason',
  ])
  const abstentions = metrics.counter(
    'ionet_source_abstentions_total',
    'Times that the venues gave no price.',
    ['reason', 'pair'],
  )
  const sources = metrics.gauge('ionet_source_effective_count', 'Independent sources of a pair.', ['pair'])
  const depegged = metrics.gauge(
    'ionet_source_depegged',
    'Whether the price of a pegged pair was outside its band when the pair last had one.',
    ['pair'],
  )
  // From the start, for an alarm that finds no series says nothing.
  for (const { pair, peg } of plan.legs) if (peg !== undefined) depegged.set({ pair }, 0)
  return {
    update: (venue, transport) => updates.inc({ venue, transport }),
    failure: (venue, transport, code) => failures.inc({ venue, transport, code }),
    recycleFailed: venue => recycleFailures.inc({ venue }),
    observed: outcome => {
      for (const leg of outcome.legs) {
        sources.set({ pair: leg.pair }, leg.effectiveSources)
        for (const { input, reason } of leg.dropped) drops.inc({ venue: input.venue, pair: leg.pair, reason })
      }
      for (const { pair, isLost } of pegStates(plan, outcome)) {
        if (isLost !== null) depegged.set({ pair }, isLost ? 1 : 0)
      }
      if (outcome.kind === 'abstain') abstentions.inc({ reason: outcome.reason, pair: outcome.pair })
    },
  }
}

/** Counts nothing: for tests and tools. */
export const silentSourceMetrics: SourceMetrics = {
  update: () => {},
  failure: () => {},
  recycleFailed: () => {},
  observed: () => {},
}
