import type { Hash, Hex } from '../../protocol/bytes.ts'
import { decodeSignedReceipt, encodeSignedReceipt, type SignedReceipt } from '../../protocol/usage/receipt.ts'
import type { SqliteDatabase } from '../../runtime/sqlite.ts'

/** What a channel has been charged by now. */
export interface ChannelAccount {
  readonly units: bigint
  /** Wei. */
  readonly charge: bigint
  /** The payer's word that covers it. */
  readonly receipt: SignedReceipt
}

export interface WaitingReceipt {
  readonly key: Hex
  readonly receipt: SignedReceipt
}

/** What was charged, by channel and by hold. Channels are kept for good, as the network keeps them. */
export interface ChannelStore {
  account(key: Hex): ChannelAccount | undefined
  /** @param isNewReceipt the relayer has not been given this receipt yet */
  charge(key: Hex, account: ChannelAccount, isNewReceipt: boolean): void
  /** Wei that this worker charged under a hold; a gateway's holds are shared, and others charge too. */
  usedOf(hold: Hash): bigint
  useHold(hold: Hash, used: bigint, expiresEpoch: number): void
  /** Holds whose last epoch is before this one take no charge any more. */
  forgetHoldsBefore(epoch: number): void
  waitingReceipts(limit: number): WaitingReceipt[]
  /** The relayer has this receipt; a newer one of the channel still waits. */
  receiptGiven(waiting: WaitingReceipt): void
}

export function createChannelStore(database: SqliteDatabase): ChannelStore {
  const prepare = database.prepare.bind(database)
  const account = prepare('SELECT units, charge, receipt FROM channels WHERE key = ?')
  const charge = prepare(
    `INSERT INTO channels (key, units, charge, receipt, receipt_waits) VALUES (@key, @units, @charge, @receipt, 1)
       ON CONFLICT (key) DO UPDATE SET units = @units, charge = @charge, receipt = @receipt,
         receipt_waits = max(receipt_waits, @isNew)`,
  )
  const used = prepare('SELECT used FROM holds WHERE id = ?').pluck()
  const use = prepare(
    `INSERT INTO holds (id, used, expires) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET used = excluded.used`,
  )
  const forget = prepare('DELETE FROM holds WHERE expires < ?')
  const waiting = prepare('SELECT key, receipt FROM channels WHERE receipt_waits = 1 LIMIT ?')
  const given = prepare('UPDATE channels SET receipt_waits = 0 WHERE key = ? AND receipt = ?')

  return {
    account: key => {
      const row = account.get(key) as { units: string; charge: string; receipt: Buffer } | undefined
      if (row === undefined) return undefined
      return {
        units: BigInt(row.units),
        charge: BigInt(row.charge),
        receipt: decodeSignedReceipt(row.receipt),
      }
    },
    charge: (key, { units, charge: wei, receipt }, isNewReceipt) => {
      charge.run({
        key,
        units: units.toString(),
        charge: wei.toString(),
        receipt: Buffer.from(encodeSignedReceipt(receipt)),
        isNew: isNewReceipt ? 1 : 0,
      })
    },
    usedOf: hold => BigInt(String(used.get(hold) ?? 0)),
    useHold: (hold, wei, expiresEpoch) => {
      use.run(hold, wei.toString(), expiresEpoch)
    },
    forgetHoldsBefore: epoch => {
      forget.run(epoch)
    },
    waitingReceipts: limit =>
      (waiting.all(limit) as { key: Hex; receipt: Buffer }[]).map(({ key, receipt }) => ({
        key,
        receipt: decodeSignedReceipt(receipt),
      })),
    receiptGiven: ({ key, receipt }) => {
      given.run(key, Buffer.from(encodeSignedReceipt(receipt)))
    },
  }
}
