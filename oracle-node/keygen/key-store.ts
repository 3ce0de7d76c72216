/**
 * Key shares at rest: one Web3 keystore a key, and beside it the transcript that makes the public half.
 *
 * A key is written before this node helps to install it, named by its epoch and its x, so that a crash between
 * writing and installing loses nothing and several attempts for one epoch do not overwrite one another.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Hash } from '../../protocol/bytes.ts'
import { type FrostPublic, type FrostSecret, groupKeyX, shareSecretOf } from '../../protocol/frost.ts'
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

/** Shares of epochs this far back cannot be needed: the registry has replaced their key for good. */
const KEPT_EPOCHS = 2

export class KeyStore {
  readonly #options: KeyStoreOptions

  constructor(options: KeyStoreOptions) {
    this.#options = options
  }

  async save(keyEpoch: number, key: GeneratedKey): Promise<void> {
    mkdirSync(this.#options.directory, { recursive: true, mode: 0o700 })
    const base = this.#base(keyEpoch, key.px)
    writeFileAtomic(`${base}.transcript`, Buffer.from(key.transcript).toString('hex'), 0o600)
    if (existsSync(`${base}.json`)) return
    const { password, scryptN } = this.#options
    await writeKeystore(`${base}.json`, key.secret.signingShare, password, { scryptN })
  }

  /**
   * The share of an installed key, or undefined when this node took no part in making it.
   *
   * @throws {KeystoreError} when the file is there and cannot be opened
   */
  async load(keyEpoch: number, px: bigint): Promise<StoredKey | undefined> {
    const base = this.#base(keyEpoch, px)
    if (!existsSync(`${base}.json`) || !existsSync(`${base}.transcript`)) return undefined
    const transcript = Uint8Array.from(Buffer.from(readFileSync(`${base}.transcript`, 'utf8'), 'hex'))
    const pub = publicPackageFromTranscript(decodeTranscript(transcript).transcript)
    if (groupKeyX(pub) !== px) return undefined
    const share = await readKeystore(`${base}.json`, this.#options.password)
    return {
      keyEpoch,
      px,
      secret: shareSecretOf(this.#options.slot, share),
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
