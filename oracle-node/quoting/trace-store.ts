/** Keeps what each quote was made from, for a bounded time. Losing it harms nobody's safety: nothing here is fsynced. */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { asRound, type Round, roundStartMs } from '../../protocol/rounds.ts'
import { openDatabase, type SqliteDatabase } from '../../runtime/sqlite.ts'

/** Never edited, only added to. */
export const TRACE_MIGRATIONS: readonly string[] = [
  // The index is to count by: the table's own pages are full of bodies.
  `CREATE TABLE traces (round INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
   CREATE INDEX trace_rounds ON traces (round);`,
]

/** What is kept: traces that satisfy all three. */
export interface TraceBounds {
  readonly rounds: number
  /** By the time of the newest round. */
  readonly ageMs: number
  /** Of the file, without what is free in it for the next traces. */
  readonly bytes: number
}

/** As many rounds as the guard keeps quotes of; a trace of 60 values takes some 3 kB. */
export const TRACE_BOUNDS: TraceBounds = {
  rounds: 10_000,
  ageMs: 7 * 86_400_000,
  bytes: 256 * 1024 * 1024,
}

/** Pruning two rows a write costs nothing and still overtakes what is added; thousands at once would delay a quote. */
const PRUNED_PER_WRITE = 2
/** Whoever holds the file open, a backup for example, costs one trace and not five seconds of quotes. */
const BUSY_TIMEOUT_MS = 0

export interface TraceRange {
  readonly first: Round
  readonly last: Round
}

export interface TraceStore {
  /**
   * Keeps the first body of a round, and forgets the oldest that are out of bounds.
   *
   * @throws what the disk or another process does to it: nothing has been kept then
   */
  add(round: Round, body: string): void
  /** The body, as it was added. */
  bodyOf(round: Round): string | undefined
  /** Oldest and newest; undefined when there is none. Rounds between them may be missing. */
  range(): TraceRange | undefined
}

/** @throws what opening a database throws */
export function openTraceDatabase(path: string): SqliteDatabase {
  return openDatabase(path, TRACE_MIGRATIONS, { durability: 'normal', busyTimeoutMs: BUSY_TIMEOUT_MS })
}

/** Traces in a database opened with {@link openTraceDatabase}. */
export function createTraceStore(database: SqliteDatabase, bounds: TraceBounds = TRACE_BOUNDS): TraceStore {
  const insert = database.prepare('INSERT OR IGNORE INTO traces (round, body) VALUES (?, ?)')
  const body = database.prepare<[number], { body: Buffer }>('SELECT body FROM traces WHERE round = ?')
  const edges = database.prepare<[], { first: number | null; last: number | null }>(
    'SELECT (SELECT min(round) FROM traces) AS first, (SELECT max(round) FROM traces) AS last',
  )
  const forgetOldest = database.prepare<[number]>(
    'DELETE FROM traces WHERE round IN (SELECT round FROM traces ORDER BY round LIMIT ?)',
  )
  const forgetBefore = database.prepare<[number]>(
    `DELETE FROM traces WHERE round IN (SELECT round FROM traces WHERE round < ? ORDER BY round LIMIT ${PRUNED_PER_WRITE})`,
  )
  let kept = database.prepare<[], { n: number }>('SELECT count(*) AS n FROM traces').get()?.n ?? 0

  const usedBytes = (): number => {
    const pragma = (name: string) => Number(database.pragma(name, { simple: true }))
    return (pragma('page_count') - pragma('freelist_count')) * pragma('page_size')
  }

  const tooMany = (count: number): number =>
    Math.min(
      PRUNED_PER_WRITE,
      usedBytes() > bounds.bytes ? PRUNED_PER_WRITE : Math.max(0, count - bounds.rounds),
    )

  /** @returns how many more there are than before */
  const add = database.transaction((round: Round, packed: Buffer): number => {
    const added = insert.run(round, packed).changes
    const newestMs = roundStartMs(asRound(edges.get()?.last ?? round))
    const aged = forgetBefore.run(Math.ceil((newestMs - bounds.ageMs) / 100)).changes
    return added - aged - forgetOldest.run(tooMany(kept + added - aged)).changes
  })

  return {
    add: (round, text) => {
      // Counted only once it is committed.
      kept += add.immediate(round, deflateRawSync(text))
    },
    bodyOf: round => {
      const row = body.get(round)
      return row === undefined ? undefined : inflateRawSync(row.body).toString()
    },
    range: () => {
      const { first = null, last = null } = edges.get() ?? {}
      return first === null || last === null ? undefined : { first: asRound(first), last: asRound(last) }
    },
  }
}
