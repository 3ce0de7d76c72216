/** Which epochs are sealed, and counters that outlive what they count. */
import type { SqliteDatabase } from '../../runtime/sqlite.ts'

export type Total = 'records' | 'batches' | 'holds' | 'receipts' | 'commitments' | 'windows'

/** Of the relayer's life, not of what is still kept. */
export interface IntakeStats {
  readonly usageRecordsAccepted: number
  readonly batchesAccepted: number
  readonly holdsAccepted: number
  readonly receipts: number
  readonly commitments: number
  /** Closed in time. */
  readonly windows: number
}

export interface EpochStore {
  /** Nothing is taken into this epoch or one before it; −1 at first. */
  sealedThrough(): number
  setSealedThrough(epoch: number): void
  /** The epoch whose end holds and charges are counted against; −1 at first. */
  rebasedTo(): number
  setRebasedTo(epoch: number): void
  count(total: Total, by: number): void
  stats(): IntakeStats
  countRecords(epoch: number, by: number): void
  recordsOf(epoch: number): number
}

/** Rows of two numbers, for pages about the past: more than a year of hours. */
const KEPT_EPOCH_TOTALS = 10_000

export function createEpochStore(database: SqliteDatabase): EpochStore {
  const mark = database.prepare<[string], { value: number }>('SELECT value FROM marks WHERE name = ?')
  const setMark = database.prepare(
    'INSERT INTO marks (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
  )
  const add = database.prepare(
    'INSERT INTO totals (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value',
  )
  const all = database.prepare<[], { name: string; value: number }>('SELECT name, value FROM totals')
  const addRecords = database.prepare(
    'INSERT INTO epoch_totals (epoch, records) VALUES (?, ?) ON CONFLICT (epoch) DO UPDATE SET records = records + excluded.records',
  )
  const records = database.prepare<[number], { records: number }>(
    'SELECT records FROM epoch_totals WHERE epoch = ?',
  )
  const forget = database.prepare('DELETE FROM epoch_totals WHERE epoch < ?')

  return {
    sealedThrough: () => mark.get('sealed')?.value ?? -1,
    setSealedThrough: epoch => {
      setMark.run('sealed', epoch)
    },
    rebasedTo: () => mark.get('rebased')?.value ?? -1,
    setRebasedTo: epoch => {
      setMark.run('rebased', epoch)
      forget.run(epoch - KEPT_EPOCH_TOTALS)
    },
    count: (total, by) => {
      add.run(total, by)
    },
    stats: () => {
      const rows = new Map(all.all().map(row => [row.name, row.value]))
      const of = (total: Total): number => rows.get(total) ?? 0
      return {
        usageRecordsAccepted: of('records'),
        batchesAccepted: of('batches'),
        holdsAccepted: of('holds'),
        receipts: of('receipts'),
        commitments: of('commitments'),
        windows: of('windows'),
      }
    },
    countRecords: (epoch, by) => {
      addRecords.run(epoch, by)
    },
    recordsOf: epoch => records.get(epoch)?.records ?? 0,
  }
}
