/**
 * Keeps what each quote was made from, for a bounded time. Losing it harms nobody's safety, so nothing here is forced to
 * the disk: a commit on the thread that quotes waits for the system's memory at most. The price is that a crash of the
 * machine, not of the process, may damage the file.
 */
import { existsSync, renameSync, rmSync } from 'node:fs'
import { deflateSync, inflateSync } from 'node:zlib'
import { asRound, type Round, roundStartMs } from '../../protocol/rounds.ts'
import { openDatabase, type SqliteDatabase } from '../../runtime/sqlite.ts'

/** Never edited, only added to. */
export const TRACE_MIGRATIONS: readonly string[] = [
  'CREATE TABLE traces (round INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT',
]

/** What is kept: traces that satisfy both. */
export interface TraceBounds {
  /** By the time of the newest round. */
  readonly ageMs: number
  /** Of the file, without what is free in it for the next traces. */
  readonly bytes: number
}

/** A trace of 48 values takes some 4 kB: a week of rounds of ten seconds fits, and a day of rounds of one second. */
export const TRACE_BOUNDS: TraceBounds = { ageMs: 7 * 86_400_000, bytes: 256 * 1024 * 1024 }

/** Pruning two rows a write costs nothing and still overtakes what is added; thousands at once would delay a quote. */
const PRUNED_PER_WRITE = 2
/** Four times what as many values take as a trace may have. A row that claims to hold more is damaged. */
const MAX_BODY_BYTES = 4 * 1024 * 1024

export interface TraceRange {
  readonly first: Round
  readonly last: Round
}

/** The row of a round does not hold what was written there. */
export class DamagedTraceError extends Error {
  readonly code = 'DAMAGED_TRACE'
  constructor(round: Round, cause: unknown) {
    super(`the trace of round ${round} is damaged`, { cause })
    this.name = 'DamagedTraceError'
  }
}

export interface TraceStore {
  /**
   * Keeps the first body of a round, and forgets the oldest that are out of bounds.
   *
   * @throws what the disk or another process does to it: nothing has been kept then
   */
  add(round: Round, body: string): void
  /** The body, as it was added. @throws {DamagedTraceError} and what the disk does to it */
  bodyOf(round: Round): string | undefined
  forget(round: Round): void
  /** Oldest and newest; undefined when there is none. Rounds between them may be missing. */
  range(): TraceRange | undefined
}

/**
 * Once it is open nobody is waited for: whoever holds the file, a backup for example, costs one trace and not five
 * seconds of quotes.
 *
 * @param options.busyTimeoutMs how long opening it may wait for another process
 * @throws what opening a database throws
 */
export function openTraceDatabase(
  path: string,
  options: { readonly busyTimeoutMs?: number } = {},
): SqliteDatabase {
  const database = openDatabase(path, TRACE_MIGRATIONS, { durability: 'none', ...options })
  database.pragma('busy_timeout = 0')
  return database
}

/** Whether an error says that the file itself is no good, and not that it cannot be had just now. */
export function isDamage(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT')
}

/**
 * Makes room for a new file in place of a damaged one, which is kept for people to look at; one that was put there before
 * is lost.
 *
 * @param path of a database that nobody has open
 * @returns where it is now
 */
export function moveAside(path: string): string {
  const aside = `${path}.damaged`
  for (const suffix of ['', '-wal', '-shm']) {
    rmSync(`${aside}${suffix}`, { force: true })
    if (existsSync(`${path}${suffix}`)) renameSync(`${path}${suffix}`, `${aside}${suffix}`)
  }
  return aside
}

/** Traces in a database opened with {@link openTraceDatabase}. */
export function createTraceStore(database: SqliteDatabase, bounds: TraceBounds = TRACE_BOUNDS): TraceStore {
  const insert = database.prepare('INSERT OR IGNORE INTO traces (round, body) VALUES (?, ?)')
  const body = database.prepare<[number], { body: Buffer }>('SELECT body FROM traces WHERE round = ?')
  const forget = database.prepare<[number]>('DELETE FROM traces WHERE round = ?')
  const edges = database.prepare<[], { first: number | null; last: number | null }>(
    'SELECT (SELECT min(round) FROM traces) AS first, (SELECT max(round) FROM traces) AS last',
  )
  const forgetBefore = database.prepare<[number]>(
    `DELETE FROM traces WHERE round IN (SELECT round FROM traces WHERE round < ? ORDER BY round LIMIT ${PRUNED_PER_WRITE})`,
  )

  const usedBytes = (): number => {
    const pragma = (name: string) => Number(database.pragma(name, { simple: true }))
    return (pragma('page_count') - pragma('freelist_count')) * pragma('page_size')
  }

  const add = database.transaction((round: Round, packed: Buffer): void => {
    insert.run(round, packed)
    const newest = asRound(edges.get()?.last ?? round)
    forgetBefore.run(Math.ceil((roundStartMs(newest) - bounds.ageMs) / 100))
    if (usedBytes() > bounds.bytes) forgetBefore.run(newest)
  })

  return {
    add: (round, text) => {
      const bytes = Buffer.from(text)
      if (bytes.length > MAX_BODY_BYTES) throw new RangeError(`a trace of ${bytes.length} bytes`)
      // With a checksum: the disk's damage must not be served as what venues said.
      add.immediate(round, deflateSync(bytes))
    },
    bodyOf: round => {
      const row = body.get(round)
      if (row === undefined) return undefined
      try {
        return inflateSync(row.body, { maxOutputLength: MAX_BODY_BYTES }).toString()
      } catch (error) {
        throw new DamagedTraceError(round, error)
      }
    },
    forget: round => {
      forget.run(round)
    },
    range: () => {
      const { first = null, last = null } = edges.get() ?? {}
      return first === null || last === null ? undefined : { first: asRound(first), last: asRound(last) }
    },
  }
}
