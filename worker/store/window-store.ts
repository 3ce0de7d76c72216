import {
  decodeCommitment,
  encodeCommitment,
  type SignedCommitment,
} from '../../compute/challenge/commitment.ts'
import type { Hash } from '../../protocol/bytes.ts'
import type { SqliteDatabase } from '../../runtime/sqlite.ts'

/** A window that was committed to, or is about to be, and whose openings have not been taken yet. */
export interface CommittedWindow {
  readonly window: number
  readonly beacon: Hash
  readonly signed: SignedCommitment
}

/** Who forgets what it committed to cannot open it, which costs the device its epoch. */
export interface WindowStore {
  add(window: CommittedWindow): void
  /** Ascending. */
  open(): CommittedWindow[]
  done(window: number): void
}

export function createWindowStore(database: SqliteDatabase): WindowStore {
  const insert = database.prepare('INSERT INTO windows (window, beacon, commitment) VALUES (?, ?, ?)')
  const all = database.prepare('SELECT window, beacon, commitment FROM windows ORDER BY window')
  const remove = database.prepare('DELETE FROM windows WHERE window = ?')
  return {
    add: ({ window, beacon, signed }) => {
      insert.run(window, beacon, Buffer.from(encodeCommitment(signed)))
    },
    open: () =>
      (all.all() as { window: number; beacon: Hash; commitment: Buffer }[]).map(
        ({ window, beacon, commitment }) => ({ window, beacon, signed: decodeCommitment(commitment) }),
      ),
    done: window => {
      remove.run(window)
    },
  }
}
