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
  /** What the judgement went by; undefined until there is one. */
  readonly judgedBy: Beacons | undefined
}

/** Both come from blocks, which may be replaced until they are final. */
export interface Beacons {
  /** Of the window, from which the products follow. */
  readonly window: Hash
  readonly draw: Hash
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
    by: Beacons,
    transcript: { readonly hash: Hash; readonly bytes: Uint8Array },
  ): void
  /** What was judged counts by other beacons now, or as another thing; without transcript for {@link OPENING.notDrawn}. */
  judgeAgain(of: DeviceWindow, opening: Opening, by: Beacons): void
  /** Openings that came when too many were waiting: one of each device and window, the first. */
  keepWaiting(of: DeviceWindow, by: Beacons, openings: Uint8Array): void
  waiting(of: DeviceWindow): { readonly by: Beacons; readonly openings: Uint8Array } | undefined
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
  readonly window_beacon: Hash | null
  readonly draw_beacon: Hash | null
}

interface WindowRow extends Omit<ClosedWindow, 'published'> {
  readonly published: number
}

const COLUMNS = 'window, worker, device, products, digest, opening, transcript, window_beacon, draw_beacon'
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
  const judge = database.prepare(
    `UPDATE commitments SET opening = ?, transcript = ?, window_beacon = ?, draw_beacon = ? WHERE ${ONE_DEVICE}`,
  )
  const judgeAgain = database.prepare(
    `UPDATE commitments SET opening = ?, window_beacon = ?, draw_beacon = ? WHERE ${ONE_DEVICE}`,
  )
  const dropTranscript = database.prepare(`UPDATE commitments SET transcript = NULL WHERE ${ONE_DEVICE}`)
  const keepWaiting = database.prepare(
    `INSERT INTO waiting_openings (window, worker, device, window_beacon, draw_beacon, bytes)
     VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  )
  const waiting = database.prepare<
    [number, Address, Hash],
    { window_beacon: Hash; draw_beacon: Hash; bytes: Buffer }
  >(`SELECT window_beacon, draw_beacon, bytes FROM waiting_openings WHERE ${ONE_DEVICE}`)
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
    judge: ({ window, worker, device }, opening, by, { hash, bytes }) => {
      insertTranscript.run(hash, window, Buffer.from(bytes))
      judge.run(opening, hash, by.window, by.draw, window, worker, device)
    },
    judgeAgain: ({ window, worker, device }, opening, by) => {
      judgeAgain.run(opening, by.window, by.draw, window, worker, device)
      if (opening === OPENING.notDrawn) dropTranscript.run(window, worker, device)
    },
    keepWaiting: ({ window, worker, device }, by, openings) => {
      keepWaiting.run(window, worker, device, by.window, by.draw, Buffer.from(openings))
    },
    waiting: ({ window, worker, device }) => {
      const row = waiting.get(window, worker, device)
      if (row === undefined) return undefined
      return { by: { window: row.window_beacon, draw: row.draw_beacon }, openings: row.bytes }
    },
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
  const { window, worker, device, products, digest, opening, transcript, window_beacon, draw_beacon } = row
  return {
    window,
    worker,
    device,
    products,
    commitment: digest,
    opening: opening ?? undefined,
    transcriptHash: transcript ?? EMPTY_ROOT,
    judgedBy:
      window_beacon === null || draw_beacon === null
        ? undefined
        : { window: window_beacon, draw: draw_beacon },
  }
}

function windowOf(row: WindowRow): ClosedWindow {
  return { ...row, published: row.published === 1 }
}

/** A commitment as a line of the bundle: every one is drawn, so what has not been opened has failed. */
export function resultOf({ judgedBy: _, ...stored }: StoredCommitment): ChallengeResult {
  return { ...stored, opening: stored.opening ?? OPENING.failed }
}
