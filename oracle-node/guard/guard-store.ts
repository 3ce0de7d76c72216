import type { ReportLock } from '../../protocol/round/signer.ts'
import { asRound, type Round } from '../../protocol/rounds.ts'
import type { SqliteDatabase } from '../../runtime/sqlite.ts'

/** Never edited, only added to. */
export const GUARD_MIGRATIONS: readonly string[] = [
  `CREATE TABLE quotes (round INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
   CREATE TABLE locks (round INTEGER PRIMARY KEY, word BLOB NOT NULL, proposal BLOB NOT NULL) STRICT;`,
  `CREATE TABLE closed (
     id INTEGER PRIMARY KEY CHECK (id = 1),
     at_ms INTEGER NOT NULL,
     round INTEGER NOT NULL,
     quote BLOB NOT NULL
   ) STRICT;`,
  `CREATE TABLE closures (
     id INTEGER PRIMARY KEY,
     at_ms INTEGER NOT NULL,
     round INTEGER NOT NULL,
     quote BLOB NOT NULL,
     acknowledged_ms INTEGER
   ) STRICT;
   INSERT INTO closures (at_ms, round, quote) SELECT at_ms, round, quote FROM closed;
   DROP TABLE closed;`,
]

/**
 * Rows kept a table. Rounds this old are refused by every check before the guard is asked; the highest round,
 * which is what protects, is never among those pruned.
 */
const KEPT_ROUNDS = 10_000
/** Pruning one row a write costs nothing; pruning thousands at once would delay a quote. */
const PRUNED_PER_WRITE = 2

/** What the guard remembers. Every method answers one question; writes happen inside `transaction` only. */
export interface GuardStore {
  transaction<T>(work: () => T): T
  highestQuoteRound(): Round
  quoteBytes(round: Round): Uint8Array | undefined
  addQuote(round: Round, bytes: Uint8Array): void
  lockOf(round: Round): ReportLock | undefined
  addLock(round: Round, lock: ReportLock): void
  /** Why the guard is closed, if it is. Only an operator opens it again. */
  closure(): GuardClosure | undefined
  /** While it is closed, the first reason stays. */
  addClosure(closure: GuardClosure): void
  /** The operator has seen to what closed it: the record stays, and closes it no more. */
  acknowledge(nowMs: number): void
  /** When an operator acknowledged a closure last; 0 if never. */
  acknowledgedAtMs(): number
}

/** Somebody else holds the key: what gave it away. */
export interface GuardClosure {
  readonly atMs: number
  readonly round: Round
  /** The signed quote that this node did not make. */
  readonly quote: Uint8Array
}

interface ClosureRow {
  readonly at_ms: number
  readonly round: number
  readonly quote: Buffer
}

interface LockRow {
  readonly word: Buffer
  readonly proposal: Buffer
}

/** The guard's tables in a database opened with {@link GUARD_MIGRATIONS}, whose commits reach the disk. */
export function createGuardStore(database: SqliteDatabase): GuardStore {
  const highest = database.prepare<[], { round: number | null }>('SELECT max(round) AS round FROM quotes')
  const quote = database.prepare<[number], { bytes: Buffer }>('SELECT bytes FROM quotes WHERE round = ?')
  const insertQuote = database.prepare('INSERT INTO quotes (round, bytes) VALUES (?, ?)')
  const lock = database.prepare<[number], LockRow>('SELECT word, proposal FROM locks WHERE round = ?')
  const insertLock = database.prepare('INSERT INTO locks (round, word, proposal) VALUES (?, ?, ?)')
  const closed = database.prepare<[], ClosureRow>(
    'SELECT at_ms, round, quote FROM closures WHERE acknowledged_ms IS NULL ORDER BY id LIMIT 1',
  )
  const insertClosed = database.prepare(
    `INSERT INTO closures (at_ms, round, quote) SELECT ?, ?, ?
     WHERE NOT EXISTS (SELECT 1 FROM closures WHERE acknowledged_ms IS NULL)`,
  )
  const acknowledge = database.prepare(
    'UPDATE closures SET acknowledged_ms = ? WHERE acknowledged_ms IS NULL',
  )
  const acknowledged = database.prepare<[], { at_ms: number | null }>(
    'SELECT max(acknowledged_ms) AS at_ms FROM closures',
  )
  const prune = {
    quotes: pruneStatement(database, 'quotes'),
    locks: pruneStatement(database, 'locks'),
  }

  return {
    transaction: work => database.transaction(work).immediate(),
    highestQuoteRound: () => asRound(highest.get()?.round ?? 0),
    quoteBytes: round => quote.get(round)?.bytes,
    addQuote: (round, bytes) => {
      insertQuote.run(round, Buffer.from(bytes))
      prune.quotes.run()
    },
    lockOf: round => {
      const row = lock.get(round)
      return row === undefined
        ? undefined
        : { word: BigInt(`0x${row.word.toString('hex')}`), proposal: row.proposal }
    },
    addLock: (round, { word, proposal }) => {
      insertLock.run(round, Buffer.from(word.toString(16).padStart(64, '0'), 'hex'), Buffer.from(proposal))
      prune.locks.run()
    },
    closure: () => {
      const row = closed.get()
      return row === undefined ? undefined : { atMs: row.at_ms, round: asRound(row.round), quote: row.quote }
    },
    addClosure: ({ atMs, round, quote }) => {
      insertClosed.run(Math.floor(atMs), round, Buffer.from(quote))
    },
    acknowledge: nowMs => {
      acknowledge.run(Math.floor(nowMs))
    },
    acknowledgedAtMs: () => acknowledged.get()?.at_ms ?? 0,
  }
}

function pruneStatement(database: SqliteDatabase, table: 'quotes' | 'locks') {
  return database.prepare(
    `DELETE FROM ${table} WHERE round IN (SELECT round FROM ${table} ORDER BY round DESC LIMIT ${PRUNED_PER_WRITE} OFFSET ${KEPT_ROUNDS})`,
  )
}
