/**
 * What the relayer has taken in for the epoch that is settled, and for the emptied ones before it: they had no bundle, so
 * what was promised for them is due now. Their challenge windows are not: their pool is in the reserve.
 */
import { compareBytes } from '../../protocol/bytes.ts'
import { lastSequence, type SignedBatch } from '../../protocol/usage/batch.ts'
import { type AcceptedHold, encodeAcceptedHold } from '../../protocol/usage/hold.ts'
import type { EpochIntake } from '../intake/intake.ts'
import { numbersOf, type OwedEpochs } from '../intake/owed-epochs.ts'

/**
 * Ascending by worker and sequence, no number twice: a worker can have signed two batches under the same numbers, and
 * after a lost disk both may have been taken, in different epochs. No auditor misses the one that is left out.
 */
export function owedBatches(intake: Pick<EpochIntake, 'batches'>, owed: OwedEpochs): SignedBatch[] {
  const sorted = numbersOf(owed)
    .flatMap(epoch => intake.batches(epoch))
    .sort(({ batch: a }, { batch: b }) =>
      a.worker === b.worker ? a.seqFrom - b.seqFrom : a.worker < b.worker ? -1 : 1,
    )
  const batches: SignedBatch[] = []
  for (const signed of sorted) {
    const before = batches.at(-1)?.batch
    const isFree = before?.worker !== signed.batch.worker || lastSequence(before) < signed.batch.seqFrom
    if (isFree) batches.push(signed)
  }
  return batches
}

/** Sorted by encoded bytes. One that ran out in an emptied epoch counts no more. */
export function owedAcceptances(intake: Pick<EpochIntake, 'acceptances'>, owed: OwedEpochs): AcceptedHold[] {
  return numbersOf(owed)
    .flatMap(epoch => intake.acceptances(epoch))
    .filter(({ hold }) => hold.expiresEpoch >= owed.to)
    .map(accepted => ({ accepted, bytes: encodeAcceptedHold(accepted) }))
    .sort((a, b) => compareBytes(a.bytes, b.bytes))
    .map(({ accepted }) => accepted)
}
