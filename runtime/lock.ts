import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { Service } from './service.ts'

/** Held until released, or until the process ends in whatever way: the kernel drops it, kill −9 included. */
export interface Lock {
  release(): void
}

export class LockHeldError extends Error {
  readonly code = 'LOCK_HELD'
  readonly key: string
  /** Process id written by the holder; it may be out of date, so it is a hint and no proof. */
  readonly holderPid: number | undefined
  constructor(key: string, holder: Holder | undefined) {
    const who = holder === undefined ? 'another process' : `process ${holder.pid} (started ${holder.at})`
    super(`${key} is in use, probably by ${who}: stop that one first`)
    this.name = 'LockHeldError'
    this.key = key
    this.holderPid = holder?.pid
  }
}

/** Reachable from here, because a connection that is garbage-collected is closed, and its lock with it. */
const held = new Set<Database.Database>()

interface Holder {
  readonly pid: number
  readonly at: string
}

/**
 * One directory per user and machine: two data directories must not make two locks of one key. Not the
 * temporary directory, where cleaners delete files that look old under a process that runs for weeks.
 */
export function defaultLockDir(): string {
  return join(homedir(), '.local', 'state', 'ionet', 'locks')
}

/**
 * Takes the exclusive lock `key` on this machine. SQLite's file locks are the vehicle because Node.js has no
 * flock of its own: an open EXCLUSIVE transaction ends with its process, whereas a pid file outlives it.
 *
 * @param key letters, digits, `.`, `_` and `-`: an address, a peer id
 * @throws {LockHeldError} when another process, or this one, holds it
 */
export function acquireLock(key: string, directory: string = defaultLockDir()): Lock {
  if (!/^[\w.-]{1,128}$/.test(key)) throw new Error(`"${key}" cannot be the name of a lock`)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const path = join(directory, `${key}.lock`)
  // The note about the holder is a second file: the first one cannot be read while it is locked.
  const notePath = `${path}.holder`
  const database = new Database(path, { timeout: 0 })
  try {
    // Not WAL: there an exclusive transaction lets others in as readers, and needs extra files.
    database.pragma('journal_mode = DELETE')
    database.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (isBusy(error)) throw new LockHeldError(key, readHolder(notePath))
    throw error
  }
  writeHolder(notePath)
  held.add(database)
  return {
    release: () => {
      if (held.delete(database)) database.close()
    },
  }
}

/** Holds locks from start to stop: all of `keys`, or none. */
export function lockService(keys: readonly string[], directory?: string): Service {
  const locks: Lock[] = []
  const release = (): void => {
    for (let lock = locks.pop(); lock !== undefined; lock = locks.pop()) lock.release()
  }
  return {
    name: 'key lock',
    start: async () => {
      try {
        for (const key of keys) locks.push(acquireLock(key, directory))
      } catch (error) {
        release()
        throw error
      }
    },
    stop: async () => release(),
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')
}

function writeHolder(path: string): void {
  writeFileSync(path, JSON.stringify({ pid: process.pid, at: new Date().toISOString() }), { mode: 0o600 })
}

function readHolder(path: string): Holder | undefined {
  try {
    const { pid, at } = JSON.parse(readFileSync(path, 'utf8')) as Partial<Holder>
    return typeof pid === 'number' && typeof at === 'string' ? { pid, at } : undefined
  } catch {
    return undefined
  }
}
