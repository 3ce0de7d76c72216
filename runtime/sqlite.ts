import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'

export type SqliteDatabase = Database.Database

export class DatabaseVersionError extends Error {
  readonly code = 'DATABASE_TOO_NEW'
  constructor(path: string, found: number, known: number) {
    super(
      `${path} has schema version ${found}, this program knows ${known}: run the newer program, or restore a backup`,
    )
    this.name = 'DatabaseVersionError'
  }
}

/** A writer waits this long for another process's transaction before it fails. */
const BUSY_TIMEOUT_MS = 5_000

export interface DatabaseOptions {
  /**
   * `full`: a committed transaction survives a power cut. `none`: it survives the end of the process, and nothing is
   * ever forced to the disk; a crash of the machine may take the last ones, or damage the file. For what may be lost.
   */
  readonly durability?: 'full' | 'none'
  /** How long a writer waits, and everything on its thread with it, while another process writes. */
  readonly busyTimeoutMs?: number
}

/**
 * Opens (and creates) a database in WAL mode; without options for durable state, of which a committed
 * transaction survives a power cut. Migrations are numbered by position, each runs once and is never edited.
 *
 * @throws {DatabaseVersionError} when the file was written by a newer program
 */
export function openDatabase(
  path: string,
  migrations: readonly string[],
  { durability = 'full', busyTimeoutMs = BUSY_TIMEOUT_MS }: DatabaseOptions = {},
): SqliteDatabase {
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const database = new Database(path, { timeout: busyTimeoutMs })
  try {
    // First: making the file a WAL database writes, too.
    database.pragma(`synchronous = ${durability === 'full' ? 'FULL' : 'OFF'}`)
    database.pragma('journal_mode = WAL')
    database.pragma('foreign_keys = ON')
    migrate(database, path, migrations)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

function migrate(database: SqliteDatabase, path: string, migrations: readonly string[]): void {
  // Immediate: two processes that open a new file together must not both see version 0.
  database
    .transaction(() => {
      const version = Number(database.pragma('user_version', { simple: true }))
      if (version > migrations.length) throw new DatabaseVersionError(path, version, migrations.length)
      for (const migration of migrations.slice(version)) database.exec(migration)
      if (version < migrations.length) database.pragma(`user_version = ${migrations.length}`)
    })
    .immediate()
}
