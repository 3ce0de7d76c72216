/** Payers' receipts by channel, and what each channel had been charged when the last computed epoch ended. */
import type { Address, Hex } from '../../protocol/bytes.ts'
import {
  channelKey,
  decodeSignedReceipt,
  encodeSignedReceipt,
  type SignedReceipt,
} from '../../protocol/usage/receipt.ts'
import type { SqliteDatabase } from '../../runtime/sqlite.ts'
import type { Charged } from './receipt-front.ts'

export interface ReceiptStore {
  ofChannel(channel: Hex): SignedReceipt[]
  channelsOf(payer: Address): number
  /** Adds one and removes others of the same channel. */
  replace(added: SignedReceipt, dropped: readonly SignedReceipt[]): void
  /** Zeros for a channel that has never been charged. */
  chargedOn(channel: Hex): Charged
  setCharged(channels: Iterable<{ readonly key: Hex } & Charged>): void
  /** Receipts that can never count again: run out, or of payers without any hold. */
  prune(beforeEpoch: number): void
}

const NOT_CHARGED: Charged = { units: 0n, charge: 0n }

export function createReceiptStore(database: SqliteDatabase): ReceiptStore {
  const ofChannel = database.prepare<[string], { bytes: Buffer }>(
    'SELECT bytes FROM receipts WHERE channel = ? ORDER BY id',
  )
  const channelsOf = database.prepare<[string], { count: number }>(
    'SELECT count(DISTINCT channel) AS count FROM receipts WHERE payer = ?',
  )
  const insert = database.prepare(
    'INSERT INTO receipts (channel, payer, valid_until, bytes) VALUES (?, ?, ?, ?)',
  )
  const remove = database.prepare('DELETE FROM receipts WHERE channel = ? AND bytes = ?')
  const charged = database.prepare<[string], { units: string; claimed: string }>(
    'SELECT units, claimed FROM channels WHERE key = ?',
  )
  const setCharged = database.prepare(
    `INSERT INTO channels (key, units, claimed) VALUES (?, ?, ?)
     ON CONFLICT (key) DO UPDATE SET units = excluded.units, claimed = excluded.claimed
     WHERE units <> excluded.units OR claimed <> excluded.claimed`,
  )
  const prune = database.prepare(
    'DELETE FROM receipts WHERE valid_until < ? OR payer NOT IN (SELECT payer FROM holds)',
  )

  return {
    ofChannel: channel => ofChannel.all(channel).map(row => decodeSignedReceipt(row.bytes)),
    channelsOf: payer => channelsOf.get(payer)?.count ?? 0,
    replace: (added, dropped) => {
      const key = channelKey(added.receipt)
      for (const signed of dropped) remove.run(key, Buffer.from(encodeSignedReceipt(signed)))
      const { payer, validUntilEpoch } = added.receipt
      insert.run(key, payer, validUntilEpoch, Buffer.from(encodeSignedReceipt(added)))
    },
    chargedOn: channel => {
      const row = charged.get(channel)
      return row === undefined ? NOT_CHARGED : { units: BigInt(row.units), charge: BigInt(row.claimed) }
    },
    setCharged: channels => {
      for (const { key, units, charge } of channels) setCharged.run(key, String(units), String(charge))
    },
    prune: beforeEpoch => {
      prune.run(beforeEpoch)
    },
  }
}
