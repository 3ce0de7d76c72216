/** What an epoch came to, in figures for people: wei as decimal strings. */
import type { EpochBundle } from '../../protocol/epoch/bundle.ts'
import type { EpochOutcome } from '../../protocol/epoch/compute.ts'
import { formatDecimal } from '../../protocol/units.ts'
import { AVAILABILITY_KIND } from '../../protocol/usage/record.ts'
import { WORK_KIND } from '../../protocol/usage/wire.ts'

export interface EpochFigures {
  readonly bundleBytes: number
  /** USD, decimal; null when no price of the epoch was certified. */
  readonly priceUsd: string | null
  readonly recordsAccepted: number
  /** Work records that count, and availability records that weigh. */
  readonly recordsCounted: number
  /** Inference records that count. */
  readonly inferencesPaid: number
  /** Workers with at least one batch in the epoch. */
  readonly workers: number
  readonly scheduledWei: string
  readonly netWei: string
  readonly releasedWei: string
  readonly hiredPaidWei: string
  readonly availabilityPaidWei: string
  readonly debitIoWei: string
  readonly debitIosdWei: string
  /** In the reserve after the epoch. */
  readonly reserveWei: string
}

export function figuresOf(bundle: EpochBundle, outcome: EpochOutcome, bundleBytes: number): EpochFigures {
  const { allocation, usage, price } = outcome
  const lost = new Set(
    outcome.refused
      // Counts, up to what the hold had left.
      .filter(({ reason }) => reason !== 'ABOVE_HOLD')
      .map(({ worker, sequence }) => `${worker} ${sequence}`),
  )
  let [accepted, availability, inferences] = [0, 0, 0]
  for (const { batch } of bundle.batches) {
    batch.records.forEach((record, index) => {
      accepted++
      if (lost.has(`${batch.worker} ${batch.seqFrom + index}`)) return
      if (record.kind === AVAILABILITY_KIND) availability++
      if (record.kind === WORK_KIND.inference) inferences++
    })
  }
  return {
    bundleBytes,
    priceUsd: price === undefined ? null : formatDecimal(price),
    recordsAccepted: accepted,
    recordsCounted: outcome.counted + availability,
    inferencesPaid: inferences,
    workers: new Set(bundle.batches.map(({ batch }) => batch.worker)).size,
    scheduledWei: String(allocation.pool.scheduled),
    netWei: String(allocation.pool.net),
    releasedWei: String(allocation.pool.released),
    hiredPaidWei: String(allocation.hiredPaid),
    availabilityPaidWei: String(allocation.availabilityPaid),
    debitIoWei: String(usage.debitIo),
    debitIosdWei: String(usage.debitIosd),
    reserveWei: String(allocation.reserveAfter),
  }
}
