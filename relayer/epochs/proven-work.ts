/** What workers' devices proved in an epoch: the availability records that weigh. */
import type { Address } from '../../protocol/bytes.ts'
import type { EpochBundle } from '../../protocol/epoch/bundle.ts'
import type { EpochOutcome } from '../../protocol/epoch/compute.ts'
import { AVAILABILITY_KIND } from '../../protocol/usage/record.ts'

export interface ProvenWork {
  readonly devices: number
  readonly products: number
}

export function provenWorkOf(bundle: EpochBundle, outcome: EpochOutcome): ReadonlyMap<Address, ProvenWork> {
  const refused = new Set(outcome.refused.map(({ worker, sequence }) => `${worker} ${sequence}`))
  const devices = new Map<Address, Set<string>>()
  const products = new Map<Address, number>()
  for (const { batch } of bundle.batches) {
    batch.records.forEach((record, index) => {
      if (record.kind !== AVAILABILITY_KIND) return
      if (refused.has(`${batch.worker} ${batch.seqFrom + index}`)) return
      const known = devices.get(batch.worker) ?? new Set()
      devices.set(batch.worker, known.add(record.device))
      products.set(batch.worker, (products.get(batch.worker) ?? 0) + record.products)
    })
  }
  return new Map(
    [...devices].map(([worker, { size }]) => [
      worker,
      { devices: size, products: products.get(worker) ?? 0 },
    ]),
  )
}
