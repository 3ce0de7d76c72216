/** Records that did not count, and why: what a worker is told who asks where its pay is. */
import type { Address } from '../../protocol/bytes.ts'
import type { RecordRefusal, RefusedRecord } from '../../protocol/epoch/meter.ts'
import type { SqliteDatabase } from '../../runtime/sqlite.ts'

/** A worker asks within days; everything older follows from the bundle. */
const KEPT_EPOCHS = 64
/** One broken worker must not fill the disk. */
const KEPT_AN_EPOCH = 10_000
const SHOWN = 200

export interface RefusedInEpoch {
  readonly epoch: number
  readonly sequence: number
  readonly reason: RecordRefusal
}

export interface RefusedRecords {
  /** Notes an epoch's; the same again changes nothing. */
  put(epoch: number, refused: readonly RefusedRecord[]): void
  /** Newest first, at most {@link SHOWN}. */
  of(worker: Address): RefusedInEpoch[]
}

/** In a database opened with EPOCH_MIGRATIONS. */
export function createRefusedRecords(database: SqliteDatabase): RefusedRecords {
  const insert = database.prepare(
    'INSERT OR IGNORE INTO refused_records (epoch, worker, sequence, reason) VALUES (?, ?, ?, ?)',
  )
  const forget = database.prepare('DELETE FROM refused_records WHERE epoch <= ?')
  const list = database.prepare<[string], RefusedInEpoch>(
    `SELECT epoch, sequence, reason FROM refused_records WHERE worker = ?
     ORDER BY epoch DESC, sequence DESC LIMIT ${SHOWN}`,
  )
  const put = database.transaction((epoch: number, refused: readonly RefusedRecord[]) => {
    for (const { worker, sequence, reason } of refused.slice(0, KEPT_AN_EPOCH))
      insert.run(epoch, worker, sequence, reason)
    forget.run(epoch - KEPT_EPOCHS)
  })
  return {
    put: (epoch, refused) => put.immediate(epoch, refused),
    of: worker => list.all(worker),
  }
}
