/** What an auditor must not forget, in SQLite: what it has seen for itself, and what it has signed. */
import { randomBytes } from 'node:crypto'
import type { Statement } from 'better-sqlite3'
import { type Hash, hexOf } from '../../protocol/bytes.ts'
import {
  type CertifiedReport,
  decodeCertifiedReport,
  encodeCertifiedReport,
} from '../../protocol/certificate.ts'
import type { AuditRefusal } from '../../protocol/epoch/audit-types.ts'
import type { WindowSeal } from '../../protocol/epoch/messages.ts'
import { unpackReport } from '../../protocol/report.ts'
import { decodeInclusion, encodeInclusion, type SignedInclusion } from '../../protocol/usage/inclusion.ts'
import {
  channelKey,
  decodeSignedReceipt,
  encodeSignedReceipt,
  type SignedReceipt,
} from '../../protocol/usage/receipt.ts'
import type { SqliteDatabase } from '../../runtime/sqlite.ts'

/** Never edited, only added to. Hashes are 32 bytes. */
export const AUDIT_MIGRATIONS: readonly string[] = [
  `CREATE TABLE prices (epoch INTEGER PRIMARY KEY, report BLOB NOT NULL) STRICT;
   CREATE TABLE seals (window INTEGER PRIMARY KEY, root TEXT NOT NULL, count INTEGER NOT NULL, received_ms INTEGER NOT NULL) STRICT;
   CREATE TABLE inclusions (bytes BLOB PRIMARY KEY, epoch INTEGER NOT NULL) STRICT, WITHOUT ROWID;
   CREATE INDEX inclusions_by_epoch ON inclusions (epoch);
   CREATE TABLE receipts (channel TEXT PRIMARY KEY, bytes BLOB NOT NULL, shown_ms INTEGER NOT NULL) STRICT;
   CREATE TABLE closings (bundle TEXT PRIMARY KEY, epoch INTEGER NOT NULL, state TEXT NOT NULL) STRICT;
   CREATE TABLE locks (epoch INTEGER NOT NULL, attempt INTEGER NOT NULL, digest TEXT NOT NULL, key_epoch INTEGER NOT NULL,
     bundle TEXT NOT NULL, PRIMARY KEY (epoch, attempt)) STRICT;
   CREATE TABLE audits (id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, attempt INTEGER NOT NULL, digest TEXT NOT NULL,
     outcome TEXT NOT NULL, code TEXT, text TEXT, at_ms INTEGER NOT NULL) STRICT;
   CREATE TABLE secrets (name TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;`,
]

/** Promises of one epoch: a batch of each of 50,000 workers. */
const MAX_INCLUSIONS = 50_000
/** Channels whose receipt was shown here: only those whose relayer is distrusted. The oldest goes first. */
const MAX_RECEIPTS = 10_000
/** Audits that can be looked at. */
const MAX_AUDITS = 200
/** Locks outlive everything else: they are small, and what they stop is worst. */
const KEPT_LOCK_EPOCHS = 1_000

export interface EpochLock {
  readonly digest: Hash
  readonly keyEpoch: number
  /** The bundle that was checked. */
  readonly bundleHash: Hash
}

export type AuditOutcome = 'signed' | 'refused' | 'locked' | 'unready'

export interface AuditRecord {
  readonly epoch: number
  readonly attempt: number
  readonly digest: Hash
  readonly outcome: AuditOutcome
  readonly code: AuditRefusal | null
  readonly text: string | null
  readonly atMs: number
}

/** Another report of the same (epoch, attempt) has been locked. Never retry: only another attempt can be signed. */
export class EpochLockedError extends Error {
  readonly code = 'EPOCH_LOCKED'
  readonly digest: Hash
  constructor(epoch: number, attempt: number, digest: Hash) {
    super(`attempt ${attempt} of epoch ${epoch} is locked to ${digest}`)
    this.name = 'EpochLockedError'
    this.digest = digest
  }
}

interface LockRow {
  readonly digest: Hash
  readonly key_epoch: number
  readonly bundle: Hash
}

export class AuditStore {
  readonly #database: SqliteDatabase
  /** As many as there are questions. */
  readonly #statements = new Map<string, Statement<unknown[]>>()

  /** @param database opened with {@link AUDIT_MIGRATIONS} */
  constructor(database: SqliteDatabase) {
    this.#database = database
  }

