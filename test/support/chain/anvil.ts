import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type HDAccount, mnemonicToAccount } from 'viem/accounts'

/** A development chain in a process of its own, on loopback and a port that the system chose. */
export interface Anvil {
  readonly rpcUrl: string
  stop(): Promise<void>
}

/**
 * Gas for any call of a test that is meant to succeed. An estimate is of the block that would be mined now: a second
 * later, a checkpoint of balances may cost more.
 */
export const AMPLE_GAS = 5_000_000n

/** A block is mined for every transaction. */
export async function startAnvil(options: { chainId?: number } = {}): Promise<Anvil> {
  const binary = join(import.meta.dirname, '../../../node_modules/.bin/anvil')
  const args = ['--host', '127.0.0.1', '--port', '0', '--chain-id', String(options.chainId ?? 31337)]
  const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  return { rpcUrl: `http://${await listeningAddress(child)}`, stop: () => stop(child) }
}

async function listeningAddress(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('anvil has no output')
  for await (const line of createInterface({ input: child.stdout })) {
    const address = /^Listening on (\S+)/.exec(line)?.[1]
    if (address !== undefined) {
      child.stdout.resume()
      return address
    }
  }
  throw new Error('anvil ended before it listened')
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}

/** One of the accounts that anvil funds. */
export function fundedAccount(index: number): HDAccount {
  return mnemonicToAccount('test test test test test test test test test test test junk', {
    addressIndex: index,
  })
}
