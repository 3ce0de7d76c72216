/**
 * What the relayer knows of each epoch: where the machine stands, what has been proposed and certified, and how it
 * came there. The state and what goes with it are written in one transaction, before any effect.
 */
import type { Hash } from '../../protocol/bytes.ts'
import type { Certificate } from '../../protocol/certificate.ts'
import type { RefusedWhere } from '../../protocol/epoch/audit-types.ts'
import { EPOCH_PHASES, type EpochPhase, type EpochState, openEpoch } from '../../protocol/epoch/machine.ts'
import { decodeEpochReport, type EpochReport, encodeEpochReport } from '../../protocol/epoch/report.ts'
import type { SqliteDatabase } from '../../runtime/sqlite.ts'
import { decodeCertificate, encodeCertificate } from './certificate-codec.ts'
import type { EpochFigures } from './figures.ts'

/** Never edited, only added to. */
export const EPOCH_MIGRATIONS: readonly string[] = [
  `CREATE TABLE epochs (
     epoch INTEGER PRIMARY KEY,
     phase TEXT NOT NULL,
     attempt INTEGER NOT NULL,
     bundle_hash TEXT,
     valid_until INTEGER,
     report BLOB,
     certificate BLOB,
     figures TEXT,
     tx_hash TEXT,
     settled_at INTEGER
   ) STRICT;
   CREATE TABLE steps (
     id INTEGER PRIMARY KEY,
     epoch INTEGER NOT NULL,
     phase TEXT NOT NULL,
     at_sec INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX steps_of_epoch ON steps (epoch);
   CREATE TABLE refusals (
     epoch INTEGER NOT NULL,
     attempt INTEGER NOT NULL,
     slot INTEGER NOT NULL,
     code TEXT NOT NULL,
     text TEXT NOT NULL,
     PRIMARY KEY (epoch, attempt, slot)
   ) STRICT;
   CREATE TABLE prices (epoch INTEGER PRIMARY KEY, report BLOB NOT NULL) STRICT;
   CREATE TABLE refused_records (
     epoch INTEGER NOT NULL,
     worker TEXT NOT NULL,
     sequence INTEGER NOT NULL,
     reason TEXT NOT NULL,
     PRIMARY KEY (worker, epoch, sequence)
   ) STRICT;
   CREATE INDEX refused_records_of_epoch ON refused_records (epoch);`,
  // Where the node found it, as JSON.
  'ALTER TABLE refusals ADD COLUMN place TEXT;',
]

/** More than a year of hours; a row is about a kilobyte. */
const KEPT_EPOCHS = 10_000
/** An epoch that is refused again and again must not fill the disk: its last steps and refusals tell enough. */
const KEPT_STEPS = 100
const KEPT_ATTEMPTS = 64

/** One node's no, in one attempt. */
export interface EpochRefusal {
  readonly attempt: number
  readonly slot: number
  readonly code: string
  /** Absent for a lock. */
  readonly where?: RefusedWhere
  readonly text: string
}

export interface EpochStepAt {
  readonly phase: EpochPhase
  /** Block time, Unix seconds. */
  readonly atSec: number
}

/** What is stored beside a state. A field that is absent stays as it was; undefined forgets it. */
export interface EpochDetails {
  readonly report?: EpochReport | undefined
  readonly certificate?: Certificate | undefined
  readonly figures?: EpochFigures | undefined
  readonly txHash?: Hash | undefined
  /** Block time of the activation, Unix seconds. */
  readonly settledAtSec?: number | undefined
}

export interface EpochRecord extends EpochDetails {
  readonly state: EpochState
  readonly steps: readonly EpochStepAt[]
  readonly refusals: readonly EpochRefusal[]
}

export interface EpochStore {
  record(epoch: number): EpochRecord | undefined
  state(epoch: number): EpochState | undefined
  /** Newest first. */
  newest(limit: number): EpochRecord[]
  /** Epochs in any of these phases, ascending. */
  inPhases(phases: readonly EpochPhase[]): number[]
  /** Stores a state and what goes with it at once; a phase that differs from the one before is a step. */
  save(state: EpochState, atSec: number, details?: EpochDetails): void
  addRefusals(epoch: number, refusals: readonly EpochRefusal[]): void
}

interface Row {
  readonly epoch: number
  readonly phase: string
  readonly attempt: number
  readonly bundle_hash: string | null
  readonly valid_until: number | null
  readonly report: Buffer | null
  readonly certificate: Buffer | null
  readonly figures: string | null
  readonly tx_hash: string | null
  readonly settled_at: number | null
}

interface RefusalRow extends Omit<EpochRefusal, 'where'> {
  readonly place: string | null
}

