/**
 * Key shares at rest: a Web3 keystore each for the share of the signing key and that of the beacon key, and beside
 * them the transcript that makes the public halves.
 *
 * A key is written before this node helps to install it, named by its epoch and its x, so that a crash between
 * writing and installing loses nothing and several attempts for one epoch do not overwrite one another.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import type { BeaconPublic } from '../../protocol/beacon/public.ts'
import { equalBytes, type Hash } from '../../protocol/bytes.ts'
import { type FrostPublic, type FrostSecret, frost, groupKeyX, shareSecretOf } from '../../protocol/frost.ts'
import {
  beaconPublicFromTranscript,
  decodeTranscript,
  publicPackageFromTranscript,
  transcriptHashOf,
} from '../../protocol/keygen/transcript.ts'
import { writeFileAtomic } from '../../runtime/atomic-file.ts'
import { readKeystore, writeKeystore } from '../../runtime/keystore.ts'
import type { Secret } from '../../runtime/secret.ts'
import type { BeaconShare, GeneratedKey } from './dealer.ts'

export interface StoredKey {
  readonly keyEpoch: number
  readonly px: bigint
  readonly secret: FrostSecret
  readonly public: FrostPublic
  readonly beacon: BeaconShare
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
  constructor(path: string, slot: number, cause?: unknown) {
    super(
      `keystore ${path}: not the share of slot ${slot} in the key of the transcript beside it; restore the files that belong to this node`,
      cause === undefined ? {} : { cause },
    )
    this.name = 'ShareMismatchError'
  }
}

/** A key that the registry names. */
export interface NamedKey {
  readonly keyEpoch: number
  readonly px: bigint
}

/** Shares of attempts whose end nobody has asked for yet. */
const KEPT_UNPROMISED = 4

export class KeyStore {
  readonly #options: KeyStoreOptions
  /**
   * Files of keys that this process saved and gave nothing for, so that they cannot be installed with its help; by
   * epoch, oldest first. What an earlier process left is taken to be promised.
   */
  #unpromised: readonly { readonly keyEpoch: number; readonly base: string }[] = []

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
    // The share of the signing key comes last: where it is, everything is.
    rmSync(`${base}.beacon.json`, { force: true })
    await writeKeystore(`${base}.beacon.json`, key.beacon.secret, password, { scryptN })
    await writeKeystore(`${base}.json`, key.secret.signingShare, password, { scryptN })
    this.#unpromised = [...this.#unpromised.filter(other => other.base !== base), { keyEpoch, base }]
    this.#forgetFailed(keyEpoch)
  }

  /** The key may be installed from now on: its share stays until the registry names a later one. */
  promised(keyEpoch: number, px: bigint): void {
    const base = this.#base(keyEpoch, px)
    this.#unpromised = this.#unpromised.filter(other => other.base !== base)
  }

  /** An attempt can fail in its last moment, again and again. */
  #forgetFailed(keyEpoch: number): void {
    const failed = this.#unpromised.filter(other => other.keyEpoch === keyEpoch).slice(0, -KEPT_UNPROMISED)
    for (const { base } of failed) {
      for (const kind of ['json', 'beacon.json', 'transcript']) rmSync(`${base}.${kind}`, { force: true })
    }
    this.#unpromised = this.#unpromised.filter(other => !failed.includes(other))
  }

  /**
   * The shares of an installed key, or undefined when this node took no part in making it.
   *
   * @throws {KeystoreError} when the file is there and cannot be opened
   * @throws {ShareMismatchError} when what it holds is another share
   */
  async load(keyEpoch: number, px: bigint): Promise<StoredKey | undefined> {
    const base = this.#base(keyEpoch, px)
    if (!existsSync(`${base}.json`) || !existsSync(`${base}.transcript`)) return undefined
    const transcript = Uint8Array.from(Buffer.from(readFileSync(`${base}.transcript`, 'utf8'), 'hex'))
    const decoded = decodeTranscript(transcript).transcript
    const pub = publicPackageFromTranscript(decoded)
    if (groupKeyX(pub) !== px) return undefined
    const { slot, password } = this.#options
    const secret = shareSecretOf(slot, await readKeystore(`${base}.json`, password))
    try {
      frost.validateSecret(secret, pub)
    } catch (cause) {
      throw new ShareMismatchError(`${base}.json`, slot, cause)
    }
    const beacon = {
      secret: await readKeystore(`${base}.beacon.json`, password),
      public: beaconPublicFromTranscript(decoded),
    }
    if (!isShareOf(slot, beacon.secret, beacon.public))
      throw new ShareMismatchError(`${base}.beacon.json`, slot)
    return {
      keyEpoch,
      px,
      secret,
      public: pub,
      beacon,
      transcript,
      transcriptHash: transcriptHashOf(transcript),
    }
  }

  /**
   * Deletes what belongs to ended epochs, and to attempts that led to no key. Keys of epochs that are yet to come stay.
   *
   * @param kept what the registry names, as far as it is final: the newest key and the one before it
   */
  forgetAllBut(kept: readonly NamedKey[]): void {
    if (!existsSync(this.#options.directory)) return
    const newest = Math.max(0, ...kept.map(({ keyEpoch }) => keyEpoch))
    const names = kept.map(({ keyEpoch, px }) => basename(this.#base(keyEpoch, px)))
    for (const file of readdirSync(this.#options.directory)) {
      const epoch = Number(/^epoch-(\d+)-/.exec(file)?.[1] ?? Number.NaN)
      const isKept = names.some(name => file.startsWith(`${name}.`))
      if (epoch <= newest && !isKept) rmSync(join(this.#options.directory, file), { force: true })
    }
    this.#unpromised = this.#unpromised.filter(({ keyEpoch }) => keyEpoch > newest)
  }

  #base(keyEpoch: number, px: bigint): string {
    return join(
      this.#options.directory,
      `epoch-${keyEpoch}-${px.toString(16).padStart(64, '0').slice(0, 16)}`,
    )
  }
}

function isShareOf(slot: number, share: Uint8Array, pub: BeaconPublic): boolean {
  try {
    const { BASE, Fn } = secp256k1.Point
    const point = BASE.multiply(Fn.fromBytes(share)).toBytes()
    return equalBytes(point, pub.shares.get(slot) ?? new Uint8Array())
  } catch {
    return false
  }
}
