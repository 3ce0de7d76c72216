import { existsSync, readFileSync } from 'node:fs'
import * as Keystore from 'ox/Keystore'
import { z } from 'zod'
import { writeFileAtomic } from './atomic-file.ts'
import type { Secret } from './secret.ts'

export type KeystoreErrorCode =
  | 'KEYSTORE_MISSING'
  | 'KEYSTORE_MALFORMED'
  | 'KEYSTORE_WRONG_PASSWORD'
  | 'KEYSTORE_EXISTS'

const SENTENCES: Record<KeystoreErrorCode, string> = {
  KEYSTORE_MISSING: 'there is no such file: make one with `ionet keys new`',
  KEYSTORE_MALFORMED: 'this is not a Web3 keystore, version 3',
  KEYSTORE_WRONG_PASSWORD: 'the password does not open it',
  KEYSTORE_EXISTS: 'the file exists already, and a key is never overwritten: choose another name',
}

export class KeystoreError extends Error {
  readonly code: KeystoreErrorCode
  readonly path: string
  constructor(code: KeystoreErrorCode, path: string) {
    super(`keystore ${path}: ${SENTENCES[code]}`)
    this.name = 'KeystoreError'
    this.code = code
    this.path = path
  }
}

/** What other wallets use: 2 s of work for each guess. */
export const STRONG_SCRYPT_N = 262_144

const bytes = z.string().regex(/^(0x)?([0-9a-f]{2})*$/i)
const keystoreSchema = z.object({
  version: z.literal(3),
  id: z.string(),
  crypto: z.object({
    cipher: z.literal('aes-128-ctr'),
    ciphertext: bytes.length(64),
    cipherparams: z.object({ iv: bytes }),
    mac: bytes,
    kdf: z.literal('scrypt'),
    kdfparams: z.object({
      dklen: z.literal(32),
      // Bounds keep a damaged file from asking for all memory of the machine.
      n: z
        .int()
        .min(1024)
        .max(2 ** 21)
        .refine(n => Number.isInteger(Math.log2(n))),
      p: z.int().min(1).max(16),
      r: z.int().min(1).max(16),
      salt: bytes,
    }),
  }),
})

/**
 * Opens a Web3 keystore (V3, scrypt).
 *
 * @returns the 32-byte secret; overwrite it when it is no longer needed
 * @throws {KeystoreError}
 */
export async function readKeystore(path: string, password: Secret): Promise<Uint8Array> {
  const keystore = parse(path)
  const key = await Keystore.toKeyAsync(keystore, { password: password.reveal() })
  try {
    return Keystore.decrypt(keystore, key, { as: 'Bytes' })
  } catch {
    // The only thing left that can differ is the checksum over the derived key.
    throw new KeystoreError('KEYSTORE_WRONG_PASSWORD', path)
  }
}

/**
 * Writes a new keystore, atomically, readable by its owner only.
 *
 * @param secret 32 bytes
 * @param options.scryptN a power of two from 1,024; {@link STRONG_SCRYPT_N} outside tests and local networks
 * @throws {KeystoreError} when the file exists
 */
export async function writeKeystore(
  path: string,
  secret: Uint8Array,
  password: Secret,
  options: { readonly scryptN: number },
): Promise<void> {
  if (secret.length !== 32) throw new Error(`a secret has 32 bytes, this one has ${secret.length}`)
  if (existsSync(path)) throw new KeystoreError('KEYSTORE_EXISTS', path)
  const [key, params] = await Keystore.scryptAsync({ password: password.reveal(), n: options.scryptN })
  writeFileAtomic(path, `${JSON.stringify(Keystore.encrypt(secret, key, params), undefined, 2)}\n`, 0o600)
}

/** The work factor of a keystore, so that what is stored beside it is as hard to guess. @throws {KeystoreError} */
export function keystoreScryptN(path: string): number {
  const { kdfparams } = parse(path).crypto
  return 'n' in kdfparams ? kdfparams.n : STRONG_SCRYPT_N
}

function parse(path: string): Keystore.Keystore {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new KeystoreError('KEYSTORE_MISSING', path)
    }
    throw error
  }
  try {
    const { id, version, crypto } = keystoreSchema.parse(JSON.parse(text))
    const { kdf, kdfparams, ...rest } = crypto
    return { id, version, crypto: { ...rest, kdf, kdfparams } }
  } catch {
    throw new KeystoreError('KEYSTORE_MALFORMED', path)
  }
}