export function createEpochStore(database: SqliteDatabase): EpochStore {
  const one = database.prepare<[number], Row>('SELECT * FROM epochs WHERE epoch = ?')
  const page = database.prepare<[number], Row>('SELECT * FROM epochs ORDER BY epoch DESC LIMIT ?')
  const inPhase = database.prepare<[string], { epoch: number }>(
    'SELECT epoch FROM epochs WHERE phase = ? ORDER BY epoch',
  )
  const put = database.prepare(
    `INSERT INTO epochs (epoch, phase, attempt, bundle_hash, valid_until, report, certificate, figures, tx_hash, settled_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (epoch) DO UPDATE SET phase = excluded.phase, attempt = excluded.attempt,
       bundle_hash = excluded.bundle_hash, valid_until = excluded.valid_until, report = excluded.report,
       certificate = excluded.certificate, figures = excluded.figures, tx_hash = excluded.tx_hash,
       settled_at = excluded.settled_at`,
  )
  const steps = database.prepare<[number], { phase: string; at_sec: number }>(
    'SELECT phase, at_sec FROM steps WHERE epoch = ? ORDER BY id',
  )
  const addStep = database.prepare('INSERT INTO steps (epoch, phase, at_sec) VALUES (?, ?, ?)')
  const trimSteps = database.prepare(
    `DELETE FROM steps WHERE id IN
       (SELECT id FROM steps WHERE epoch = ? ORDER BY id DESC LIMIT -1 OFFSET ${KEPT_STEPS})`,
  )
  const refusals = database.prepare<[number], RefusalRow>(
    'SELECT attempt, slot, code, place, text FROM refusals WHERE epoch = ? ORDER BY attempt, slot',
  )
  const addRefusal = database.prepare(
    'INSERT OR REPLACE INTO refusals (epoch, attempt, slot, code, place, text) VALUES (?, ?, ?, ?, ?, ?)',
  )
  const trimRefusals = database.prepare('DELETE FROM refusals WHERE epoch = ? AND attempt <= ?')
  const forget = ['epochs', 'steps', 'refusals'].map(table =>
    database.prepare(`DELETE FROM ${table} WHERE epoch <= ?`),
  )

  const recordOf = (row: Row): EpochRecord => ({
    state: stateOf(row),
    ...detailsOf(row),
    steps: steps.all(row.epoch).map(step => ({ phase: phaseOf(step.phase), atSec: step.at_sec })),
    refusals: refusals.all(row.epoch).map(refusalOf),
  })

  const save = database.transaction((state: EpochState, atSec: number, details: EpochDetails) => {
    const before = one.get(state.epoch)
    const merged = { ...(before === undefined ? {} : detailsOf(before)), ...details }
    put.run(
      state.epoch,
      state.phase,
      state.attempt,
      state.bundleHash ?? null,
      state.validUntilSec ?? null,
      blobOf(merged.report, encodeEpochReport),
      blobOf(merged.certificate, encodeCertificate),
      merged.figures === undefined ? null : JSON.stringify(merged.figures),
      merged.txHash ?? null,
      merged.settledAtSec ?? null,
    )
    if (before?.phase === state.phase && before.attempt === state.attempt) return
    addStep.run(state.epoch, state.phase, atSec)
    trimSteps.run(state.epoch)
    for (const statement of forget) statement.run(state.epoch - KEPT_EPOCHS)
  })
  const addRefusals = database.transaction((epoch: number, items: readonly EpochRefusal[]) => {
    for (const { attempt, slot, code, where, text } of items) {
      addRefusal.run(epoch, attempt, slot, code, where === undefined ? null : JSON.stringify(where), text)
      trimRefusals.run(epoch, attempt - KEPT_ATTEMPTS)
    }
  })

  return {
    record: epoch => {
      const row = one.get(epoch)
      return row === undefined ? undefined : recordOf(row)
    },
    state: epoch => {
      const row = one.get(epoch)
      return row === undefined ? undefined : stateOf(row)
    },
    newest: limit => page.all(limit).map(recordOf),
    inPhases: phases =>
      phases.flatMap(phase => inPhase.all(phase).map(({ epoch }) => epoch)).sort((a, b) => a - b),
    save: (state, atSec, details = {}) => save.immediate(state, atSec, details),
    addRefusals: (epoch, items) => addRefusals.immediate(epoch, items),
  }
}

function refusalOf({ place, ...refusal }: RefusalRow): EpochRefusal {
  return place === null ? refusal : { ...refusal, where: JSON.parse(place) as RefusedWhere }
}

function stateOf(row: Row): EpochState {
  return {
    ...openEpoch(row.epoch),
    phase: phaseOf(row.phase),
    attempt: row.attempt,
    bundleHash: (row.bundle_hash ?? undefined) as Hash | undefined,
    validUntilSec: row.valid_until ?? undefined,
  }
}

/** Rows were written by `save`, in a database that only this process writes. */
function detailsOf(row: Row): EpochDetails {
  return {
    report: row.report === null ? undefined : decodeEpochReport(new Uint8Array(row.report)),
    certificate: row.certificate === null ? undefined : decodeCertificate(new Uint8Array(row.certificate)),
    figures: row.figures === null ? undefined : (JSON.parse(row.figures) as EpochFigures),
    txHash: (row.tx_hash ?? undefined) as Hash | undefined,
    settledAtSec: row.settled_at ?? undefined,
  }
}

function phaseOf(text: string): EpochPhase {
  const phase = EPOCH_PHASES.find(known => known === text)
  if (phase === undefined) throw new TypeError(`the database holds an epoch in the unknown phase ${text}`)
  return phase
}

function blobOf<T>(value: T | undefined, encode: (value: T) => Uint8Array): Buffer | null {
  return value === undefined ? null : Buffer.from(encode(value))
}
