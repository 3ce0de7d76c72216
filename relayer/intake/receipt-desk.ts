/** Takes payers' receipts, and chooses the one of each channel that goes into a bundle. */
import { DecodeError, type Hex } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import {
  channelKey,
  decodeSignedReceipt,
  isReceiptSigned,
  payeeOf,
  type SignedReceipt,
} from '../../protocol/usage/receipt.ts'
import { AVAILABILITY_KIND, channelOf } from '../../protocol/usage/record.ts'
import type { BatchStore } from './batch-store.ts'
import type { EpochStore } from './epoch-store.ts'
import type { HoldStore } from './hold-store.ts'
import { numbersOf, type OwedEpochs } from './owed-epochs.ts'
import { addToFront, allows, type Charged, chooseReceipt, highestAllowed, makeRoom } from './receipt-front.ts'
import type { ReceiptStore } from './receipt-store.ts'

export const RECEIPT_REFUSALS = [
  'MALFORMED',
  'NO_EPOCH',
  'EXPIRED',
  'NO_HOLD',
  'BAD_SIGNATURE',
  'TOO_MANY_CHANNELS',
  'TOO_MANY_RECEIPTS',
] as const
/** NO_HOLD: no accepted hold of the payer could be charged through this channel. */
export type ReceiptRefusal = (typeof RECEIPT_REFUSALS)[number]

/** KNOWN: a receipt that is kept allows as much, or this one is below what has been charged. */
export type ReceiptAnswer = 'KEPT' | 'KNOWN' | { readonly refused: ReceiptRefusal }

/** Workers of one payer; receipts of payers without a hold are not kept at all. */
export const MAX_CHANNELS = 4_096

export interface ReceiptDeskDeps {
  readonly domain: Domain
  readonly crypto: Pick<IdentityCrypto, 'recover'>
  readonly openEpoch: () => number | undefined
  readonly receipts: ReceiptStore
  readonly holds: HoldStore
  readonly batches: BatchStore
  readonly epochs: EpochStore
}

export class ReceiptDesk {
  readonly #deps: ReceiptDeskDeps

  constructor(deps: ReceiptDeskDeps) {
    this.#deps = deps
  }

  /** Call inside a transaction. */
  take(bytes: Uint8Array): ReceiptAnswer {
    const { domain, crypto, receipts, holds, epochs } = this.#deps
    const signed = decodeOrUndefined(bytes)
    if (signed === undefined) return { refused: 'MALFORMED' }
    const { receipt } = signed
    const epoch = this.#deps.openEpoch()
    if (epoch === undefined) return { refused: 'NO_EPOCH' }
    if (receipt.validUntilEpoch < epoch) return { refused: 'EXPIRED' }
    if (!holds.covers(receipt.payer, payeeOf(receipt), receipt.kind)) return { refused: 'NO_HOLD' }
    const key = channelKey(receipt)
    const before = receipts.chargedOn(key)
    if (!allows(receipt, before)) return 'KNOWN'
    const kept = receipts.ofChannel(key)
    const settling = epochs.rebasedTo() + 1
    const front = kept.filter(
      item => item.receipt.validUntilEpoch >= settling && allows(item.receipt, before),
    )
    const change = addToFront(front, signed)
    if (change === 'known') return 'KNOWN'
    if (change === 'full') return { refused: 'TOO_MANY_RECEIPTS' }
    if (kept.length === 0 && receipts.channelsOf(receipt.payer) >= MAX_CHANNELS)
      return { refused: 'TOO_MANY_CHANNELS' }
    if (!isReceiptSigned(domain, signed, crypto)) return { refused: 'BAD_SIGNATURE' }
    receipts.replace(signed, [...change.drop, ...kept.filter(item => !front.includes(item))])
    epochs.count('receipts', 1)
    return 'KEPT'
  }

  /** The receipt that counts for each channel, in the epoch that is settled. */
  choose(keys: ReadonlySet<Hex>, owed: OwedEpochs): SignedReceipt[] {
    const { receipts } = this.#deps
    const fronts = [...keys].map(key => ({ key, front: receipts.ofChannel(key) }))
    const disputed = new Set(fronts.filter(({ front }) => front.length > 1).map(({ key }) => key))
    const stated = disputed.size === 0 ? new Map<Hex, Charged[]>() : this.#statedOn(disputed, owed)
    return fronts.flatMap(
      ({ key, front }) => chooseReceipt(front, receipts.chargedOn(key), owed.to, stated.get(key) ?? []) ?? [],
    )
  }

  /**
   * Call inside a transaction. Keeps what oracle nodes were shown, of payers whose holds may be lost too: only receipts
   * under which more of sealed epochs counts than under those that are kept, so that nobody can push others out.
   *
   * @returns how many were kept
   */
  adopt(shown: readonly SignedReceipt[], owed: OwedEpochs): number {
    const { domain, crypto, receipts } = this.#deps
    const stated = this.#statedOn(new Set(shown.map(({ receipt }) => channelKey(receipt))), owed)
    let kept = 0
    for (const signed of shown) {
      const key = channelKey(signed.receipt)
      const before = receipts.chargedOn(key)
      const charges = stated.get(key) ?? []
      const front = receipts.ofChannel(key)
      const best = chooseReceipt(front, before, owed.to, charges)
      const known = best === undefined ? -1n : highestAllowed(best, charges)
      if (signed.receipt.validUntilEpoch < owed.to || !allows(signed.receipt, before)) continue
      if (highestAllowed(signed, charges) <= known || !isReceiptSigned(domain, signed, crypto)) continue
      const change = addToFront(front, signed)
      if (change === 'known') continue
      receipts.replace(signed, change === 'full' ? makeRoom(front, best) : change.drop)
      kept += 1
    }
    return kept
  }

  #statedOn(keys: ReadonlySet<Hex>, owed: OwedEpochs): Map<Hex, Charged[]> {
    const stated = new Map<Hex, Charged[]>()
    for (const { batch } of numbersOf(owed).flatMap(epoch => this.#deps.batches.ofEpoch(epoch))) {
      for (const record of batch.records) {
        if (record.kind === AVAILABILITY_KIND) continue
        const key = channelKey(channelOf(batch.worker, record))
        if (!keys.has(key)) continue
        const list = stated.get(key) ?? []
        stated.set(key, list)
        list.push({ units: record.cumulativeUnits, charge: record.cumulativeCharge })
      }
    }
    return stated
  }
}

function decodeOrUndefined(bytes: Uint8Array): SignedReceipt | undefined {
  try {
    return decodeSignedReceipt(bytes)
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}
