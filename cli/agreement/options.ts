/** What commands have in common in which members agree on something. */
import type { Command } from 'commander'
import type { Address } from '../../protocol/bytes.ts'
import { type Membership, memberByIdentity } from '../../protocol/membership.ts'
import type { Secret } from '../../runtime/secret.ts'
import { InputError } from '../input-error.ts'
import { url } from '../parsers.ts'

export interface AccountOptions {
  readonly keystore: string
  readonly passwordFile: string
}

/** Which network it is about. */
export function withNetwork(command: Command): Command {
  return command
    .option('--rpc <url>', 'Ethereum JSON-RPC endpoint', url)
    .option('--deployment <file>', 'deployment file')
    .option(
      '--devnet <directory>',
      'directory of a local network: its deployment, and its saved chain unless --rpc is given',
    )
}

/** @param keystore whose it is */
export function withAccount(command: Command, keystore: string): Command {
  return command
    .requiredOption('--keystore <file>', keystore)
    .requiredOption('--password-file <file>', 'file with its password')
}

/** @throws {ConfigError} */
export async function readPassword(file: string): Promise<Secret> {
  const [{ Problems }, { readPasswordFile }] = await Promise.all([
    import('../../config/load.ts'),
    import('../../config/secrets.ts'),
  ])
  const problems = new Problems(file)
  const password = readPasswordFile(file, '--password-file', problems)
  problems.throwIfAny()
  return password
}

/** @throws {InputError} for whom a signature would not count */
export function refuseUnlessActive(identity: Address, inForce: Membership): void {
  const suspended = memberByIdentity(inForce, identity)?.suspended
  if (suspended === undefined)
    throw new InputError(
      `${identity} is no member in force: its signature would not count, nothing is signed`,
    )
  if (suspended)
    throw new InputError(`${identity} is suspended: its signature would not count, nothing is signed`)
}
