import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Clock } from '../runtime/clock.ts'

export const CHAIN_ID = 31_337
/** Seconds between blocks. */
const BLOCK_TIME_SEC = 1
/** Anvil starts in 0.2 s; a loaded machine takes longer. */
const START_TIMEOUT_MS = 20_000
const POLL_MS = 50

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

/**
 * The command that runs the local chain: the binary of our dependencies, else the one in the PATH.
 *
 * @throws {AnvilMissingError}
 */
export function anvilCommand(root: string, env: Readonly<Record<string, string | undefined>>, port: number) {
  const candidates = [join(root, 'node_modules', '.bin'), ...(env['PATH'] ?? '').split(delimiter)]
  const binary = candidates.map(dir => join(dir, 'anvil')).find(existsSync)
  if (binary === undefined) throw new AnvilMissingError()
  const args = ['--host', '127.0.0.1', '--port', port, '--chain-id', CHAIN_ID]
  // One account, because anvil wants some; the network has keys of its own. One state per block for ever would fill the disk.
  const limits = ['--accounts', 1, '--silent', '--max-persisted-states', 100]
  return { command: 'sh', args: ['-c', WRAPPER, 'anvil', binary, ...args, ...limits].map(String) }
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

async function callRpc(
  rpcUrl: string,
  method: string,
  params: readonly unknown[],
  signal: AbortSignal,
): Promise<unknown> {
  const response = await fetch(rpcUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(2_000)]),
  })
  const answer = (await response.json()) as { result?: unknown; error?: { message?: string } }
  if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`)
  return answer.result
}
