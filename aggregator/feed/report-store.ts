import type { ReportJson } from '../../protocol/report-json.ts'
import type { Round } from '../../protocol/rounds.ts'
import type { SqliteDatabase } from '../../runtime/sqlite.ts'

/** Never edited, only added to. */
export const FEED_MIGRATIONS: readonly string[] = [
  `CREATE TABLE reports (
     round INTEGER PRIMARY KEY,
     json TEXT NOT NULL,
     on_chain INTEGER NOT NULL DEFAULT 0
   ) STRICT;`,
  `CREATE TABLE evidence (
     network TEXT NOT NULL,
     key_epoch INTEGER NOT NULL,
     slot INTEGER NOT NULL,
     signer TEXT NOT NULL,
     first BLOB NOT NULL,
     second BLOB NOT NULL,
     ended TEXT,
     PRIMARY KEY (network, key_epoch, slot)
   ) STRICT;`,
]

/** Every certified report, by round. */
export interface ReportStore {
  /** Keeps a report; the first one of a round stays. */
  add(report: ReportJson): void
  markOnChain(round: Round): void
  highestRound(): number
  byRound(round: number): ReportJson | undefined
  /** Newest first, at most `limit`, only rounds below `before` when it is given. */
  newest(limit: number, before?: number): ReportJson[]
  count(): number
}

interface Row {
  readonly json: string
  readonly on_chain: number
}

const NO_BOUND = Number.MAX_SAFE_INTEGER

export function createReportStore(database: SqliteDatabase): ReportStore {
  const insert = database.prepare('INSERT INTO reports (round, json) VALUES (?, ?) ON CONFLICT DO NOTHING')
  const mark = database.prepare('UPDATE reports SET on_chain = 1 WHERE round = ?')
  const highest = database.prepare<[], { round: number | null }>('SELECT max(round) AS round FROM reports')
  const one = database.prepare<[number], Row>('SELECT json, on_chain FROM reports WHERE round = ?')
  const page = database.prepare<[number, number], Row>(
    'SELECT json, on_chain FROM reports WHERE round < ? ORDER BY round DESC LIMIT ?',
  )
  const total = database.prepare<[], { count: number }>('SELECT count(*) AS count FROM reports')

  return {
    add: report => {
      insert.run(report.round, JSON.stringify(report))
    },
    markOnChain: round => {
      mark.run(round)
    },
    highestRound: () => highest.get()?.round ?? 0,
    byRound: round => {
      const row = one.get(round)
      return row === undefined ? undefined : parse(row)
    },
    newest: (limit, before = NO_BOUND) => page.all(before, limit).map(parse),
    count: () => total.get()?.count ?? 0,
  }
}

/** The row was written by `add`, in a database that only this process writes. */
function parse(row: Row): ReportJson {
  return { ...(JSON.parse(row.json) as ReportJson), onChain: row.on_chain === 1 }
}
