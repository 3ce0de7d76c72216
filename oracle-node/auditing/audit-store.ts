/** What an auditor must not forget, in SQLite: what it has seen for itself, and what it has signed. */
import { randomBytes } from 'node:crypto'
import type { Statement } from 'better-sqlite3'
import { type Address, type Hash, hexOf } from '../../protocol/bytes.ts'
import {
  type CertifiedReport,
  decodeCertifiedReport,
  encodeCertifiedReport,
} from '../../protocol/certificate.ts'
import { type AuditRefusal, TURN_REFUSALS } from '../../protocol/epoch/audit-types.ts'
import {
  SHOWN_PAGE_ROOM,
  SHOWN_RECEIPT_BYTES,
  type ShownPage,
  type ShownRequest,
  type WindowSeal,
} from '../../protocol/epoch/messages.ts'
import {
  decodePromised,
  encodePromised,
  INCLUSION_BYTES,
  type PromisedBatch,
} from '../../protocol/epoch/promised-batch.ts'
import { unpackReport } from '../../protocol/report.ts'
import { decodeInclusion, type SignedInclusion } from '../../protocol/usage/inclusion.ts'
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
  // A promise without its batch binds nobody.
  `DROP TABLE inclusions;
   CREATE TABLE promises (id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, worker TEXT NOT NULL, root TEXT NOT NULL,
     relayer TEXT NOT NULL, bytes BLOB NOT NULL, UNIQUE (epoch, worker, root, relayer)) STRICT;`,
]

export interface PromiseLimits {
  /** Promised batches of one epoch. */
  readonly count: number
  /** Their bytes. */
  readonly bytes: number
}

/**
 * A batch of each of 50,000 workers, or 380,000 records: whoever settles the epoch and lacks them fetches them all. With
 * epochs that wait to be settled, the disk holds this for each of {@link MAX_PROMISE_EPOCHS}.
 */
const PROMISE_LIMITS: PromiseLimits = { count: 50_000, bytes: 64 * 2 ** 20 }
/** Epochs with promises: those that are remembered, and some that wait. */
const MAX_PROMISE_EPOCHS = 24
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

interface PromiseRow {
  readonly id: number
  readonly bytes: Buffer
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
  readonly #limits: PromiseLimits
  /** What the promises of each epoch take, as far as it has been asked for. */
  readonly #held = new Map<number, { count: number; bytes: number }>()

  /** @param database opened with {@link AUDIT_MIGRATIONS} */
  constructor(database: SqliteDatabase, limits: PromiseLimits = PROMISE_LIMITS) {
    this.#database = database
    this.#limits = limits
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

  hasPromise({ receipt: { epoch, worker, batchRoot } }: SignedInclusion, relayer: Address): boolean {
    const sql = 'SELECT 1 FROM promises WHERE epoch = ? AND worker = ? AND root = ? AND relayer = ?'
    return this.#one(sql, epoch, worker, batchRoot, relayer) !== undefined
  }

  /** Keeps a promise that has been checked, and its batch; the first of a relayer for a batch stays. */
  addPromise(promised: PromisedBatch, relayer: Address): 'added' | 'known' | 'full' {
    const { receipt } = promised.inclusion
    const { epoch } = receipt
    if (this.hasPromise(promised.inclusion, relayer)) return 'known'
    const bytes = Buffer.from(encodePromised(promised))
    const held = this.#heldOf(epoch)
    const { count, bytes: room } = this.#limits
    if (held.count >= count || held.bytes + bytes.length > room) return 'full'
    if (held.count === 0 && this.#countPromiseEpochs() >= MAX_PROMISE_EPOCHS) return 'full'
    this.#run(
      'INSERT INTO promises (epoch, worker, root, relayer, bytes) VALUES (?, ?, ?, ?, ?)',
      ...[epoch, receipt.worker, receipt.batchRoot, relayer, bytes],
    )
    this.#held.set(epoch, { count: held.count + 1, bytes: held.bytes + bytes.length })
    return 'added'
  }

  /** Promises whose batches are here too, of an epoch up to another, both included. */
  inclusionsOf(from: number, to: number = from): SignedInclusion[] {
    return this.#all<{ head: Buffer }>(
      `SELECT substr(bytes, 1, ${INCLUSION_BYTES}) AS head FROM promises WHERE epoch BETWEEN ? AND ? ORDER BY id`,
      from,
      to,
    ).map(row => decodeInclusion(row.head))
  }

