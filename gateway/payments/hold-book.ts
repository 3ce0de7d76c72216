/**
 * How much of each hold has been promised to workers. Workers share the holds of a gateway's payers, so only the
 * gateway can keep two of them from counting on the same wei. Durable before a request goes to a worker: a restart
 * must not hand the same wei out again.
 */
import type { Hash } from '../../protocol/bytes.ts'
import type { SqliteDatabase } from '../../runtime/sqlite.ts'

/** Never edited; a change is a new entry. Amounts are decimal text: SQLite's integers end at 64 bits. */
export const HOLD_BOOK_MIGRATIONS: readonly string[] = [
  `CREATE TABLE holds (
     id TEXT PRIMARY KEY,
     used TEXT NOT NULL,
     expires_epoch INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX holds_by_epoch ON holds (expires_epoch);`,
]

export interface HeldAmount {
  readonly id: Hash
  /** Wei, from the hold itself. */
  readonly maxAmount: bigint
  readonly expiresEpoch: number
}

export interface HoldBook {
  /** Sets `amount` aside; false when the hold has less left. */
  reserve(hold: HeldAmount, amount: bigint): boolean
  /** What became of a reservation: `charged` replaces `reserved`. */
  settle(id: Hash, reserved: bigint, charged: bigint): void
  usedOf(id: Hash): bigint
  /** Holds that expired before an epoch cannot be charged any more. */
  forgetBefore(epoch: number): void
}

export function createHoldBook(database: SqliteDatabase): HoldBook {
  const read = database.prepare<[string], { used: string }>('SELECT used FROM holds WHERE id = ?')
  const write = database.prepare<[string, string, number]>(
    'INSERT INTO holds (id, used, expires_epoch) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET used = excluded.used',
  )
  const update = database.prepare<[string, string]>('UPDATE holds SET used = ? WHERE id = ?')
  const forget = database.prepare<[number]>('DELETE FROM holds WHERE expires_epoch < ?')
  const usedOf = (id: Hash): bigint => BigInt(read.get(id)?.used ?? '0')

  return {
    usedOf,
    reserve: ({ id, maxAmount, expiresEpoch }, amount) => {
      const used = usedOf(id) + amount
      if (used > maxAmount) return false
      write.run(id, String(used), expiresEpoch)
      return true
    },
    settle: (id, reserved, charged) => {
      const used = usedOf(id) - reserved + charged
      update.run(String(used > 0n ? used : 0n), id)
    },
    forgetBefore: epoch => {
      forget.run(epoch)
    },
  }
}
