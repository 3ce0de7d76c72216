/** Values of the beacon with their proofs, and the transcripts by which anybody checks them. In SQLite. */
import { BEACON_KIND, type BeaconInput, rootOf } from '../../protocol/beacon/input.ts'
import type { Hash } from '../../protocol/bytes.ts'
import type { SqliteDatabase } from '../../runtime/sqlite.ts'

/** Never edited, only added to. */
export const BEACON_MIGRATIONS: readonly string[] = [
  `CREATE TABLE beacons (kind INTEGER NOT NULL, slot INTEGER NOT NULL, root TEXT NOT NULL, value TEXT NOT NULL,
     proof BLOB NOT NULL, lasting INTEGER NOT NULL, PRIMARY KEY (kind, slot, root)) STRICT, WITHOUT ROWID;
   CREATE INDEX beacons_by_slot ON beacons (slot, lasting);
   CREATE TABLE transcripts (key_epoch INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, bytes BLOB NOT NULL) STRICT;
   CREATE TABLE drawn (slot INTEGER PRIMARY KEY, root TEXT NOT NULL) STRICT;`,
]

export interface StoredBeacon {
  readonly value: Hash
  /** As `encodeProof` writes it. */
  readonly proof: Uint8Array
}

export interface BeaconStore {
  find(input: BeaconInput): StoredBeacon | undefined
  /** @param lasting whether it decides anything: that of a slot that is no window is only needed until that is known */
  add(input: BeaconInput, beacon: StoredBeacon, lasting: boolean): void
  transcript(keyEpoch: number): Uint8Array | undefined
  transcriptOf(hash: Hash): Uint8Array | undefined
  /** The first one of a key epoch stays. */
  keepTranscript(keyEpoch: number, hash: Hash, bytes: Uint8Array): void
  /**
   * Fixes the one root of a slot that this member draws for, on disk before it returns.
   *
   * @returns the root that is fixed: another one when it was before
   */
  fixDraw(slot: number, root: Hash): Hash
  drawnRoot(slot: number): Hash | undefined
  /** Forgets beacons of slots before this one that decided nothing. */
  forgetPassing(slot: number): void
  /** Forgets everything of slots before this one, but for transcripts: none of it may ever be drawn again. */
  forgetBefore(slot: number): void
  close(): void
}

export function createBeaconStore(database: SqliteDatabase): BeaconStore {
  const find = database.prepare<[number, number, Hash], { value: Hash; proof: Buffer }>(
    'SELECT value, proof FROM beacons WHERE kind = ? AND slot = ? AND root = ?',
  )
  const add = database.prepare(
    'INSERT INTO beacons (kind, slot, root, value, proof, lasting) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const transcript = database.prepare<[number], { bytes: Buffer }>(
    'SELECT bytes FROM transcripts WHERE key_epoch = ?',
  )
  const transcriptOf = database.prepare<[Hash], { bytes: Buffer }>(
    'SELECT bytes FROM transcripts WHERE hash = ?',
  )
  const keepTranscript = database.prepare(
    'INSERT INTO transcripts (key_epoch, hash, bytes) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const drawnRoot = database.prepare<[number], { root: Hash }>('SELECT root FROM drawn WHERE slot = ?')
  const fixDraw = database.prepare('INSERT INTO drawn (slot, root) VALUES (?, ?) ON CONFLICT DO NOTHING')
  const forgetPassing = database.prepare('DELETE FROM beacons WHERE slot < ? AND lasting = 0')
  const forgetBefore = database.prepare('DELETE FROM beacons WHERE slot < ?')
  const forgetDrawn = database.prepare('DELETE FROM drawn WHERE slot < ?')

  return {
    find: input => {
      const row = find.get(BEACON_KIND[input.kind], input.slot, rootOf(input))
      return row === undefined ? undefined : { value: row.value, proof: Uint8Array.from(row.proof) }
    },
    add: (input, { value, proof }, lasting) => {
      const kind = BEACON_KIND[input.kind]
      add.run(kind, input.slot, rootOf(input), value, Buffer.from(proof), lasting ? 1 : 0)
    },
    transcript: keyEpoch => {
      const row = transcript.get(keyEpoch)
      return row === undefined ? undefined : Uint8Array.from(row.bytes)
    },
    transcriptOf: hash => {
      const row = transcriptOf.get(hash)
      return row === undefined ? undefined : Uint8Array.from(row.bytes)
    },
    keepTranscript: (keyEpoch, hash, bytes) => {
      keepTranscript.run(keyEpoch, hash, Buffer.from(bytes))
    },
    fixDraw: (slot, root) => {
      fixDraw.run(slot, root)
      return drawnRoot.get(slot)?.root ?? root
    },
    drawnRoot: slot => drawnRoot.get(slot)?.root,
    forgetPassing: slot => {
      forgetPassing.run(slot)
    },
    forgetBefore: slot => {
      forgetBefore.run(slot)
      forgetDrawn.run(slot)
    },
    close: () => {
      database.close()
    },
  }
}
