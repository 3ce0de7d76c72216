import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { Problems } from '../../config/load.ts'
import { readPasswordFile } from '../../config/secrets.ts'
import { writeFileAtomic } from '../../runtime/atomic-file.ts'
import { readKeystore, STRONG_SCRYPT_N, writeKeystore } from '../../runtime/keystore.ts'
import type { Secret } from '../../runtime/secret.ts'
import { print, printJson } from '../output.ts'

interface KeysOptions {
  readonly dir: string
  readonly passwordFile?: string
  readonly json?: boolean
}

/** `ionet keys new`, `ionet keys show`: the two keys of a node, as Web3 keystores in one directory. */
export function addKeysCommands(program: Command): void {
  const keys = program
    .command('keys')
    .summary('make or show the keys of a node')
    .description('the keys of a node: its identity (secp256k1) and its peer key (Ed25519), as Web3 keystores')

  keysCommand(
    keys,
    'new',
    'make identity.json and peer.json; the password file is made too when it does not exist',
  ).action(async (options: KeysOptions) => {
    const password = ensurePassword(passwordFileOf(options))
    for (const name of ['identity', 'peer']) {
      const secret = randomBytes(32)
      await writeKeystore(join(options.dir, `${name}.json`), secret, password, { scryptN: STRONG_SCRYPT_N })
      secret.fill(0)
    }
    await show(options, password)
  })

  keysCommand(keys, 'show', 'show the address, the peer key and the peer id').action((options: KeysOptions) =>
    show(options, readPassword(passwordFileOf(options))),
  )
}

function keysCommand(keys: Command, name: string, summary: string): Command {
  return keys
    .command(name)
    .description(summary)
    .requiredOption('--dir <directory>', 'directory of the keystores')
    .option('--password-file <file>', 'file with their password (default: password in the same directory)')
    .option('--json', 'print one JSON object')
}

async function show(options: KeysOptions, password: Secret): Promise<void> {
  // viem and libp2p take half a second to load: only for this.
  const [{ privateKeyToAddress }, { toHex }, { peerKeyFromSeed, peerIdOf }] = await Promise.all([
    import('viem/accounts'),
    import('viem'),
    import('../../runtime/p2p/peer-key.ts'),
  ])
  const identity = await readKeystore(join(options.dir, 'identity.json'), password)
  const seed = await readKeystore(join(options.dir, 'peer.json'), password)
  const peerKey = peerKeyFromSeed(seed)
  const shown = { address: privateKeyToAddress(toHex(identity)), peerKey, peerId: peerIdOf(peerKey) }
  identity.fill(0)
  seed.fill(0)
  if (options.json === true) return printJson(shown)
  print(`address  ${shown.address}\npeer key ${shown.peerKey}\npeer id  ${shown.peerId}`)
}

function passwordFileOf(options: KeysOptions): string {
  return options.passwordFile ?? join(options.dir, 'password')
}

function ensurePassword(file: string): Secret {
  if (!existsSync(file)) writeFileAtomic(file, `${randomBytes(24).toString('base64url')}\n`, 0o600)
  return readPassword(file)
}

function readPassword(file: string): Secret {
  const problems = new Problems(file)
  const password = readPasswordFile(file, '', problems)
  problems.throwIfAny()
  return password
}
