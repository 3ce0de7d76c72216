/**
 * The other door to a sealed epoch: what oracle nodes were shown for it, and this relayer lacks, because another relayer
 * promised it or because a disk was lost. Nodes refuse the epoch without it. Never open to the public: what comes here
 * bears a promise for this very epoch, or for an emptied one whose usage goes into it.
 */
import type { Address } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import {
  batchName,
  checkPromised,
  FreeNumbers,
  type PromisedBatch,
  type PromiseRefusal,
} from '../../protocol/epoch/promised-batch.ts'
import type { WorkerSequence } from '../../protocol/epoch/state.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import { encodeSignedBatch } from '../../protocol/usage/batch.ts'
import type { SignedReceipt } from '../../protocol/usage/receipt.ts'
import { takeSequence } from '../../protocol/usage/sequence.ts'
import type { BatchStore } from './batch-store.ts'
import type { EpochStore } from './epoch-store.ts'
import { numbersOf, type OwedEpochs } from './owed-epochs.ts'
import type { ReceiptDesk } from './receipt-desk.ts'

/**
 * OTHER_EPOCH: promised for another. CONTRADICTS: its numbers were settled before, or are those of another batch of the
 * epoch; no auditor misses it.
 */
export type AdoptionRefusal = PromiseRefusal | 'OTHER_EPOCH' | 'CONTRADICTS'

export type AdoptionAnswer =
  /** On disk, and in the epoch. */
  | { readonly adopted: string }
  /** It was in already. */
  | { readonly known: string }
  | { readonly refused: AdoptionRefusal; readonly name: string }

/** Of one bundle, while its next attempt is made. */
export interface Adoption {
  /** Durable when it returns; answers in the order of the question. */
  batches(promised: readonly PromisedBatch[]): AdoptionAnswer[]
  /** After the batches: which receipts are needed follows from what they state. @returns how many were kept */
  receipts(shown: readonly SignedReceipt[]): number
}

export interface AdoptionDeps {
  readonly domain: Domain
  readonly crypto: Pick<IdentityCrypto, 'recover'>
  readonly isWorker: (address: Address) => boolean
  readonly isRelayer: (address: Address) => boolean
  readonly batches: BatchStore
  readonly epochs: EpochStore
  readonly receiptDesk: Pick<ReceiptDesk, 'adopt'>
  readonly inTransaction: <T>(work: () => T) => T
}

/**
 * @param opening the sequences that the last epoch with a bundle left
 * @throws {RangeError} when the last one is not sealed: there the public door is open
 */
export function openAdoption(
  owed: OwedEpochs,
  opening: readonly WorkerSequence[],
  deps: AdoptionDeps,
): Adoption {
  const { batches, epochs } = deps
  if (owed.to > epochs.sealedThrough()) throw new RangeError(`epoch ${owed.to} is still taken into`)
  const names = new Set<string>()
  const free = new FreeNumbers(opening)
  for (const identity of numbersOf(owed).flatMap(epoch => batches.identitiesOf(epoch))) {
    names.add(batchName(identity))
    free.note(identity)
  }

  const adopt = (promised: PromisedBatch): AdoptionAnswer => {
    const { receipt } = promised.inclusion
    const name = batchName(receipt)
    if (names.has(name)) return { known: name }
    if (receipt.epoch < owed.from || receipt.epoch > owed.to) return { refused: 'OTHER_EPOCH', name }
    // Cheaper than what checks the promise, and no promise makes it true.
    if (!free.admits(receipt)) return { refused: 'CONTRADICTS', name }
    const checked = checkPromised(promised, deps)
    if ('refused' in checked) return { refused: checked.refused, name }
    free.take(receipt)
    names.add(name)
    batches.add(encodeSignedBatch(promised.batch), promised.inclusion)
    noteProgress(promised)
    const records = promised.batch.batch.records.length
    epochs.count('batches', 1)
    epochs.count('records', records)
    epochs.countRecords(receipt.epoch, records)
    return { adopted: name }
  }

  /** Where a later epoch has taken these numbers, it loses them once this one is settled. */
  const noteProgress = ({ inclusion: { receipt } }: PromisedBatch): void => {
    const before = batches.progressOf(receipt.worker)
    const decision = takeSequence(before.sequence, { from: receipt.seqFrom, to: receipt.seqTo })
    if ('taken' in decision) batches.setProgress(receipt.worker, { ...before, sequence: decision.taken })
  }

  return {
    batches: promised => deps.inTransaction(() => promised.map(adopt)),
    receipts: shown => deps.inTransaction(() => deps.receiptDesk.adopt(shown, owed)),
  }
}
