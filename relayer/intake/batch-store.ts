/** Batches in order of arrival, and how far each worker has come. */
import type { Address, Hash } from '../../protocol/bytes.ts'
import type { WorkerSequence } from '../../protocol/epoch/state.ts'
import { decodeWorkerSequence, encodeWorkerSequence } from '../../protocol/epoch/state-codec.ts'
import { type BatchIdentity, decodeSignedBatch, type SignedBatch } from '../../protocol/usage/batch.ts'
import { decodeInclusion, encodeInclusion, type SignedInclusion } from '../../protocol/usage/inclusion.ts'
import { FIRST_SEQUENCE, type SequenceState } from '../../protocol/usage/sequence.ts'
import type { SqliteDatabase } from '../../runtime/sqlite.ts'

export interface WorkerProgress {
  readonly sequence: SequenceState
  /** Records that were taken from the worker into `epoch`, the last epoch it sent any in. */
  readonly epoch: number
  readonly records: number
}

export interface BatchStore {
  progressOf(worker: Address): WorkerProgress
  setProgress(worker: Address, progress: WorkerProgress): void
  /** Replaces all sequences. */
  setSequences(sequences: Iterable<WorkerSequence>): void
  add(bytes: Uint8Array, promise: SignedInclusion): void
  /** What was promised for a batch that has been taken in, the newest promise first. */
  promiseFor(identity: BatchIdentity): SignedInclusion | undefined
  /** Ascending by worker and sequence. */
  ofEpoch(epoch: number): SignedBatch[]
  /** What {@link ofEpoch} are the batches of, in the same order. */
  identitiesOf(epoch: number): BatchIdentity[]
  /** Identities of what was taken after an epoch, in order of arrival. */
  after(epoch: number): StoredIdentity[]
  remove(id: number): void
  prune(beforeEpoch: number): void
}

export interface StoredIdentity {
  readonly id: number
  readonly worker: Address
  readonly from: number
  readonly to: number
}

interface ProgressRow {
  readonly state: Buffer
  readonly epoch: number
  readonly records: number
}

export function createBatchStore(database: SqliteDatabase): BatchStore {
  const progress = database.prepare<[string], ProgressRow>(
    'SELECT state, epoch, records FROM sequences WHERE worker = ?',
  )
  const setProgress = database.prepare(
    `INSERT INTO sequences (worker, state, epoch, records) VALUES (?, ?, ?, ?)
     ON CONFLICT (worker) DO UPDATE SET state = excluded.state, epoch = excluded.epoch, records = excluded.records`,
  )
  const setState = database.prepare(
    `INSERT INTO sequences (worker, state, epoch, records) VALUES (?, ?, -1, 0)
     ON CONFLICT (worker) DO UPDATE SET state = excluded.state`,
  )
  const workers = database.prepare<[], { worker: Address }>('SELECT worker FROM sequences')
  const forgetWorker = database.prepare('DELETE FROM sequences WHERE worker = ?')
  const insert = database.prepare(
    'INSERT INTO batches (epoch, worker, seq_from, seq_to, root, bytes, promise) VALUES (?, ?, ?, ?, ?, ?, ?)',
  )
  const promise = database.prepare<[Address, number, number, Hash], { promise: Buffer }>(
    `SELECT promise FROM batches WHERE worker = ? AND seq_from = ? AND seq_to = ? AND root = ?
     ORDER BY id DESC LIMIT 1`,
  )
  const ofEpoch = database.prepare<[number], { bytes: Buffer }>(
    'SELECT bytes FROM batches WHERE epoch = ? ORDER BY worker, seq_from',
  )
  const identitiesOf = database.prepare<[number], BatchIdentity>(
    `SELECT worker, seq_from AS seqFrom, seq_to AS seqTo, root AS batchRoot FROM batches WHERE epoch = ?
     ORDER BY worker, seq_from`,
  )
  const after = database.prepare<[number], StoredIdentity>(
    'SELECT id, worker, seq_from AS "from", seq_to AS "to" FROM batches WHERE epoch > ? ORDER BY id',
  )
  const remove = database.prepare('DELETE FROM batches WHERE id = ?')
  const prune = database.prepare('DELETE FROM batches WHERE epoch < ?')

  return {
    progressOf: worker => {
      const row = progress.get(worker)
      if (row === undefined) return { sequence: FIRST_SEQUENCE, epoch: -1, records: 0 }
      const { sequence } = decodeWorkerSequence(row.state)
      return { sequence, epoch: row.epoch, records: row.records }
    },
    setProgress: (worker, { sequence, epoch, records }) => {
      setProgress.run(worker, Buffer.from(encodeWorkerSequence({ worker, sequence })), epoch, records)
    },
    setSequences: sequences => {
      const named = new Set<string>()
      for (const sequence of sequences) {
        named.add(sequence.worker)
        setState.run(sequence.worker, Buffer.from(encodeWorkerSequence(sequence)))
      }
      for (const { worker } of workers.all()) if (!named.has(worker)) forgetWorker.run(worker)
    },
    add: (bytes, signed) => {
      const { epoch, worker, seqFrom, seqTo, batchRoot } = signed.receipt
      const stored = Buffer.from(encodeInclusion(signed))
      insert.run(epoch, worker, seqFrom, seqTo, batchRoot, Buffer.from(bytes), stored)
    },
    promiseFor: ({ worker, seqFrom, seqTo, batchRoot }) => {
      const row = promise.get(worker, seqFrom, seqTo, batchRoot)
      return row === undefined ? undefined : decodeInclusion(row.promise)
    },
    ofEpoch: epoch => ofEpoch.all(epoch).map(row => decodeSignedBatch(row.bytes)),
    identitiesOf: epoch => identitiesOf.all(epoch),
    after: epoch => after.all(epoch),
    remove: id => {
      remove.run(id)
    },
    prune: beforeEpoch => {
      prune.run(beforeEpoch)
    },
  }
}
