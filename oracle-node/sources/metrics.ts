import type { SourceOutcome } from '../../protocol/sources/types.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import type { SupervisorMetrics } from './venue-supervisor.ts'

/** What sources count. Labels come from the configuration and from closed unions. */
export interface SourceMetrics extends SupervisorMetrics {
  observed(outcome: SourceOutcome): void
}

/** Registers the metrics of sources; once a registry. */
export function createSourceMetrics(metrics: Pick<Metrics, 'counter' | 'gauge'>): SourceMetrics {
  const updates = metrics.counter('ionet_source_updates_total', 'Values taken from a venue.', [
    'venue',
    'transport',
  ])
  const failures = metrics.counter(
    'ionet_source_failures_total',
    'Calls and streams of a venue that failed.',
    ['venue', 'transport', 'code'],
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
  return {
    update: (venue, transport) => updates.inc({ venue, transport }),
    failure: (venue, transport, code) => failures.inc({ venue, transport, code }),
    observed: outcome => {
      for (const leg of outcome.legs) {
        sources.set({ pair: leg.pair }, leg.effectiveSources)
        for (const { input, reason } of leg.dropped) drops.inc({ venue: input.venue, pair: leg.pair, reason })
      }
      if (outcome.kind === 'abstain') abstentions.inc({ reason: outcome.reason, pair: outcome.pair })
    },
  }
}

/** Counts nothing: for tests and tools. */
export const silentSourceMetrics: SourceMetrics = {
  update: () => {},
  failure: () => {},
  observed: () => {},
}
