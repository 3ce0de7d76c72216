import { devNull } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Service } from '../runtime/service.ts'
import { listeningUrlIn, loadState, stillChainCommand } from './anvil.ts'
import { superviseChild } from './child.ts'
import { LOOPBACK } from './files.ts'
import { requireFreePorts } from './ports.ts'
import { notLoadable, readSavedChain } from './saved-chain.ts'

export interface ChainServerOptions {
  /** Of a finished local network. */
  readonly dir: string
  /** 0 takes a free one. */
  readonly port: number
}

export interface ChainServerDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly env: Readonly<Record<string, string | undefined>>
  /** Told when the chain ends by itself after it was ready. */
  readonly fail: (error: Error) => void
}

export interface ChainServer extends Service {
  /** Its JSON-RPC endpoint, once started. */
  readonly url: string
}

const ROOT = fileURLToPath(new URL('..', import.meta.url))
/** Anvil starts in 0.2 s; a loaded machine takes longer. */
const START_TIMEOUT_MS = 20_000

/**
 * Serves the saved chain of a finished local network on loopback: blocks, transactions, receipts, logs, and the state
 * of its last block. It makes no blocks of its own. `start` rejects with {@link NoSavedChainError} when nothing can be
 * served, and with {@link PortInUseError}.
 */
export function createChainServer(options: ChainServerOptions, deps: ChainServerDeps): ChainServer {
  let url: string | undefined
  let chain: Service | undefined

  const start = async (signal: AbortSignal): Promise<void> => {
    const state = readSavedChain(options.dir)
    if (options.port !== 0) await requireFreePorts([{ port: options.port, what: 'chain' }], LOOPBACK)
    const ready = Promise.withResolvers<string>()
    const late = AbortSignal.any([signal, AbortSignal.timeout(START_TIMEOUT_MS)])
    late.addEventListener('abort', () => ready.reject(late.reason), { once: true })
    chain = superviseChild(
      {
        name: 'chain',
        ...stillChainCommand(ROOT, deps.env, options.port),
        cwd: options.dir,
        env: deps.env,
        logFile: devNull,
        onLine: line => {
          const found = listeningUrlIn(line)
          if (found !== undefined) ready.resolve(found)
        },
        onCrash: reason => {
          const error = new Error(`the chain ended: ${reason}`)
          ready.reject(error)
          if (url !== undefined) deps.fail(error)
        },
      },
      deps,
    )
    await chain.start(signal)
    const listening = await ready.promise
    await loadState(listening, state, signal).catch((error: unknown) => {
      signal.throwIfAborted()
      throw notLoadable(options.dir, error instanceof Error ? error.message : String(error))
    })
    url = listening
    deps.logger.info('the chain of a finished local network is served', { url, dir: options.dir })
  }

  return {
    name: 'chain server',
    get url() {
      if (url === undefined) throw new Error('the chain server has not started')
      return url
    },
    start,
    stop: async () => chain?.stop(),
  }
}

/** Serves a saved chain on a free port as long as `use` needs it. */
export async function withServedChain<T>(
  dir: string,
  deps: Omit<ChainServerDeps, 'fail'>,
  use: (rpcUrl: string) => Promise<T>,
): Promise<T> {
  // Whoever uses it notices by its requests that the chain is gone.
  const server = createChainServer({ dir, port: 0 }, { ...deps, fail: () => {} })
  try {
    await server.start(new AbortController().signal)
    return await use(server.url)
  } finally {
    await server.stop()
  }
}
