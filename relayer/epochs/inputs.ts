/** Puts together what an epoch is computed from. Lists come out in the order of their encoded bytes. */

import type { EpochFacts } from '../../chain/settlement/types.ts'
import { compareBytes, type Hash, type Hex } from '../../protocol/bytes.ts'
import type { CertifiedReport } from '../../protocol/certificate.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { ChallengeResult, WindowRoot } from '../../protocol/epoch/availability.ts'
import type { EpochInputs } from '../../protocol/epoch/bundle.ts'
import { encodeModel } from '../../protocol/epoch/bundle-items.ts'
import type { DebitLine, RewardLine } from '../../protocol/epoch/ledger.ts'
import { type Model, modelKey } from '../../protocol/epoch/settle-usage.ts'
import type { UsageState } from '../../protocol/epoch/state.ts'
import type { SignedBatch } from '../../protocol/usage/batch.ts'
import type { AcceptedHold } from '../../protocol/usage/hold.ts'
import { channelKey, encodeSignedReceipt, type SignedReceipt } from '../../protocol/usage/receipt.ts'
import { AVAILABILITY_KIND, channelOf, type WorkRecord } from '../../protocol/usage/record.ts'
import { WORK_KIND } from '../../protocol/usage/wire.ts'

/** What the epoch before left. */
export interface Opening {
  readonly closing: UsageState
  readonly rewards: readonly RewardLine[]
  readonly debits: readonly DebitLine[]
}

/** What the relayer has taken in for an epoch. */
export interface TakenIn {
  readonly batches: readonly SignedBatch[]
  readonly acceptances: readonly AcceptedHold[]
  readonly windows: readonly WindowRoot[]
  readonly results: readonly ChallengeResult[]
}

export interface InputParts {
  readonly domain: Domain
  readonly facts: EpochFacts
  /** Wei of IO in the reserve before the epoch. */
  readonly reserve: bigint
  readonly opening: Opening
  readonly price: CertifiedReport | undefined
  readonly takenIn: TakenIn
  /** Of {@link chargedChannels}. */
  readonly receipts: readonly SignedReceipt[]
  /** Of {@link modelsNamed}. */
  readonly models: readonly Model[]
}

export function epochInputs(parts: InputParts): EpochInputs {
  const { facts, opening, takenIn } = parts
  return {
    header: {
      domain: parts.domain,
      epoch: facts.epoch,
      snapshotBlock: facts.snapshot.number,
      snapshotHash: facts.snapshot.hash,
      burned: facts.burned,
      reserve: parts.reserve,
    },
    parameters: facts.parameters,
    price: parts.price,
    models: sortedBy(parts.models, encodeModel),
    deposits: facts.deposits,
    windows: takenIn.windows,
    results: takenIn.results,
    opening: opening.closing,
    openingRewards: opening.rewards,
    openingDebits: opening.debits,
    acceptances: takenIn.acceptances,
    receipts: sortedBy(standing(parts.receipts, opening.closing), encodeSignedReceipt),
    batches: takenIn.batches,
  }
}

/** Keys of the channels that the batches charge: their receipts are needed. */
export function chargedChannels(batches: readonly SignedBatch[]): ReadonlySet<Hex> {
  const keys = new Set<Hex>()
  for (const { worker, record } of workRecords(batches)) keys.add(channelKey(channelOf(worker, record)))
  return keys
}

/** Models that a record of the epoch, or a charge that waits from an earlier one, is about. */
export function modelsNamed(
  batches: readonly SignedBatch[],
  opening: UsageState,
): readonly { readonly id: Hash; readonly version: number }[] {
  const named = new Map<string, { id: Hash; version: number }>()
  const add = ({ kind, id, version }: Pick<WorkRecord, 'kind' | 'id' | 'version'>): void => {
    if (kind === WORK_KIND.inference) named.set(modelKey(id, version), { id, version })
  }
  for (const { record } of workRecords(batches)) add(record)
  for (const { channel, claimed, settled } of opening.channels) if (settled < claimed) add(channel)
  return [...named.values()]
}

/** Auditors refuse a receipt below what its channel has been charged; without one, a record merely does not count. */
function standing(receipts: readonly SignedReceipt[], opening: UsageState): SignedReceipt[] {
  const charged = new Map(opening.channels.map(state => [channelKey(state.channel), state]))
  return receipts.filter(({ receipt }) => {
    const before = charged.get(channelKey(receipt))
    if (before === undefined) return true
    return receipt.cumulativeCeiling >= before.claimed && receipt.cumulativeUnits >= before.units
  })
}

function* workRecords(batches: readonly SignedBatch[]) {
  for (const { batch } of batches) {
    for (const record of batch.records)
      if (record.kind !== AVAILABILITY_KIND) yield { worker: batch.worker, record }
  }
}

function sortedBy<T>(items: readonly T[], encode: (item: T) => Uint8Array): T[] {
  return items
    .map(item => ({ item, bytes: encode(item) }))
    .sort((a, b) => compareBytes(a.bytes, b.bytes))
    .map(({ item }) => item)
}
