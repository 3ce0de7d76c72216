import type { Command } from 'commander'
import { integer } from '../parsers.ts'

interface ChainOptions {
  readonly dir: string
  readonly port: number
  readonly stopWithStdin?: boolean
}

const MAX_PORT = 65_535

/** `ionet chain`: what a local network left, for whoever wants to look at it. */
export function addChainCommand(program: Command): void {
  program
    .command('chain')
    .summary('serve the chain of a finished local network')
    .description(
      'serve the chain of a finished local network on loopback: blocks, transactions, receipts, logs, and the state of its last block; no block is added',
    )
    .option('--dir <directory>', 'working directory of the local network', '.ionet/devnet')
    .option('--port <port>', 'port of the JSON-RPC endpoint; 0 takes a free one', integer(0, MAX_PORT), 4_601)
    .option('--stop-with-stdin', 'stop when standard input closes, for processes that have a parent')
    .action(runChain)
}

async function runChain({ dir, port, stopWithStdin }: ChainOptions): Promise<void> {
  const { runProcess } = await import('../run-process.ts')
  const settings = { name: 'chain', logLevel: 'info', stopWithStdin: stopWithStdin === true } as const
  await runProcess(settings, async ({ clock, logger, fail }) => {
    const { createChainServer } = await import('../../devnet/chain-server.ts')
    return createChainServer({ dir, port }, { clock, logger, fail, env: process.env })
  })
}
