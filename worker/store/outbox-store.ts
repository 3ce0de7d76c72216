import {
  decodeSignedBatch,
  encodeSignedBatch,
  type SignedBatch,
  type UsageBatch,
} from '../../protocol/usage/batch.ts'
import { decodeInclusion, encodeInclusion, type SignedInclusion } from '../../protocol/usage/inclusion.ts'
import { decodeRecord, encodeRecord, type UsageRecord } from '../../protocol/usage/record.ts'
import { MAX_SEQUENCE_JUMP } from '../../protocol/usage/sequence.ts'
import type { SqliteDatabase } from '../../runtime/sqlite.ts'

/** Records that follow one another, not yet in a batch. */
export type Unbatched = Pick<UsageBatch, 'seqFrom' | 'records'>

/** A promise that one oracle node has not been shown yet. */
export interface Showing {
  readonly seqFrom: number
  readonly url: string
  readonly attempts: number
  readonly inclusion: SignedInclusion
  /** What was promised. */
  readonly batch: SignedBatch
}

interface ShowingRow extends Omit<Showing, 'inclusion' | 'batch'> {
  readonly inclusion: Buffer
  readonly bytes: Buffer
}

/** What a worker has stated and not yet been promised. Methods that change several rows are to run in `transaction`. */
export interface OutboxStore {
  /** Whether no batch was ever made from this database: its numbers are known to nobody. */
  isFresh(): boolean
  /** Gives the record its number, for good. */
  add(record: UsageRecord): number
  unbatched(limit: number): Unbatched | undefined
  /** The batch takes its records' place. */
  addBatch(batch: SignedBatch): void
  /** Ascending. */
  waiting(limit: number): SignedBatch[]
  included(seqFrom: number, inclusion: SignedInclusion, urls: readonly string[]): void
  refused(seqFrom: number, code: string): void
  /**
   * Numbers everything that waits anew, from `next` on: what had these numbers before is somebody else's, or lost.
   *
   * @returns false, with nothing changed, when `next` is further ahead than it can have come without this worker
   */
  renumber(next: number): boolean
  showings(limit: number): Showing[]
  shown(seqFrom: number, url: string): void
  showFailed(seqFrom: number, url: string): void
  /** Records and batches that no relayer has promised. */
  counts(): { readonly records: number; readonly batches: number }
}

/**
 * Above this, no relayer is believed when it names a worker's next number: a thousand records a second for thirty
 * years. A number that was taken over stays, and only higher ones can follow.
 */
const MAX_FIRST_SEQUENCE = 2 ** 40
/** Promises kept after they were given: some hours of them, to look things up. */
const KEPT_BATCHES = 2_000
/** Promises waiting to be shown: an oracle node that is away for longer misses some. */
const MAX_SHOWINGS = 5_000
/** The loop shows once a second at most: an epoch is over by then. */
export const MAX_SHOW_ATTEMPTS = 600

