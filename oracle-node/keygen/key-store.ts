/**
 * Key shares at rest: one Web3 keystore a key, and beside it the transcript that makes the public half.
 *
 * A key is written before this node helps to install it, named by its epoch and its x, so that a crash between
 * writing and installing loses nothing and several attempts for one epoch do not overwrite one another.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Hash } from '../../protocol/bytes.ts'
import { type FrostPublic, type FrostSecret, frost, groupKeyX, shareSecretOf } from '../../protocol/frost.ts'
import { decodeTranscript, publicPackageFromTranscript, transcriptHashOf } from '../../protocol/keygen.ts'
import { writeFileAtomic } from '../../runtime/atomic-file.ts'
import { readKeystore, writeKeystore } from '../../runtime/keystore.ts'
import type { Secret } from '../../runtime/secret.ts'
import type { GeneratedKey } from './dealer.ts'

export interface StoredKey {
  readonly keyEpoch: number
  readonly px: bigint
  readonly secret: FrostSecret
  readonly public: FrostPublic
  readonly transcript: Uint8Array
  readonly transcriptHash: Hash
}

export interface KeyStoreOptions {
  readonly directory: string
  readonly slot: number
  readonly password: Secret
  readonly scryptN: number
}

/**
 * The stored share is not the one that this slot holds of this key. With it every report would fail: restore the
 * folder of shares that belongs to this node. A retry does not help.
 */
export class ShareMismatchError extends Error {
  readonly code = 'SHARE_MISMATCH'
  constructor(path: string, slot: number, cause: unknown) {
    super(
      `keystore ${path}: not the share of slot ${slot} in the key of the transcript beside it; restore the files that belong to this node`,
      { cause },
    )
    this.name = 'ShareMismatchError'
  }
}

/** Shares of epochs this far back cannot be needed: the registry has replaced their key for good. */
const KEPT_EPOCHS = 2

export class KeyStore {
  readonly #options: KeyStoreOptions

  constructor(options: KeyStoreOptions) {
    this.#options = options
  }

  /** Writes a share that is not there yet. What is there stays: a share and its transcript belong together. */
  async save(keyEpoch: number, key: GeneratedKey): Promise<void> {
    mkdirSync(this.#options.directory, { recursive: true, mode: 0o700 })
    const base = this.#base(keyEpoch, key.px)
    const hasShare = existsSync(`${base}.json`)
    if (!hasShare || !existsSync(`${base}.transcript`)) {
      writeFileAtomic(`${base}.transcript`, Buffer.from(key.transcript).toString('hex'), 0o600)
    }
    if (hasShare) return
    const { password, scryptN } = this.#options
    await writeKeystore(`${base}.json`, key.secret.signingShare, password, { scryptN })
  }

  /**
   * The share of an installed key, or undefined when this node took no part in making it.
   *
   * @throws {KeystoreError} when the file is there and cannot be opened
   * @throws {ShareMismatchError} when what it holds is another share
   */
  async load(keyEpoch: number, px: bigint): Promise<StoredKey | undefined> {
    const base = this.#base(keyEpoch, px)
    if (!existsSync(`${base}.json`) || !existsSync(`${base}.transcript`)) return undefined
    const transcript = Uint8Array.from(Buffer.from(readFileSync(`${base}.transcript`, 'utf8'), 'hex'))
    const pub = publicPackageFromTranscript(decodeTranscript(transcript).transcript)
    if (groupKeyX(pub) !== px) return undefined
    const { slot, password } = this.#options
    const secret = shareSecretOf(slot, await readKeystore(`${base}.json`, password))
    try {
      frost.validateSecret(secret, pub)
    } catch (cause) {
      throw new ShareMismatchError(`${base}.json`, slot, cause)
    }
    return {
      keyEpoch,
      px,
      secret,
      public: pub,
      transcript,
      transcriptHash: transcriptHashOf(transcript),
    }
  }

  /** Deletes what belongs to long-ended epochs, and to attempts of this epoch that led to no key. */
  forgetAllBut(keyEpoch: number, px: bigint): void {
    if (!existsSync(this.#options.directory)) return
    const installed = basename(this.#base(keyEpoch, px))
    for (const name of readdirSync(this.#options.directory)) {
      const epoch = Number(/^epoch-(\d+)-/.exec(name)?.[1] ?? Number.NaN)
      const failed = epoch === keyEpoch && !name.startsWith(installed)
      if (failed || epoch + KEPT_EPOCHS <= keyEpoch)
        rmSync(join(this.#options.directory, name), { force: true })
    }
  }

  #base(keyEpoch: number, px: bigint): string {
    return join(
      this.#options.directory,
      `epoch-${keyEpoch}-${px.toString(16).padStart(64, '0').slice(0, 16)}`,
    )
  }
}
