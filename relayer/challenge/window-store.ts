/** Commitments by window, closed windows, and what was opened. */
import type { Address, Hash } from '../../protocol/bytes.ts'
import { type ChallengeResult, OPENING, type Opening } from '../../protocol/epoch/availability.ts'
import { EMPTY_ROOT } from '../../protocol/merkle.ts'
import type { SqliteDatabase } from '../../runtime/sqlite.ts'

export interface DeviceWindow {
  readonly window: number
  readonly worker: Address
  readonly device: Hash
}

export interface StoredCommitment extends DeviceWindow {
  readonly products: number
  /** Hex of the commitment's digest. */
  readonly commitment: Hash
  /** Undefined until openings have been judged. */
  readonly opening: Opening | undefined
  readonly transcriptHash: Hash
}

export interface ClosedWindow {
  readonly window: number
  readonly epoch: number
  readonly root: Hash
  readonly count: number
  /** False: it was closed too late to reach the oracle nodes, and counts nowhere. */
  readonly published: boolean
}

export interface WindowStore {
  add(commitment: StoredCommitment, bytes: Uint8Array): void
  find(of: DeviceWindow): { readonly commitment: StoredCommitment; readonly bytes: Uint8Array } | undefined
  /** Sorted by encoded bytes, as lines of a bundle are. */
  ofWindow(window: number): StoredCommitment[]
  /** Windows with commitments and without a root, ascending. */
  unclosed(): number[]
  close(closed: ClosedWindow): void
  closed(window: number): ClosedWindow | undefined
  /** Of an epoch, published or not, ascending. */
  closedIn(epoch: number): ClosedWindow[]
  /** Those from `window` on. */
  closedFrom(window: number): ClosedWindow[]
  judge(
    of: DeviceWindow,
    opening: Opening,
    transcript: { readonly hash: Hash; readonly bytes: Uint8Array },
  ): void
  /** Nobody could open anything of this window: that is held against nobody. */
  leaveUndrawn(window: number): void
  /** Openings that came when too many were waiting: one of each device and window, the first. */
  keepWaiting(of: DeviceWindow, openings: Uint8Array): void
  waiting(of: DeviceWindow): Uint8Array | undefined
  dropWaiting(of: DeviceWindow): void
  transcript(hash: Hash): Uint8Array | undefined
  /** @param window the first one that is kept */
  prune(window: number): void
}

interface CommitmentRow {
  readonly window: number
  readonly worker: Address
  readonly device: Hash
  readonly products: number
  readonly digest: Hash
  readonly opening: Opening | null
  readonly transcript: Hash | null
}

interface WindowRow extends Omit<ClosedWindow, 'published'> {
  readonly published: number
}

const COLUMNS = 'window, worker, device, products, digest, opening, transcript'
const ONE_DEVICE = 'window = ? AND worker = ? AND device = ?'
const WINDOW_COLUMNS = 'window, epoch, root, count, published'

