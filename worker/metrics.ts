/** What a worker counts. */
import type { Metrics } from '../runtime/metrics.ts'
import type { WindowOutcome } from './challenge/challenger.ts'
import type { BatchOutcome } from './outbox/outbox.ts'
import type { OutboxStore } from './store/outbox-store.ts'

export interface MetricSet {
  window(outcome: WindowOutcome, products: number): void
  batch(outcome: BatchOutcome): void
  inference(outcome: string): void
  hiredSeconds(seconds: number): void
  /** @param amount wei of IO */
  claimed(amount: bigint): void
}

export function createMetricSet(metrics: Metrics, outbox: Pick<OutboxStore, 'counts'>): MetricSet {
  const windows = metrics.counter('ionet_worker_windows_total', 'Challenge windows by outcome', ['outcome'])
  const products = metrics.counter('ionet_worker_products_total', 'Products committed to, by outcome', [
    'outcome',
  ])
  const batches = metrics.counter('ionet_worker_batches_total', 'Usage batches sent, by outcome', ['outcome'])
  const inferences = metrics.counter(
    'ionet_worker_inferences_total',
    'Inferences answered, and refused by code',
    ['outcome'],
  )
  const seconds = metrics.counter('ionet_worker_hired_seconds_total', 'Seconds of hire charged')
  const claimed = metrics.counter('ionet_worker_claimed_io_total', 'IO claimed')
  const backlog = metrics.gauge('ionet_worker_backlog_total', 'Batches that no relayer has promised')
  const show = (): void => backlog.set(outbox.counts().batches)
  return {
    window: (outcome, made) => {
      windows.inc({ outcome })
      products.inc({ outcome }, made)
    },
    batch: outcome => {
      batches.inc({ outcome })
      show()
    },
    inference: outcome => {
      inferences.inc({ outcome })
    },
    hiredSeconds: count => {
      seconds.inc(count)
    },
    claimed: amount => {
      // A counter is a float: for a graph, never for accounts.
      claimed.inc(Number(amount) / 1e18)
    },
  }
}
