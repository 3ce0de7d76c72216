import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { z } from 'zod'
import type { Clock } from '../runtime/clock.ts'

export const CHAIN_ID = 31_337
/** Seconds between blocks. */
const BLOCK_TIME_SEC = 1
/** Anvil starts in 0.2 s; a loaded machine takes longer. */
const START_TIMEOUT_MS = 20_000
const POLL_MS = 50
const TIMEOUT_MS = 2_000
/** A state of hours is some hundred megabytes. */
const STATE_TIMEOUT_MS = 60_000
/** Whoever has ended sends nothing more, so one is enough; one that hangs may. */
const MAX_LAST_BLOCKS = 4

/**
 * Anvil does not notice that its parent is gone, so a shell stands beside it and kills it when standard input
 * closes. Descriptor 3 carries standard input, because a shell gives its background jobs /dev/null instead.
 */
const WRAPPER = `
exec 3<&0
"$@" </dev/null 3<&- &
chain=$!
trap 'kill $chain 2>/dev/null' TERM INT
(cat <&3 >/dev/null; kill $chain 2>/dev/null) &
exec 3<&-
wait $chain
status=$?
wait $chain 2>/dev/null
exit $status
`

export class AnvilMissingError extends Error {
  readonly code = 'WRONG_INPUT'
  constructor() {
    super('anvil was not found: install foundry (https://getfoundry.sh), so that `anvil` is in the PATH')
    this.name = 'AnvilMissingError'
  }
}

export interface ChainCommand {
  readonly command: string
  readonly args: readonly string[]
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The command that runs the local chain: the binary of our dependencies, else the one in the PATH.
 *
 * @throws {AnvilMissingError}
 */
export function anvilCommand(root: string, env: Environment, port: number): ChainCommand {
  // One state per block for ever would fill the disk.
  return commandWith(root, env, port, ['--silent', '--max-persisted-states', 100])
}

/**
 * The command that runs a chain which makes no blocks, for a state that is loaded into it. It prints where it
 * listens ({@link listeningUrlIn}).
 *
 * @param port 0 takes a free one
 * @throws {AnvilMissingError}
 */
export function stillChainCommand(root: string, env: Environment, port: number): ChainCommand {
  // The state of a long run is one large request.
  return commandWith(root, env, port, ['--no-mining', '--no-request-size-limit'])
}

/** The address in the line by which anvil says that it is ready; undefined in every other line. */
export function listeningUrlIn(line: string): string | undefined {
  const address = /^Listening on (\S+)$/.exec(line)?.[1]
  return address === undefined ? undefined : `http://${address}`
}

function commandWith(
  root: string,
  env: Environment,
  port: number,
  more: readonly (string | number)[],
): ChainCommand {
  const candidates = [join(root, 'node_modules', '.bin'), ...(env['PATH'] ?? '').split(delimiter)]
  const binary = candidates.map(dir => join(dir, 'anvil')).find(existsSync)
  if (binary === undefined) throw new AnvilMissingError()
  // One account, because anvil wants some; the network has keys of its own.
  const args = ['--host', '127.0.0.1', '--port', port, '--chain-id', CHAIN_ID, '--accounts', 1, ...more]
  return { command: 'sh', args: ['-c', WRAPPER, 'anvil', binary, ...args].map(String) }
}

/** Resolves when the chain answers; rejects when it has not after 20 s. */
export async function waitForChain(rpcUrl: string, clock: Clock, signal: AbortSignal): Promise<void> {
  const deadlineAt = clock.monotonic() + START_TIMEOUT_MS
  for (;;) {
    try {
      await callRpc(rpcUrl, 'eth_chainId', [], signal)
      return
    } catch (error) {
      signal.throwIfAborted()
      if (clock.monotonic() > deadlineAt) throw new Error('the local chain does not answer', { cause: error })
    }
    await clock.sleep(POLL_MS, signal)
  }
}

/** From now on a block a second, as on a real chain; before, a block a transaction, which makes deploying quick. */
export async function startBlocks(rpcUrl: string, signal: AbortSignal): Promise<void> {
  await callRpc(rpcUrl, 'evm_setIntervalMining', [BLOCK_TIME_SEC], signal)
}

/** Gives accounts of a local chain what they need for gas. */
export async function fundAccounts(
  rpcUrl: string,
  accounts: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const balance = `0x${(10_000n * 10n ** 18n).toString(16)}`
  await Promise.all(accounts.map(account => callRpc(rpcUrl, 'anvil_setBalance', [account, balance], signal)))
}

/** Includes what is pending, and makes no block from then on: what is read afterwards stays as it is. */
export async function standStill(rpcUrl: string, signal: AbortSignal): Promise<void> {
  await callRpc(rpcUrl, 'evm_setIntervalMining', [0], signal)
  for (let blocks = 0; blocks < MAX_LAST_BLOCKS; blocks += 1) {
    const pool = await callRpc(rpcUrl, 'txpool_status', [], signal)
    if (Number(poolSchema.parse(pool).pending) === 0) return
    await callRpc(rpcUrl, 'evm_mine', [], signal)
  }
}

/** Blocks, transactions, receipts and the newest state, as anvil writes them: JSON, compressed. */
export async function dumpState(rpcUrl: string, signal: AbortSignal): Promise<Uint8Array> {
  const hex = stateSchema.parse(await callRpc(rpcUrl, 'anvil_dumpState', [], signal, STATE_TIMEOUT_MS))
  return Buffer.from(hex.slice(2), 'hex')
}

/** The reverse of {@link dumpState}: the chain goes on from there, and knows all that was before. */
export async function loadState(rpcUrl: string, state: Uint8Array, signal: AbortSignal): Promise<void> {
  const hex = `0x${Buffer.from(state).toString('hex')}`
  await callRpc(rpcUrl, 'anvil_loadState', [hex], signal, STATE_TIMEOUT_MS)
}

const poolSchema = z.object({ pending: z.union([z.int(), z.string().regex(/^0x[0-9a-f]+$/i)]) })
const stateSchema = z.string().regex(/^0x([0-9a-f]{2})+$/i)

async function callRpc(
  rpcUrl: string,
  method: string,
  params: readonly unknown[],
  signal: AbortSignal,
  timeoutMs = TIMEOUT_MS,
): Promise<unknown> {
  const response = await fetch(rpcUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  })
  const answer = (await response.json()) as { result?: unknown; error?: { message?: string } }
  if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`)
  return answer.result
}