export function createWindowStore(database: SqliteDatabase): WindowStore {
  const insert = database.prepare(
    'INSERT INTO commitments (window, worker, device, products, digest, bytes) VALUES (?, ?, ?, ?, ?, ?)',
  )
  const find = database.prepare<[number, Address, Hash], CommitmentRow & { bytes: Buffer }>(
    `SELECT ${COLUMNS}, bytes FROM commitments WHERE ${ONE_DEVICE}`,
  )
  // Of equal length and lower case, hex is ordered as its bytes are.
  const ofWindow = database.prepare<[number], CommitmentRow>(
    `SELECT ${COLUMNS} FROM commitments WHERE window = ? ORDER BY worker, device`,
  )
  const unclosed = database.prepare<[], { window: number }>(
    `SELECT DISTINCT window FROM commitments
     WHERE window > coalesce((SELECT max(window) FROM windows), -1) ORDER BY window`,
  )
  const close = database.prepare(
    'INSERT INTO windows (window, epoch, root, count, published) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const closed = database.prepare<[number], WindowRow>(
    `SELECT ${WINDOW_COLUMNS} FROM windows WHERE window = ?`,
  )
  const closedIn = database.prepare<[number], WindowRow>(
    `SELECT ${WINDOW_COLUMNS} FROM windows WHERE epoch = ? ORDER BY window`,
  )
  const closedFrom = database.prepare<[number], WindowRow>(
    `SELECT ${WINDOW_COLUMNS} FROM windows WHERE window >= ? ORDER BY window`,
  )
  const judge = database.prepare(`UPDATE commitments SET opening = ?, transcript = ? WHERE ${ONE_DEVICE}`)
  const leaveUndrawn = database.prepare(
    `UPDATE commitments SET opening = ${OPENING.notDrawn} WHERE window = ? AND opening IS NULL`,
  )
  const keepWaiting = database.prepare(
    'INSERT INTO waiting_openings (window, worker, device, bytes) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const waiting = database.prepare<[number, Address, Hash], { bytes: Buffer }>(
    `SELECT bytes FROM waiting_openings WHERE ${ONE_DEVICE}`,
  )
  const dropWaiting = database.prepare(`DELETE FROM waiting_openings WHERE ${ONE_DEVICE}`)
  const insertTranscript = database.prepare(
    'INSERT INTO transcripts (hash, window, bytes) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const transcript = database.prepare<[Hash], { bytes: Buffer }>(
    'SELECT bytes FROM transcripts WHERE hash = ?',
  )
  const prunes = ['commitments', 'transcripts', 'waiting_openings', 'windows'].map(table =>
    database.prepare(`DELETE FROM ${table} WHERE window < ?`),
  )

  return {
    add: ({ window, worker, device, products, commitment }, bytes) => {
      insert.run(window, worker, device, products, commitment, Buffer.from(bytes))
    },
    find: ({ window, worker, device }) => {
      const row = find.get(window, worker, device)
      return row === undefined ? undefined : { commitment: commitmentOf(row), bytes: row.bytes }
    },
    ofWindow: window => ofWindow.all(window).map(commitmentOf),
    unclosed: () => unclosed.all().map(row => row.window),
    close: ({ window, epoch, root, count, published }) => {
      close.run(window, epoch, root, count, published ? 1 : 0)
    },
    closed: window => {
      const row = closed.get(window)
      return row === undefined ? undefined : windowOf(row)
    },
    closedIn: epoch => closedIn.all(epoch).map(windowOf),
    closedFrom: window => closedFrom.all(window).map(windowOf),
    judge: ({ window, worker, device }, opening, { hash, bytes }) => {
      insertTranscript.run(hash, window, Buffer.from(bytes))
      judge.run(opening, hash, window, worker, device)
    },
    leaveUndrawn: window => {
      leaveUndrawn.run(window)
    },
    keepWaiting: ({ window, worker, device }, openings) => {
      keepWaiting.run(window, worker, device, Buffer.from(openings))
    },
    waiting: ({ window, worker, device }) => waiting.get(window, worker, device)?.bytes,
    dropWaiting: ({ window, worker, device }) => {
      dropWaiting.run(window, worker, device)
    },
    transcript: hash => transcript.get(hash)?.bytes,
    prune: window => {
      for (const statement of prunes) statement.run(window)
    },
  }
}

function commitmentOf(row: CommitmentRow): StoredCommitment {
  const { window, worker, device, products, digest, opening, transcript } = row
  return {
    window,
    worker,
    device,
    products,
    commitment: digest,
    opening: opening ?? undefined,
    transcriptHash: transcript ?? EMPTY_ROOT,
  }
}

function windowOf(row: WindowRow): ClosedWindow {
  return { ...row, published: row.published === 1 }
}

/** A commitment as a line of the bundle: where something was drawn, what has not been opened has failed. */
export function resultOf(stored: StoredCommitment): ChallengeResult {
  return { ...stored, opening: stored.opening ?? OPENING.failed }
}