  /** The certificate with the highest price of an epoch. */
  highestPrice(epoch: number): CertifiedReport | undefined {
    const row = this.#one<{ report: Buffer }>('SELECT report FROM prices WHERE epoch = ?', epoch)
    return row === undefined ? undefined : decodeCertifiedReport(row.report)
  }

  /** Keeps a certificate whose price is above the one that is kept. Whether it was. */
  raisePrice(epoch: number, report: CertifiedReport): boolean {
    const known = this.highestPrice(epoch)
    if (known !== undefined && unpackReport(known.word).price >= unpackReport(report.word).price) return false
    const bytes = Buffer.from(encodeCertifiedReport(report))
    this.#run('INSERT OR REPLACE INTO prices (epoch, report) VALUES (?, ?)', epoch, bytes)
    return true
  }

  sealedRoot(window: number): Hash | undefined {
    return this.#one<{ root: Hash }>('SELECT root FROM seals WHERE window = ?', window)?.root
  }

  /** The first seal of a window stays. */
  addSeal({ window, root, count }: WindowSeal, receivedMs: number): void {
    this.#run(
      'INSERT OR IGNORE INTO seals (window, root, count, received_ms) VALUES (?, ?, ?, ?)',
      window,
      root,
      count,
      receivedMs,
    )
  }

  /** Roots of windows from one up to, and without, another. */
  rootsBetween(from: number, to: number): Map<number, Hash> {
    const rows = this.#all<{ window: number; root: Hash }>(
      'SELECT window, root FROM seals WHERE window >= ? AND window < ?',
      from,
      to,
    )
    return new Map(rows.map(({ window, root }) => [window, root]))
  }

  /** Whether it is new, and there was room. */
  addInclusion(inclusion: SignedInclusion): boolean {
    const { epoch } = inclusion.receipt
    const bytes = Buffer.from(encodeInclusion(inclusion))
    const known = this.#one('SELECT 1 FROM inclusions WHERE bytes = ?', bytes)
    if (known !== undefined || this.#countInclusions(epoch) >= MAX_INCLUSIONS) return false
    this.#run('INSERT INTO inclusions (bytes, epoch) VALUES (?, ?)', bytes, epoch)
    return true
  }

  inclusionsOf(epoch: number): SignedInclusion[] {
    return this.#all<{ bytes: Buffer }>('SELECT bytes FROM inclusions WHERE epoch = ?', epoch).map(row =>
      decodeInclusion(row.bytes),
    )
  }

  /** Keeps the receipt that allows the most on its channel. */
  keepReceipt(signed: SignedReceipt, nowMs: number): void {
    const channel = channelKey(signed.receipt)
    const row = this.#one<{ bytes: Buffer }>('SELECT bytes FROM receipts WHERE channel = ?', channel)
    if (row !== undefined && !allowsMore(signed, decodeSignedReceipt(row.bytes))) return
    this.#database
      .transaction(() => {
        this.#run(
          'INSERT OR REPLACE INTO receipts (channel, bytes, shown_ms) VALUES (?, ?, ?)',
          channel,
          Buffer.from(encodeSignedReceipt(signed)),
          nowMs,
        )
        this.#run(
          'DELETE FROM receipts WHERE channel IN (SELECT channel FROM receipts ORDER BY shown_ms DESC LIMIT 2 OFFSET ?)',
          MAX_RECEIPTS,
        )
      })
      .immediate()
  }

  receipts(): SignedReceipt[] {
    return this.#all<{ bytes: Buffer }>('SELECT bytes FROM receipts').map(row =>
      decodeSignedReceipt(row.bytes),
    )
  }

  /** Hash of the state that a bundle leaves, by this node's own computation. */
  closingOf(bundleHash: Hash): Hash | undefined {
    return this.#one<{ state: Hash }>('SELECT state FROM closings WHERE bundle = ?', bundleHash)?.state
  }

  addClosing(epoch: number, bundleHash: Hash, stateHash: Hash): void {
    this.#run(
      'INSERT OR IGNORE INTO closings (bundle, epoch, state) VALUES (?, ?, ?)',
      bundleHash,
      epoch,
      stateHash,
    )
  }

  lockOf(epoch: number, attempt: number): EpochLock | undefined {
    const row = this.#one<LockRow>(
      'SELECT digest, key_epoch, bundle FROM locks WHERE epoch = ? AND attempt = ?',
      epoch,
      attempt,
    )
    return row === undefined
      ? undefined
      : { digest: row.digest, keyEpoch: row.key_epoch, bundleHash: row.bundle }
  }

  isLockedBundle(bundleHash: Hash): boolean {
    return this.#one('SELECT 1 FROM locks WHERE bundle = ?', bundleHash) !== undefined
  }

  /**
   * Locks (epoch, attempt) to a report, on disk before it returns. The same report again succeeds.
   *
   * @throws {EpochLockedError} when it is locked to another
   */
  lock(epoch: number, attempt: number, lock: EpochLock): void {
    this.#database
      .transaction(() => {
        const known = this.lockOf(epoch, attempt)
        if (known !== undefined && known.digest !== lock.digest)
          throw new EpochLockedError(epoch, attempt, known.digest)
        this.#run(
          'INSERT OR IGNORE INTO locks (epoch, attempt, digest, key_epoch, bundle) VALUES (?, ?, ?, ?, ?)',
          epoch,
          attempt,
          lock.digest,
          lock.keyEpoch,
          lock.bundleHash,
        )
      })
      .immediate()
  }

  addAudit({ epoch, attempt, digest, outcome, code, text, atMs }: AuditRecord): void {
    this.#run(
      'INSERT INTO audits (epoch, attempt, digest, outcome, code, text, at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)',
      ...[epoch, attempt, digest, outcome, code, text, atMs],
    )
    this.#run('DELETE FROM audits WHERE id <= (SELECT max(id) FROM audits) - ?', MAX_AUDITS)
  }

  /** Newest first. */
  audits(limit: number): AuditRecord[] {
    return this.#all<AuditRecord>(
      'SELECT epoch, attempt, digest, outcome, code, text, at_ms AS atMs FROM audits ORDER BY id DESC LIMIT ?',
      Math.min(limit, MAX_AUDITS),
    )
  }

  /** Random, made once: what a relayer could foresee would be no sample. */
  sampleSecret(): Hash {
    const find = () => this.#one<{ bytes: Buffer }>("SELECT bytes FROM secrets WHERE name = 'sample'")?.bytes
    if (find() === undefined)
      this.#run("INSERT OR IGNORE INTO secrets (name, bytes) VALUES ('sample', ?)", randomBytes(32))
    return hexOf(Uint8Array.from(find() ?? Buffer.alloc(32)))
  }

  /** Forgets what can no longer decide anything. */
  forgetBefore(epoch: number, window: number): void {
    this.#database
      .transaction(() => {
        for (const table of ['prices', 'inclusions', 'closings'])
          this.#run(`DELETE FROM ${table} WHERE epoch < ?`, epoch)
        this.#run('DELETE FROM seals WHERE window < ?', window)
        this.#run('DELETE FROM locks WHERE epoch < ?', epoch - KEPT_LOCK_EPOCHS)
      })
      .immediate()
  }

  close(): void {
    this.#database.close()
  }

  #countInclusions(epoch: number): number {
    return (
      this.#one<{ count: number }>('SELECT count(*) AS count FROM inclusions WHERE epoch = ?', epoch)
        ?.count ?? 0
    )
  }

  #one<Row>(sql: string, ...values: unknown[]): Row | undefined {
    return this.#prepared(sql).get(...values) as Row | undefined
  }

  #all<Row>(sql: string, ...values: unknown[]): Row[] {
    return this.#prepared(sql).all(...values) as Row[]
  }

  #run(sql: string, ...values: unknown[]): void {
    this.#prepared(sql).run(...values)
  }

  #prepared(sql: string): Statement<unknown[]> {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const statement = this.#database.prepare<unknown[]>(sql)
    this.#statements.set(sql, statement)
    return statement
  }
}

function allowsMore({ receipt: a }: SignedReceipt, { receipt: b }: SignedReceipt): boolean {
  if (a.cumulativeCeiling !== b.cumulativeCeiling) return a.cumulativeCeiling > b.cumulativeCeiling
  if (a.cumulativeUnits !== b.cumulativeUnits) return a.cumulativeUnits > b.cumulativeUnits
  return a.validUntilEpoch > b.validUntilEpoch
}
