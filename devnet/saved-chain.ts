/** The chain of a finished local network, as a file in its directory. */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { writeFileAtomic } from '../runtime/atomic-file.ts'

const FILE = 'chain.json.gz'
/** The first bytes of everything that gzip wrote. */
const GZIP = [0x1f, 0x8b]

export class NoSavedChainError extends Error {
  readonly code = 'WRONG_INPUT'
  constructor(what: string) {
    super(what)
    this.name = 'NoSavedChainError'
  }
}

/**
 * Readers see a whole file or none.
 *
 * @returns the path of the file
 */
export function saveChain(dir: string, state: Uint8Array): string {
  const file = join(dir, FILE)
  writeFileAtomic(file, state)
  return file
}

/**
 * What {@link saveChain} wrote.
 *
 * @throws {NoSavedChainError} when there is none
 */
export function readSavedChain(dir: string): Uint8Array {
  const path = resolve(dir)
  const file = join(path, FILE)
  if (!existsSync(path))
    throw new NoSavedChainError(`there is no directory ${path}: run \`ionet devnet\` first`)
  if (!existsSync(file)) {
    throw new NoSavedChainError(
      `${path} holds no saved chain: a local network saves it when it stops, as ${FILE}; a running one answers by itself`,
    )
  }
  const state = readFileSync(file)
  if (GZIP.some((byte, index) => state[index] !== byte)) throw notLoadable(dir)
  return state
}

/** @param cause what the chain said of it */
export function notLoadable(dir: string, cause?: string): NoSavedChainError {
  const detail = cause === undefined ? '' : ` (${cause})`
  return new NoSavedChainError(`${join(resolve(dir), FILE)} is no saved chain, or a damaged one${detail}`)
}