export function createOutboxStore(database: SqliteDatabase): OutboxStore {
  const prepare = database.prepare.bind(database)
  const next = prepare('SELECT next FROM sequence').pluck()
  const setNext = prepare('UPDATE sequence SET next = ?')
  const insertRecord = prepare('INSERT INTO records (sequence, bytes) VALUES (?, ?)')
  const firstRecords = prepare('SELECT sequence, bytes FROM records ORDER BY sequence LIMIT ?')
  const deleteRecords = prepare('DELETE FROM records WHERE sequence BETWEEN ? AND ?')
  const insertBatch = prepare(
    `INSERT INTO batches (seq_from, seq_to, bytes, state) VALUES (?, ?, ?, 'waiting')`,
  )
  const waiting = prepare(`SELECT bytes FROM batches WHERE state = 'waiting' ORDER BY seq_from LIMIT ?`)
  const include = prepare(`UPDATE batches SET state = 'included', inclusion = ? WHERE seq_from = ?`)
  const refuse = prepare(`UPDATE batches SET state = 'refused', refusal = ? WHERE seq_from = ?`)
  const deleteBatch = prepare('DELETE FROM batches WHERE seq_from = ?')
  const pruneBatches = prepare(
    `DELETE FROM batches WHERE state <> 'waiting' AND seq_from IN
       (SELECT seq_from FROM batches ORDER BY seq_from DESC LIMIT 10 OFFSET ${KEPT_BATCHES})`,
  )
  const insertShow = prepare('INSERT OR IGNORE INTO shows (seq_from, url, attempts) VALUES (?, ?, 0)')
  const pruneShows = prepare(
    `DELETE FROM shows WHERE (seq_from, url) IN
       (SELECT seq_from, url FROM shows ORDER BY seq_from DESC LIMIT 100 OFFSET ${MAX_SHOWINGS})`,
  )
  const showings = prepare(
    `SELECT shows.seq_from AS seqFrom, url, attempts, inclusion, bytes FROM shows
       JOIN batches ON batches.seq_from = shows.seq_from
       WHERE inclusion IS NOT NULL ORDER BY attempts, shows.seq_from LIMIT ?`,
  )
  const deleteShow = prepare('DELETE FROM shows WHERE seq_from = ? AND url = ?')
  const failShow = prepare('UPDATE shows SET attempts = attempts + 1 WHERE seq_from = ? AND url = ?')
  const dropShows = prepare(`DELETE FROM shows WHERE attempts >= ${MAX_SHOW_ATTEMPTS}`)
  const dropLostShows = prepare('DELETE FROM shows WHERE seq_from NOT IN (SELECT seq_from FROM batches)')
  const countRecords = prepare('SELECT count(*) FROM records').pluck()
  const anyBatch = prepare('SELECT 1 FROM batches LIMIT 1')
  const countBatches = prepare(`SELECT count(*) FROM batches WHERE state = 'waiting'`).pluck()

  const nextSequence = (): number => Number(next.get())
  const add = (record: UsageRecord): number => {
    const sequence = nextSequence()
    insertRecord.run(sequence, Buffer.from(encodeRecord(record)))
    setNext.run(sequence + 1)
    return sequence
  }
  const isFresh = (): boolean => anyBatch.get() === undefined
  const readWaiting = (limit: number): SignedBatch[] =>
    (waiting.all(limit) as { bytes: Buffer }[]).map(({ bytes }) => decodeSignedBatch(bytes))
  const readRecords = (limit: number) =>
    (firstRecords.all(limit) as { sequence: number; bytes: Buffer }[]).map(({ sequence, bytes }) => ({
      sequence,
      record: decodeRecord(bytes),
    }))

  return {
    isFresh,
    add,
    unbatched: limit => {
      const rows = readRecords(limit)
      const first = rows[0]
      if (first === undefined) return undefined
      // Numbers are given without a gap; a renumbering leaves one between the old and the new.
      const run = rows.filter(({ sequence }, index) => sequence === first.sequence + index)
      return { seqFrom: first.sequence, records: run.map(({ record }) => record) }
    },
    addBatch: signed => {
      const { seqFrom, records } = signed.batch
      const seqTo = seqFrom + records.length - 1
      insertBatch.run(seqFrom, seqTo, Buffer.from(encodeSignedBatch(signed)))
      deleteRecords.run(seqFrom, seqTo)
    },
    waiting: readWaiting,
    included: (seqFrom, inclusion, urls) => {
      include.run(Buffer.from(encodeInclusion(inclusion)), seqFrom)
      for (const url of urls) insertShow.run(seqFrom, url)
      pruneBatches.run()
      pruneShows.run()
      dropLostShows.run()
    },
    refused: (seqFrom, code) => {
      refuse.run(code, seqFrom)
    },
    renumber: from => {
      // A database that is new has nothing to measure by: the worker may have stated anything before it was lost.
      const most = isFresh() ? MAX_FIRST_SEQUENCE : nextSequence() + MAX_SEQUENCE_JUMP
      if (from > most) return false
      const batches = readWaiting(-1)
      const rest = readRecords(-1)
      const records = [...batches.flatMap(({ batch }) => batch.records), ...rest.map(({ record }) => record)]
      for (const { batch } of batches) deleteBatch.run(batch.seqFrom)
      deleteRecords.run(0, Number.MAX_SAFE_INTEGER)
      setNext.run(from)
      for (const record of records) add(record)
      return true
    },
    showings: limit =>
      (showings.all(limit) as ShowingRow[]).map(({ inclusion, bytes, ...rest }) => ({
        ...rest,
        inclusion: decodeInclusion(inclusion),
        batch: decodeSignedBatch(bytes),
      })),
    shown: (seqFrom, url) => {
      deleteShow.run(seqFrom, url)
    },
    showFailed: (seqFrom, url) => {
      failShow.run(seqFrom, url)
      dropShows.run()
    },
    counts: () => ({ records: Number(countRecords.get()), batches: Number(countBatches.get()) }),
  }
}
