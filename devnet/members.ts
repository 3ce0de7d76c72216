import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Hex } from 'viem'
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import { writeFileAtomic } from '../runtime/atomic-file.ts'
import { writeKeystore } from '../runtime/keystore.ts'
import { type PeerKey, peerIdOf, peerKeyFromSeed } from '../runtime/p2p/peer-key.ts'
import { Secret } from '../runtime/secret.ts'

/** Opens in 10 ms: the keys of a local network are thrown away with it. */
const SCRYPT_N = 1_024

/** Keystore and password file of an account, and what the rest of the network needs to know of it. */
export interface LocalAccount {
  readonly name: string
  readonly address: Hex
  readonly keystore: string
  readonly passwordFile: string
}

/** An account with a device. */
export interface LocalWorker extends LocalAccount {
  readonly deviceKeystore: string
}

/** An account that is also a peer. */
export interface LocalMember extends LocalAccount {
  readonly peerKeystore: string
  readonly peerKey: PeerKey
  readonly peerId: string
}

/** An account with its keystore and password file in `dir`. The key itself is for whoever sends its transactions. */
export async function createAccount(
  dir: string,
  name: string,
): Promise<{ readonly local: LocalAccount; readonly account: PrivateKeyAccount }> {
  const { local, account } = await writeAccount(dir, name, createPassword(dir))
  return { local, account }
}

/** A worker's account, and the key of its device. */
export async function createWorker(dir: string, name: string): Promise<LocalWorker> {
  const password = createPassword(dir)
  const { local } = await writeAccount(dir, name, password)
  const key = generatePrivateKey()
  const deviceKeystore = join(dir, 'device.json')
  await writeKeystore(deviceKeystore, Buffer.from(key.slice(2), 'hex'), password.secret, {
    scryptN: SCRYPT_N,
  })
  return { ...local, deviceKeystore }
}

/** An account and a peer key. Their secrets leave this function only as keystores. */
export async function createMember(dir: string, name: string): Promise<LocalMember> {
  const password = createPassword(dir)
  const { local } = await writeAccount(dir, name, password)
  const seed = randomBytes(32)
  const peerKey = peerKeyFromSeed(seed)
  const peerKeystore = join(dir, 'peer.json')
  await writeKeystore(peerKeystore, seed, password.secret, { scryptN: SCRYPT_N })
  seed.fill(0)
  return { ...local, peerKeystore, peerKey, peerId: peerIdOf(peerKey) }
}

interface Password {
  readonly file: string
  readonly secret: Secret
}

async function writeAccount(dir: string, name: string, password: Password) {
  const key = generatePrivateKey()
  const account = privateKeyToAccount(key)
  const keystore = join(dir, 'identity.json')
  await writeKeystore(keystore, Buffer.from(key.slice(2), 'hex'), password.secret, { scryptN: SCRYPT_N })
  const local: LocalAccount = { name, address: account.address, keystore, passwordFile: password.file }
  return { local, account }
}

function createPassword(dir: string): Password {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const file = join(dir, 'password')
  const secret = new Secret(randomBytes(24).toString('base64url'))
  writeFileAtomic(file, `${secret.reveal()}\n`, 0o600)
  return { file, secret }
}
