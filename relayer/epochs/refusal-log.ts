/** Keeps each no of an oracle node, and says it once: a node repeats itself as long as the attempt lasts. */
import type { Logger } from '../../runtime/logger.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import type { EpochRefusal, EpochStore } from './epoch-store.ts'

export interface RefusalLogDeps {
  readonly logger: Logger
  readonly metrics: Metrics
  readonly store: Pick<EpochStore, 'record' | 'addRefusals'>
}

/** @returns what is called with each refusal as it comes */
export function createRefusalLog({
  logger,
  metrics,
  store,
}: RefusalLogDeps): (epoch: number, refusal: EpochRefusal) => void {
  const refusals = metrics.counter(
    'ionet_relayer_epoch_refusals_total',
    'Epochs that a node refused, by reason',
    ['code'],
  )
  return (epoch, refusal) => {
    const { attempt, slot, code, text } = refusal
    const known = store
      .record(epoch)
      ?.refusals.some(item => item.attempt === attempt && item.slot === slot && item.code === code)
    if (known === true) return
    store.addRefusals(epoch, [refusal])
    refusals.inc({ code })
    logger.warn('an oracle node refuses an epoch', { epoch, attempt, slot, code, text })
  }
}
