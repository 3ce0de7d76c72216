/**
 * Copies of bundles on disk, named by epoch and hash. A node that has signed keeps its copy and serves it: fewer than
 * a quorum of copies, and there is no certificate.
 */
import { createReadStream, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { type FileHandle, open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Hash } from '../../protocol/bytes.ts'
import { CHANNELS } from '../../protocol/channels.ts'
import { BundleReader, type BundleResult } from '../../protocol/epoch/bundle-reader.ts'
import { type Blob, fetchBlob, fileBlob } from '../../runtime/p2p/blobs.ts'
import type { PeerKey, PeerNetwork } from '../../runtime/p2p/peer-network.ts'

/** A million records; more would not fit into the memory of a small machine. */
export const MAX_COPY_BYTES = 256 * 2 ** 20
/** Days of hourly epochs: long enough for whoever was away to catch up. */
const KEPT_EPOCHS = 72
/**
 * Attempts of one epoch. Above it the oldest goes, of those that were not signed first: attempts may go on for as long
 * as something keeps them from the chain, and only the one that settles is needed later.
 */
const MAX_PER_EPOCH = 4

export type CopyFault =
  /** Another bundle is on its way. A retry helps. */
  | 'BUSY'
  /** The bytes are no bundle of this epoch. */
  | 'NOT_THIS_EPOCH'

/** A bundle was not copied, and nothing of it is left behind. */
export class CopyError extends Error {
  readonly code: CopyFault
  constructor(code: CopyFault, hash: Hash) {
    super(`bundle ${hash} was not copied: ${code}`)
    this.name = 'CopyError'
    this.code = code
  }
}

export interface BundleCopiesDeps {
  readonly network: Pick<PeerNetwork, 'request'>
  /** Bundles that stay before others. */
  readonly isSigned: (hash: Hash) => boolean
}

const NAME = /^epoch-(\d+)-(0x[0-9a-f]{64})$/

export class BundleCopies {
  readonly #directory: string
  readonly #deps: BundleCopiesDeps
  /** As on disk; insertion order is age. */
  readonly #epochs = new Map<Hash, number>()
  #fetching: { readonly hash: Hash; readonly done: Promise<void> } | undefined

  constructor(directory: string, deps: BundleCopiesDeps) {
    this.#directory = directory
    this.#deps = deps
  }

  /** Finds what is on disk, and removes what a crash left of a fetch. */
  open(): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 })
    for (const name of readdirSync(this.#directory)) {
      const [, epoch, hash] = NAME.exec(name) ?? []
      if (epoch === undefined || hash === undefined) rmSync(join(this.#directory, name), { force: true })
      else this.#epochs.set(hash as Hash, Number(epoch))
    }
  }

  has(hash: Hash): boolean {
    return this.#epochs.has(hash)
  }

  /** For who asks for it by hash. */
  async blob(hash: Hash): Promise<Blob | undefined> {
    const path = this.pathOf(hash)
    return path === undefined ? undefined : fileBlob(path)
  }

  pathOf(hash: Hash): string | undefined {
    const epoch = this.#epochs.get(hash)
    return epoch === undefined ? undefined : join(this.#directory, `epoch-${epoch}-${hash}`)
  }

  /** The bundle, read from disk a block at a time; undefined when there is no copy. */
  async read(hash: Hash): Promise<BundleResult | undefined> {
    const path = this.pathOf(hash)
    if (path === undefined || !existsSync(path)) return undefined
    const reader = new BundleReader(MAX_COPY_BYTES)
    for await (const chunk of createReadStream(path)) {
      reader.push(chunk as Uint8Array)
      if (reader.fault !== undefined) break
    }
    const result = reader.end()
    // A copy that the disk has spoilt is none: the next offer brings another.
    if ('fault' in result || result.hash !== hash) this.#remove(hash)
    return result
  }

  /**
   * Copies a bundle from a peer; at once when it is here. One at a time: a bundle may be as large as memory allows.
   *
   * @throws {CopyError}, what `fetchBlob` throws
   */
  async fetch(epoch: number, hash: Hash, peer: PeerKey, signal: AbortSignal): Promise<void> {
    if (this.has(hash)) return
    if (this.#fetching?.hash === hash) return this.#fetching.done
    if (this.#fetching !== undefined) throw new CopyError('BUSY', hash)
    const done = this.#copy(epoch, hash, peer, signal).finally(() => {
      this.#fetching = undefined
    })
    this.#fetching = { hash, done }
    return done
  }

  /** Resolves when nothing is being copied. */
  async idle(): Promise<void> {
    await this.#fetching?.done
  }

  /** Removes the copies of epochs long settled. @param owedFrom the next epoch starts from the bundle before it */
  forgetBefore(nextEpoch: number, owedFrom: number): void {
    const oldest = Math.min(nextEpoch - KEPT_EPOCHS, owedFrom - 1)
    for (const [hash, epoch] of this.#epochs) if (epoch < oldest) this.#remove(hash)
  }

  async #copy(epoch: number, hash: Hash, peer: PeerKey, signal: AbortSignal): Promise<void> {
    this.#makeRoom(epoch)
    const path = join(this.#directory, `epoch-${epoch}-${hash}`)
    const temporary = `${path}.part`
    const file = await open(temporary, 'w', 0o600)
    try {
      await this.#write(file, epoch, hash, peer, signal)
      await file.sync()
      await file.close()
      await rename(temporary, path)
    } catch (error) {
      await file.close()
      rmSync(temporary, { force: true })
      throw error
    }
    await syncDirectory(this.#directory)
    this.#epochs.set(hash, epoch)
  }

  /** Garbage is noticed at its first block, before more of it has come. */
  async #write(
    file: FileHandle,
    epoch: number,
    hash: Hash,
    peer: PeerKey,
    signal: AbortSignal,
  ): Promise<void> {
    const reader = new BundleReader(MAX_COPY_BYTES)
    const options = { maxBytes: MAX_COPY_BYTES, signal }
    for await (const piece of fetchBlob(this.#deps.network, peer, CHANNELS.blob, hash, options)) {
      reader.push(piece)
      if (reader.fault !== undefined) throw new CopyError('NOT_THIS_EPOCH', hash)
      await file.write(piece)
    }
    const result = reader.end()
    if ('fault' in result || result.bundle.header.epoch !== epoch) throw new CopyError('NOT_THIS_EPOCH', hash)
  }

  #makeRoom(epoch: number): void {
    const same = [...this.#epochs].filter(([, other]) => other === epoch).map(([other]) => other)
    if (same.length < MAX_PER_EPOCH) return
    const oldest = same.find(other => !this.#deps.isSigned(other)) ?? same[0]
    if (oldest !== undefined) this.#remove(oldest)
  }

  #remove(hash: Hash): void {
    const path = this.pathOf(hash)
    this.#epochs.delete(hash)
    if (path !== undefined) rmSync(path, { force: true })
  }
}

/** The name of a new file is in the directory; not every platform lets one be opened. */
async function syncDirectory(path: string): Promise<void> {
  try {
    const directory = await open(path, 'r')
    await directory.sync().finally(() => directory.close())
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code !== 'EPERM' && code !== 'EISDIR' && code !== 'EINVAL') throw error
  }
}
