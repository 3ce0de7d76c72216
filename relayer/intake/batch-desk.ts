/** Takes batches in: exactly once by worker and sequence, with a promise to show for each. */
import type { Address } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import { admitBatch, BATCH_REFUSALS } from '../../protocol/usage/admit.ts'
import { batchIdentity, decodeSignedBatch } from '../../protocol/usage/batch.ts'
import { inclusionDigest, type SignedInclusion } from '../../protocol/usage/inclusion.ts'
import type { BatchStore } from './batch-store.ts'
import type { EpochStore } from './epoch-store.ts'

export const BATCH_DESK_REFUSALS = [...BATCH_REFUSALS, 'NO_EPOCH', 'TOO_MANY_RECORDS', 'EPOCH_FULL'] as const
/**
 * NO_EPOCH: the chain's time is in no epoch that is open. TOO_MANY_RECORDS: of one worker in this epoch. EPOCH_FULL: of
 * all workers together.
 */
export type BatchDeskRefusal = (typeof BATCH_DESK_REFUSALS)[number]

export type BatchAnswer =
  | { readonly promise: SignedInclusion; readonly repeated: boolean }
  | { readonly refused: BatchDeskRefusal }

/**
 * A bundle holds every record, and every auditor reads it: one worker may not make it larger than 36 records a second
 * of an hour do.
 */
export const MAX_WORKER_RECORDS = 131_072

/** Half of what oracle nodes copy at most, at 173 bytes a record; the rest is for what carries over. */
export const MAX_EPOCH_RECORDS = 700_000

export interface BatchDeskDeps {
  readonly domain: Domain
  readonly crypto: Pick<IdentityCrypto, 'recover'>
  readonly isWorker: (address: Address) => boolean
  readonly sign: (digest: Uint8Array) => Uint8Array
  /** The epoch that is taken into now. */
  readonly openEpoch: () => number | undefined
  readonly batches: BatchStore
  readonly epochs: EpochStore
}

export class BatchDesk {
  readonly #deps: BatchDeskDeps

  constructor(deps: BatchDeskDeps) {
    this.#deps = deps
  }

  /** Call inside a transaction, and pass the answer on once that is durable: it binds the relayer. */
  take(bytes: Uint8Array): BatchAnswer {
    const { domain, crypto, isWorker, batches, epochs, sign } = this.#deps
    const epoch = this.#deps.openEpoch()
    const decision = admitBatch(bytes, {
      domain,
      crypto,
      isWorker,
      sequenceOf: worker => batches.progressOf(worker).sequence,
    })
    if ('refused' in decision)
      return decision.refused === 'ALREADY_TAKEN' ? this.#repeated(bytes) : { refused: decision.refused }
    if (epoch === undefined) return { refused: 'NO_EPOCH' }
    const { batch } = decision.accepted
    const before = batches.progressOf(batch.worker)
    const records = batch.records.length + (before.epoch === epoch ? before.records : 0)
    if (records > MAX_WORKER_RECORDS) return { refused: 'TOO_MANY_RECORDS' }
    if (epochs.recordsOf(epoch) + batch.records.length > MAX_EPOCH_RECORDS) return { refused: 'EPOCH_FULL' }

    const receipt = { epoch, ...decision.identity }
    const promise = { receipt, signature: sign(inclusionDigest(domain, receipt)) }
    batches.add(bytes, promise)
    batches.setProgress(batch.worker, { sequence: decision.sequence, epoch, records })
    epochs.count('batches', 1)
    epochs.count('records', batch.records.length)
    epochs.countRecords(epoch, batch.records.length)
    return { promise, repeated: false }
  }

  /** The first promise stands: it says in which epoch the batch counts. */
  #repeated(bytes: Uint8Array): BatchAnswer {
    const promise = this.#deps.batches.promiseFor(batchIdentity(decodeSignedBatch(bytes).batch))
    return promise === undefined ? { refused: 'ALREADY_TAKEN' } : { promise, repeated: true }
  }
}
