/** Certified reports by round, as many as are kept. */
import { randomBytes } from 'node:crypto'
import { hexOf } from '../../protocol/bytes.ts'
import { encodeCertifiedReport } from '../../protocol/certificate.ts'
import type { Domain } from '../../protocol/domain.ts'
import {
  certifiedReportOf,
  type DomainJson,
  domainJson,
  type ReportJson,
} from '../../protocol/report-json.ts'
import type { Round } from '../../protocol/rounds.ts'
import { formatDecimal } from '../../protocol/units.ts'
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
  `CREATE INDEX reports_on_chain ON reports (round) WHERE on_chain = 1;
   CREATE TABLE reports_pruned (
     only INTEGER PRIMARY KEY CHECK (only = 1),
     up_to INTEGER NOT NULL
   ) STRICT;`,
  // Marks of before were made from blocks that were not final: they are made anew, from the chain.
  `DROP INDEX reports_on_chain;
   UPDATE reports SET on_chain = 0 WHERE on_chain = 1;
   CREATE TABLE settled (
     network TEXT PRIMARY KEY,
     next_block INTEGER NOT NULL,
     highest_round INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE settled_unstored (round INTEGER PRIMARY KEY) STRICT;`,
]

/** Seven days of one-second rounds. With four quotes a report takes 2 kB: 1.3 GB in all. */
const DEFAULT_KEEP = 604_800
/**
 * Deleted with one that is added: more than one, so that a smaller `keep` takes effect, and few, because it happens in
 * the middle of a round.
 */
const PRUNED_AT_ONCE = 4
/** Rounds on chain whose reports are not here: they may be on their way. */
const KEPT_UNSTORED = 1_024
const NO_BOUND = Number.MAX_SAFE_INTEGER

export type Order = 'ascending' | 'descending'

export interface ReportStoreOptions {
  readonly domain: Domain
  /**
   * So many reports are kept, the newest. Those on chain go like all others: the chain itself keeps them, certificate
   * and all, in the calls that brought them there.
   */
  readonly keep?: number
}

/** Rounds between both, both excluded. */
export interface Between {
  readonly after?: number | undefined
  readonly before?: number | undefined
}

/** What is known of a report without reading it: enough to tell whether a page has changed. */
export interface ReportRow {
  readonly round: number
  readonly onChain: boolean
  /** Of what is stored, about. */
  readonly bytes: number
}

export interface ReportStore {
  /** Another one after every start: what another aggregator, or another file, says of a round may differ. */
  readonly id: string
  /** Keeps a report. False when one of the round is kept already, or the round is older than all that are kept. */
  add(report: ReportJson): boolean
  /**
   * Writes down, in one step, which rounds final blocks hold, and the first block that has not been looked at. A report
   * that comes later than its mark has it all the same.
   */
  settle(rounds: readonly Round[], nextBlock: number): void
  /** The first block that has not been looked at; undefined before the first `settle`. */
  nextBlock(): number | undefined
  /** The highest round in a final block. No lower one can get on chain any more, and marks of lower ones are made. */
  settledUpTo(): number
  /** 0 when there is none. */
  highestRound(): number
  oldestRound(): number | undefined
  /** Up to which round reports have been deleted; 0 before the first one was. */
  prunedUpTo(): number
  byRound(round: number): ReportJson | undefined
  /** What a page would hold: newest first, or oldest first. */
  rows(order: Order, limit: number, between?: Between): ReportRow[]
  /** Newest first, at most `limit`. */
  descending(limit: number, between?: Between): ReportJson[]
  /** Oldest first, at most `limit`. */
  ascending(limit: number, between?: Between): ReportJson[]
  count(): number
}

interface Row {
  readonly json: string
  readonly on_chain: number
}

