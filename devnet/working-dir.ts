import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { acquireLock, type Lock } from '../runtime/lock.ts'

/** Stands in every directory that a local network may empty. */
const MARKER = '.ionet-devnet'

export class ForeignDirectoryError extends Error {
  readonly code = 'WRONG_INPUT'
  constructor(dir: string) {
    super(`${dir} holds files that are not a local network's, and would be emptied: choose another --dir`)
    this.name = 'ForeignDirectoryError'
  }
}

/**
 * To be asked before anything else is: whatever is wrong besides, the directory is not to be used.
 *
 * @throws {ForeignDirectoryError}
 */
export function refuseForeignDir(dir: string): void {
  const path = resolve(dir)
  if (existsSync(path) && readdirSync(path).length > 0 && !existsSync(join(path, MARKER))) {
    throw new ForeignDirectoryError(path)
  }
}

/**
 * Empties the working directory of a local network and locks it. A directory with other people's files in it is
 * refused.
 *
 * @throws {LockHeldError} when another local network runs in it
 * @throws {ForeignDirectoryError}
 */
export function prepareWorkingDir(dir: string): { readonly path: string; readonly lock: Lock } {
  const path = resolve(dir)
  // The lock lives outside: inside, it would be emptied together with the rest.
  const lock = acquireLock(`devnet-${createHash('sha256').update(path).digest('hex').slice(0, 16)}`)
  try {
    refuseForeignDir(path)
    rmSync(path, { recursive: true, force: true })
    mkdirSync(path, { recursive: true, mode: 0o700 })
    writeFileSync(join(path, MARKER), 'emptied by every `ionet devnet` that uses this directory\n')
    return { path, lock }
  } catch (error) {
    lock.release()
    throw error
  }
}
