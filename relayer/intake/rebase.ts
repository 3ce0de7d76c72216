/** From what an epoch left to the tables that the next ones are taken in by. */
import type { Address } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { DebitLine } from '../../protocol/epoch/ledger.ts'
import { type UsageState, UsageTables } from '../../protocol/epoch/state.ts'
import { holdId } from '../../protocol/usage/hold.ts'
import { channelKey } from '../../protocol/usage/receipt.ts'
import { takeSequence } from '../../protocol/usage/sequence.ts'
import { ASSET } from '../../protocol/usage/wire.ts'
import type { BatchStore } from './batch-store.ts'
import type { EpochStore } from './epoch-store.ts'
import { type HoldStore, NOTHING_TAKEN, type PayerBase } from './hold-store.ts'
import type { ReceiptStore } from './receipt-store.ts'

export interface EpochEnd {
  readonly epoch: number
  readonly closing: UsageState
  readonly debits: readonly DebitLine[]
}

export interface RebaseStores {
  readonly batches: BatchStore
  readonly holds: HoldStore
  readonly receipts: ReceiptStore
  readonly epochs: EpochStore
}

/**
 * Call inside a transaction. Works forwards and, after a reorganisation, backwards. Where the epoch was this relayer's own
 * work it changes what has been charged and nothing else; where it was another's, numbers that the other has taken are
 * taken here too.
 *
 * @returns how many batches of later epochs overlap with what the epoch has taken: they can count nowhere, and are gone
 */
export function rebase(domain: Domain, end: EpochEnd, stores: RebaseStores): number {
  const { epoch, closing } = end
  stores.holds.replace(
    epoch,
    closing.holds.map(({ hold, used }) => ({ id: holdId(domain, hold), hold, used })),
    basesOf(end),
  )
  stores.receipts.setCharged(
    closing.channels.map(({ channel, units, claimed }) => ({
      key: channelKey(channel),
      units,
      charge: claimed,
    })),
  )
  stores.epochs.setRebasedTo(epoch)
  return replay(domain, end, stores.batches)
}

/** Sequences as the epoch left them, with what has been taken since on top. */
function replay(domain: Domain, { epoch, closing }: EpochEnd, batches: BatchStore): number {
  const tables = new UsageTables(domain, { ...closing, channels: [], holds: [] })
  let dropped = 0
  for (const { id, worker, from, to } of batches.after(epoch)) {
    // In order of arrival, as they were taken: never more gaps on the way than there were.
    const decision = takeSequence(tables.sequenceOf(worker), { from, to })
    if ('taken' in decision) {
      tables.sequences.set(worker, decision.taken)
    } else {
      batches.remove(id)
      dropped += 1
    }
  }
  batches.setSequences([...tables.sequences].map(([worker, sequence]) => ({ worker, sequence })))
  return dropped
}

function basesOf({ closing, debits }: EpochEnd): Map<Address, PayerBase> {
  const bases = new Map<Address, PayerBase>()
  for (const { payer, cumulativeIo, cumulativeIosd } of debits)
    bases.set(payer, { ...NOTHING_TAKEN, debitedIo: cumulativeIo, debitedIosd: cumulativeIosd })
  for (const { channel, asset, claimed, settled, feeSettled } of closing.channels) {
    const base = bases.get(channel.payer) ?? NOTHING_TAKEN
    const unsettled = claimed - settled
    bases.set(
      channel.payer,
      asset === ASSET.io
        ? {
            ...base,
            unsettledIo: base.unsettledIo + unsettled,
            feeBase: base.feeBase + claimed - feeSettled,
          }
        : { ...base, unsettledIosd: base.unsettledIosd + unsettled },
    )
  }
  return bases
}
