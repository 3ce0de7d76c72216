/**
 * Bundles as files, each named by the SHA-256 of its bytes. A file with its final name is whole: it is written under
 * another name, brought to the disk, and renamed.
 */
import { createHash, randomUUID } from 'node:crypto'
import {
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Hash } from '../../protocol/bytes.ts'
import { BundleReader, type BundleResult } from '../../protocol/epoch/bundle-reader.ts'
import { type Blob, fileBlob } from '../../runtime/p2p/blobs.ts'

const TEMPORARY = '.part'
const NAME = /^[0-9a-f]{64}$/

/** Bytes that came are not those of the name that was asked for, or no bundle. Another source may do better. */
export class BadBundleError extends Error {
  readonly code = 'BAD_BUNDLE'
  constructor(hash: Hash, fault: string) {
    super(`what was received for the bundle ${hash} is not it: ${fault}`)
    this.name = 'BadBundleError'
  }
}

export interface StoredBundle {
  readonly hash: Hash
  readonly bytes: number
}

export class BundleStore {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  /** Makes the directory, and clears away what a crash has left half written. */
  open(): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 })
    for (const name of readdirSync(this.#directory)) if (name.endsWith(TEMPORARY)) this.#remove(name)
  }

  /** Writes a bundle of our own. The same bundle again changes nothing. */
  write(chunks: Iterable<Uint8Array>): StoredBundle {
    const file = new PartialFile(this.#directory)
    try {
      for (const chunk of chunks) file.append(chunk)
      return file.finish()
    } catch (error) {
      file.discard()
      throw error
    }
  }

  /** Keeps a bundle that somebody else sends. @throws {BadBundleError} when it is not the one of this name */
  async receive(hash: Hash, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const file = new PartialFile(this.#directory)
    try {
      for await (const chunk of chunks) file.append(chunk)
      if (file.hash() !== hash) throw new BadBundleError(hash, `its hash is ${file.hash()}`)
      file.finish()
    } catch (error) {
      file.discard()
      throw error
    }
  }

  has(hash: Hash): boolean {
    return existsSync(this.#path(hash))
  }

  /** Whether the bytes on the disk are still those of the name; a file that is damaged is removed. */
  async isSound(hash: Hash): Promise<boolean> {
    if (!this.has(hash)) return false
    const sha256 = createHash('sha256')
    for await (const chunk of createReadStream(this.#path(hash))) sha256.update(chunk as Uint8Array)
    if (`0x${sha256.digest('hex')}` === hash) return true
    this.#remove(hash.slice(2))
    return false
  }

  /** Undefined when there is no such file. */
  sizeOf(hash: Hash): number | undefined {
    return statSync(this.#path(hash), { throwIfNoEntry: false })?.size
  }

  stream(hash: Hash): NodeJS.ReadableStream {
    return createReadStream(this.#path(hash))
  }

  blob(hash: Hash): Promise<Blob | undefined> {
    return fileBlob(this.#path(hash))
  }

  /** Reads a bundle back, checking it on the way. */
  async read(hash: Hash): Promise<BundleResult> {
    const reader = new BundleReader()
    for await (const chunk of createReadStream(this.#path(hash))) reader.push(chunk as Uint8Array)
    return reader.end()
  }

  /** Removes all bundles but these. */
  keepOnly(hashes: ReadonlySet<Hash>): void {
    for (const name of readdirSync(this.#directory)) {
      if (NAME.test(name) && !hashes.has(`0x${name}`)) this.#remove(name)
    }
  }

  #path(hash: Hash): string {
    return join(this.#directory, hash.slice(2))
  }

  #remove(name: string): void {
    rmSync(join(this.#directory, name), { force: true })
  }
}

/** A file on its way to a name. */
class PartialFile {
  readonly #directory: string
  readonly #path: string
  readonly #file: number
  readonly #sha256 = createHash('sha256')
  #bytes = 0
  #closed = false
  #hash: Hash | undefined

  constructor(directory: string) {
    this.#directory = directory
    this.#path = join(directory, `${randomUUID()}${TEMPORARY}`)
    this.#file = openSync(this.#path, 'wx', 0o600)
  }

  append(chunk: Uint8Array): void {
    for (let offset = 0; offset < chunk.length; ) offset += writeSync(this.#file, chunk, offset)
    this.#sha256.update(chunk)
    this.#bytes += chunk.length
  }

  /** Of all that was appended; nothing can be appended afterwards. */
  hash(): Hash {
    this.#hash ??= `0x${this.#sha256.digest('hex')}`
    return this.#hash
  }

  finish(): StoredBundle {
    const hash = this.hash()
    fsyncSync(this.#file)
    this.#close()
    renameSync(this.#path, join(this.#directory, hash.slice(2)))
    syncDirectory(this.#directory)
    return { hash, bytes: this.#bytes }
  }

  discard(): void {
    this.#close()
    rmSync(this.#path, { force: true })
  }

  #close(): void {
    if (!this.#closed) closeSync(this.#file)
    this.#closed = true
  }
}

/** A rename lives in its directory. */
function syncDirectory(path: string): void {
  const directory = openSync(path, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}
