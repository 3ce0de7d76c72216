/**
 * From usage records to what each channel has been charged: which records count, and why others do not.
 *
 * Relayers and auditors run this over the same batches in the same order (worker, then sequence), so a hold that
 * several workers share runs out at the same record for everyone. A batch is under one signature and is kept
 * whole; a record that does not count costs nobody anything.
 */
import type { Address, Hash, Hex } from '../bytes.ts'
import type { SignedBatch } from '../usage/batch.ts'
import { assetOf, type Channel, channelKey, payeeOf, type Receipt } from '../usage/receipt.ts'
import { AVAILABILITY_KIND, type AvailabilityRecord, channelOf, type WorkRecord } from '../usage/record.ts'
import { WORK_KIND } from '../usage/wire.ts'
import type { ChannelState, HoldState, UsageTables } from './state.ts'

export const RECORD_REFUSALS = [
  'UNKNOWN_MODEL',
  'NO_RECEIPT',
  'RECEIPT_EXPIRED',
  'ABOVE_RECEIPT',
  'CHARGE_FELL',
  'NO_HOLD',
  'WRONG_HOLD',
  'HOLD_EXPIRED',
  'WRONG_ASSET',
  'ABOVE_HOLD',
  'NOT_COMMITTED',
  'TWO_COMMITMENTS',
  'FAILED_OPENING',
  'NOT_OPENED',
] as const
/**
 * Why a record does not count. ABOVE_HOLD counts up to the hold. The last four are about availability: nothing
 * that reached every oracle node in time says so, or two different things do, or an opening of the device's was
 * false, or nothing was opened.
 */
export type RecordRefusal = (typeof RECORD_REFUSALS)[number]

export interface RefusedRecord {
  readonly worker: Address
  readonly sequence: number
  readonly reason: RecordRefusal
}

/** One availability record, and who made it under which number. */
export interface AvailabilityClaim {
  readonly worker: Address
  readonly sequence: number
  readonly record: AvailabilityRecord
}

export interface MeterInput {
  readonly epoch: number
  /** Ascending by worker and sequence; sequences checked, signatures checked. */
  readonly batches: readonly SignedBatch[]
  /** The receipt that counts for each channel, by {@link channelKey}. */
  readonly receipts: ReadonlyMap<Hex, Receipt>
  readonly isModel: (id: Hash, version: number) => boolean
}

export interface Metered {
  readonly refused: readonly RefusedRecord[]
  readonly availability: readonly AvailabilityClaim[]
  /** Records that count, availability aside. */
  readonly counted: number
}

/** Notes charges in `tables.channels` and `tables.holds`. */
export function meterUsage(input: MeterInput, tables: UsageTables): Metered {
  const refused: RefusedRecord[] = []
  const availability: AvailabilityClaim[] = []
  let counted = 0
  for (const { batch } of input.batches) {
    batch.records.forEach((record, index) => {
      const sequence = batch.seqFrom + index
      if (record.kind === AVAILABILITY_KIND) {
        availability.push({ worker: batch.worker, sequence, record })
        return
      }
      const reason = charge(channelOf(batch.worker, record), record, input, tables)
      if (reason !== undefined) refused.push({ worker: batch.worker, sequence, reason })
      if (reason === undefined || reason === 'ABOVE_HOLD') counted++
    })
  }
  return { refused, availability, counted }
}

function charge(
  channel: Channel,
  record: WorkRecord,
  input: MeterInput,
  tables: UsageTables,
): RecordRefusal | undefined {
  const key = channelKey(channel)
  const before = tables.channels.get(key)
  const receiptRefusal = checkReceipt(record, input.receipts.get(key), before, input)
  if (receiptRefusal !== undefined) return receiptRefusal

  const open = tables.holds.get(record.hold)
  if (open === undefined) return 'NO_HOLD'
  const holdRefusal = checkHold(channel, open, input.epoch)
  if (holdRefusal !== undefined) return holdRefusal

  const claimed = before?.claimed ?? 0n
  const asked = record.cumulativeCharge - claimed
  const room = open.hold.maxAmount - open.used
  const taken = asked < room ? asked : room
  // A channel is remembered for good: it takes at least a wei to open one.
  if (before === undefined && taken === 0n) return asked > 0n ? 'ABOVE_HOLD' : undefined
  tables.holds.set(record.hold, { hold: open.hold, used: open.used + taken })
  tables.channels.set(key, {
    channel,
    asset: open.hold.asset,
    units: record.cumulativeUnits,
    claimed: claimed + taken,
    settled: before?.settled ?? 0n,
    feeSettled: before?.feeSettled ?? 0n,
  })
  return taken < asked ? 'ABOVE_HOLD' : undefined
}

function checkReceipt(
  record: WorkRecord,
  receipt: Receipt | undefined,
  before: ChannelState | undefined,
  { epoch, isModel }: MeterInput,
): RecordRefusal | undefined {
  if (record.kind === WORK_KIND.inference && !isModel(record.id, record.version)) return 'UNKNOWN_MODEL'
  if (receipt === undefined) return 'NO_RECEIPT'
  if (receipt.validUntilEpoch < epoch) return 'RECEIPT_EXPIRED'
  const { cumulativeCharge, cumulativeUnits } = record
  if (cumulativeCharge > receipt.cumulativeCeiling || cumulativeUnits > receipt.cumulativeUnits)
    return 'ABOVE_RECEIPT'
  if (before !== undefined && (cumulativeCharge < before.claimed || cumulativeUnits < before.units))
    return 'CHARGE_FELL'
  return undefined
}

function checkHold(channel: Channel, { hold }: HoldState, epoch: number): RecordRefusal | undefined {
  const fits = hold.payer === channel.payer && hold.payee === payeeOf(channel) && hold.kind === channel.kind
  if (!fits) return 'WRONG_HOLD'
  if (hold.expiresEpoch < epoch) return 'HOLD_EXPIRED'
  // Else a worker could take what was signed in the cheaper asset from a hold in the dearer one.
  return hold.asset === assetOf(channel) ? undefined : 'WRONG_ASSET'
}