export function createReportStore(database: SqliteDatabase, options: ReportStoreOptions): ReportStore {
  const { keep = DEFAULT_KEEP } = options
  const domain = domainJson(options.domain)
  const network = `${domain.chainId}:${domain.registry}`
  const read = (row: Row): ReportJson => completed(row, domain)

  const insert = database.prepare('INSERT INTO reports (round, json) VALUES (?, ?) ON CONFLICT DO NOTHING')
  const mark = database.prepare('UPDATE reports SET on_chain = 1 WHERE round = ?')
  const bounds = database.prepare<[], { low: number | null; high: number | null }>(
    // Two look-ups by key: one aggregate of both would read the whole table.
    'SELECT (SELECT min(round) FROM reports) AS low, (SELECT max(round) FROM reports) AS high',
  )
  const readSettled = database.prepare<[string], { next_block: number; highest_round: number }>(
    'SELECT next_block, highest_round FROM settled WHERE network = ?',
  )
  const writeSettled = database.prepare(
    `INSERT INTO settled VALUES (?, ?, ?) ON CONFLICT DO UPDATE
     SET next_block = excluded.next_block, highest_round = max(highest_round, excluded.highest_round)`,
  )
  const noteUnstored = database.prepare('INSERT INTO settled_unstored VALUES (?) ON CONFLICT DO NOTHING')
  const takeUnstored = database.prepare('DELETE FROM settled_unstored WHERE round = ?')
  const trimUnstored = database.prepare(
    `DELETE FROM settled_unstored WHERE round <=
     (SELECT round FROM settled_unstored ORDER BY round DESC LIMIT 1 OFFSET ${KEPT_UNSTORED})`,
  )
  const one = database.prepare<[number], Row>('SELECT json, on_chain FROM reports WHERE round = ?')
  const inOrder = (order: 'ASC' | 'DESC') =>
    database.prepare<[number, number, number], Row>(
      `SELECT json, on_chain FROM reports WHERE round > ? AND round < ? ORDER BY round ${order} LIMIT ?`,
    )
  const [up, down] = [inOrder('ASC'), inOrder('DESC')]
  const rowsInOrder = (order: 'ASC' | 'DESC') =>
    database.prepare<[number, number, number], { round: number; on_chain: number; bytes: number }>(
      `SELECT round, on_chain, octet_length(json) AS bytes FROM reports
       WHERE round > ? AND round < ? ORDER BY round ${order} LIMIT ?`,
    )
  const [rowsUp, rowsDown] = [rowsInOrder('ASC'), rowsInOrder('DESC')]
  const oldest = database.prepare<[number], { round: number }>(
    'SELECT round FROM reports ORDER BY round LIMIT ?',
  )
  const removeUpTo = database.prepare('DELETE FROM reports WHERE round <= ?')
  const readPruned = database.prepare<[], { up_to: number }>('SELECT up_to FROM reports_pruned')
  const writePruned = database.prepare(
    'INSERT INTO reports_pruned VALUES (1, ?) ON CONFLICT DO UPDATE SET up_to = excluded.up_to',
  )

  // Asked for with every event of every reader: kept here, not read each time.
  let count =
    database.prepare<[], { count: number }>('SELECT count(*) AS count FROM reports').get()?.count ?? 0
  let pruned = readPruned.get()?.up_to ?? 0
  let settled = readSettled.get(network)

  const add = database.transaction((report: ReportJson): { added: number; removed: number; upTo: number } => {
    const added = insert.run(report.round, JSON.stringify(stored(report))).changes
    if (added === 1 && takeUnstored.run(report.round).changes === 1) mark.run(report.round)
    const excess = Math.min(count + added - keep, PRUNED_AT_ONCE)
    const last = excess > 0 ? oldest.all(excess).at(-1) : undefined
    if (last === undefined) return { added, removed: 0, upTo: pruned }
    writePruned.run(last.round)
    return { added, removed: removeUpTo.run(last.round).changes, upTo: last.round }
  })

  const settle = database.transaction((rounds: readonly Round[], nextBlock: number): void => {
    for (const round of rounds) {
      if (mark.run(round).changes === 0 && round > pruned) noteUnstored.run(round)
    }
    if (rounds.length > 0) trimUnstored.run()
    writeSettled.run(network, nextBlock, Math.max(0, ...rounds))
  })

  return {
    id: randomBytes(8).toString('base64url'),
    add: report => {
      if (report.round <= pruned) return false
      // What is remembered changes when the transaction has succeeded, and only then.
      const { added, removed, upTo } = add(report)
      count += added - removed
      pruned = upTo
      return added === 1
    },
    settle: (rounds, nextBlock) => {
      settle(rounds, nextBlock)
      settled = readSettled.get(network)
    },
    nextBlock: () => settled?.next_block,
    settledUpTo: () => settled?.highest_round ?? 0,
    highestRound: () => bounds.get()?.high ?? 0,
    oldestRound: () => bounds.get()?.low ?? undefined,
    prunedUpTo: () => pruned,
    byRound: round => {
      const row = one.get(round)
      return row === undefined ? undefined : read(row)
    },
    rows: (order, limit, { after = -1, before = NO_BOUND } = {}) =>
      (order === 'ascending' ? rowsUp : rowsDown)
        .all(after, before, limit)
        .map(({ round, on_chain, bytes }) => ({ round, onChain: on_chain === 1, bytes })),
    descending: (limit, { after = -1, before = NO_BOUND } = {}) => down.all(after, before, limit).map(read),
    ascending: (limit, { after = -1, before = NO_BOUND } = {}) => up.all(after, before, limit).map(read),
    count: () => count,
  }
}

/** Not what follows from the rest, or is the same in every row: two reports of four quotes fit in a page of the file. */
function stored(report: ReportJson): Omit<ReportJson, 'domain' | 'priceUsd' | 'bytes' | 'onChain'> {
  const { domain, priceUsd, bytes, onChain, ...rest } = report
  return rest
}

/** The row was written by `add`, in a database that only this process writes. */
function completed({ json, on_chain }: Row, domain: DomainJson): ReportJson {
  const rest = JSON.parse(json) as ReturnType<typeof stored>
  return {
    ...rest,
    domain,
    priceUsd: formatDecimal(BigInt(rest.price)),
    bytes: hexOf(encodeCertifiedReport(certifiedReportOf(rest))),
    onChain: on_chain === 1,
  }
}
