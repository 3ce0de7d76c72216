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
  /** Answers so far by which the relayer did not take it, nor a receipt of this channel before it that waited too. */
  readonly refusals: number
}

/** What was charged, by channel and by hold. Channels are kept for good, as the network keeps them. */
export interface ChannelStore {
  account(key: Hex): ChannelAccount | undefined
  /** @param newReceiptFrom number of the record that is the first under a receipt that is new */
  charge(key: Hex, account: ChannelAccount, newReceiptFrom: number | undefined): void
  /** Wei that this worker charged under a hold; a gateway's holds are shared, and others charge too. */
  usedOf(hold: Hash): bigint
  useHold(hold: Hash, used: bigint, expiresEpoch: number): void
  /** Holds whose last epoch is before this one take no charge any more. */
  forgetHoldsBefore(epoch: number): void
  /** Those that were sent least often first, then the oldest: ones that are never taken hold nobody up. */
  waitingReceipts(limit: number): WaitingReceipt[]
  /** It need not be sent any more: the relayer has it, or refuses it for good. A newer one of the channel still waits. */
  receiptSettled(waiting: WaitingReceipt): void
  /** It was sent in vain. @param answered the relayer said that it does not take it */
  receiptFailed(waiting: WaitingReceipt, answered: boolean): void
  /** Whether this record of the channel needs a receipt that waits, and was sent fewer times than `tries`. */
  lacksReceipt(key: Hex, sequence: number, tries: number): boolean
}

export function createChannelStore(database: SqliteDatabase): ChannelStore {
  const prepare = database.prepare.bind(database)
  const account = prepare('SELECT units, charge, receipt FROM channels WHERE key = ?')
  const charge = prepare(
    `INSERT INTO channels (key, units, charge, receipt, receipt_waits, receipt_since)
       VALUES (@key, @units, @charge, @receipt, 1, @since)
       ON CONFLICT (key) DO UPDATE SET units = @units, charge = @charge, receipt = @receipt,
         receipt_since = iif(receipt_waits = 1, receipt_since, @since),
         receipt_tries = iif(receipt_waits = 1, receipt_tries, 0),
         receipt_refusals = iif(receipt_waits = 1, receipt_refusals, 0),
         receipt_waits = max(receipt_waits, @isNew)`,
  )
  const used = prepare('SELECT used FROM holds WHERE id = ?').pluck()
  const use = prepare(
    `INSERT INTO holds (id, used, expires) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET used = excluded.used`,
  )
  const forget = prepare('DELETE FROM holds WHERE expires < ?')
  const waiting = prepare(
    `SELECT key, receipt, receipt_refusals AS refusals FROM channels WHERE receipt_waits = 1
       ORDER BY receipt_tries, receipt_since LIMIT ?`,
  )
  const settled = prepare('UPDATE channels SET receipt_waits = 0 WHERE key = ? AND receipt = ?')
  const failed = prepare(
    `UPDATE channels SET receipt_tries = receipt_tries + 1, receipt_refusals = receipt_refusals + ? WHERE key = ?`,
  )
  const lacking = prepare(
    'SELECT 1 FROM channels WHERE key = ? AND receipt_waits = 1 AND receipt_since <= ? AND receipt_tries < ?',
  )

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
    charge: (key, { units, charge: wei, receipt }, newReceiptFrom) => {
      charge.run({
        key,
        units: units.toString(),
        charge: wei.toString(),
        receipt: Buffer.from(encodeSignedReceipt(receipt)),
        isNew: newReceiptFrom === undefined ? 0 : 1,
        since: newReceiptFrom ?? 0,
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
      (waiting.all(limit) as { key: Hex; receipt: Buffer; refusals: number }[]).map(
        ({ receipt, ...rest }) => ({ ...rest, receipt: decodeSignedReceipt(receipt) }),
      ),
    receiptSettled: ({ key, receipt }) => {
      settled.run(key, Buffer.from(encodeSignedReceipt(receipt)))
    },
    receiptFailed: ({ key }, answered) => {
      failed.run(answered ? 1 : 0, key)
    },
    lacksReceipt: (key, sequence, tries) => lacking.get(key, sequence, tries) !== undefined,
  }
}