  /** A page of what an epoch would be refused for when it lacks it. */
  shown({ epoch, cursor }: ShownRequest): ShownPage {
    const page: { batches: PromisedBatch[]; receipts: SignedReceipt[] } = { batches: [], receipts: [] }
    let [room, { after }] = [SHOWN_PAGE_ROOM, cursor]
    if (cursor.part === 'batches') {
      for (const { id, bytes } of this.#each<PromiseRow>(
        'SELECT id, bytes FROM promises WHERE epoch = ? AND id > ? ORDER BY id',
        ...[epoch, after],
      )) {
        room -= bytes.length + 4
        if (room < 0) return { ...page, next: { part: 'batches', after } }
        page.batches.push(decodePromised(new Uint8Array(bytes)))
        after = id
      }
      after = 0
    }
    for (const { id, bytes } of this.#each<PromiseRow>(
      'SELECT rowid AS id, bytes FROM receipts WHERE rowid > ? ORDER BY rowid',
      after,
    )) {
      const signed = decodeSignedReceipt(bytes)
      if (signed.receipt.validUntilEpoch < epoch) continue
      room -= SHOWN_RECEIPT_BYTES
      if (room < 0) return { ...page, next: { part: 'receipts', after } }
      page.receipts.push(signed)
      after = id
    }
    return { ...page, next: undefined }
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

  /** The last judgement of what is in a report: one that is staged can no longer be asked about in its turn. */
  auditOf(digest: Hash): AuditRecord | undefined {
    const marks = TURN_REFUSALS.map(() => '?').join(', ')
    return this.#one<AuditRecord>(
      `SELECT epoch, attempt, digest, outcome, code, text, at_ms AS atMs FROM audits
        WHERE digest = ? AND (code IS NULL OR code NOT IN (${marks})) ORDER BY id DESC LIMIT 1`,
      ...[digest, ...TURN_REFUSALS],
    )
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

  /**
   * Forgets what can no longer decide anything: promises with their batches too.
   *
   * @param owedFrom since the last epoch with a bundle: what was promised is owed, and what that one left is started from
   */
  forgetBefore(epoch: number, window: number, owedFrom = Number.POSITIVE_INFINITY): void {
    this.#database
      .transaction(() => {
        this.#run('DELETE FROM prices WHERE epoch < ?', epoch)
        this.#run('DELETE FROM promises WHERE epoch < ?', Math.min(epoch, owedFrom))
        this.#run('DELETE FROM closings WHERE epoch < ?', Math.min(epoch, owedFrom - 1))
        this.#run('DELETE FROM seals WHERE window < ?', window)
        this.#run('DELETE FROM locks WHERE epoch < ?', epoch - KEPT_LOCK_EPOCHS)
      })
      .immediate()
    this.#held.clear()
  }

  close(): void {
    this.#database.close()
  }

  #heldOf(epoch: number): { readonly count: number; readonly bytes: number } {
    const known = this.#held.get(epoch)
    if (known !== undefined) return known
    const row = this.#one<{ count: number; bytes: number }>(
      'SELECT count(*) AS count, coalesce(sum(length(bytes)), 0) AS bytes FROM promises WHERE epoch = ?',
      epoch,
    )
    const held = row ?? { count: 0, bytes: 0 }
    this.#held.set(epoch, held)
    return held
  }

  #countPromiseEpochs(): number {
    return this.#one<{ count: number }>('SELECT count(DISTINCT epoch) AS count FROM promises')?.count ?? 0
  }

  #one<Row>(sql: string, ...values: unknown[]): Row | undefined {
    return this.#prepared(sql).get(...values) as Row | undefined
  }

  #all<Row>(sql: string, ...values: unknown[]): Row[] {
    return this.#prepared(sql).all(...values) as Row[]
  }

  #each<Row>(sql: string, ...values: unknown[]): IterableIterator<Row> {
    return this.#prepared(sql).iterate(...values) as IterableIterator<Row>
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
