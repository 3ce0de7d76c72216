/** An endpoint of the chain that a verification reads. */
import { BaseError } from 'viem'
import { InputError } from '../input-error.ts'

/** An endpoint, or the directory of a finished local network whose chain was saved. */
export type ChainSource = { readonly rpc: string } | { readonly saved: string }

/** What the options say of it; undefined when they say nothing. An endpoint comes before a directory. */
export function chainOf(options: {
  readonly rpc?: string | undefined
  readonly devnet?: string | undefined
}): ChainSource | undefined {
  const { rpc, devnet } = options
  if (rpc !== undefined) return { rpc }
  return devnet === undefined ? undefined : { saved: devnet }
}

/**
 * A saved chain is served as long as it is needed.
 *
 * @throws {InputError} when the chain cannot be read
 */
export async function withEndpoint(
  chain: ChainSource,
  use: (rpcUrl: string) => Promise<void>,
): Promise<void> {
  const read = (rpcUrl: string): Promise<void> =>
    use(rpcUrl).catch((error: unknown) => {
      if (!(error instanceof BaseError)) throw error
      throw new InputError(`the chain cannot be read at ${rpcUrl}: ${reasonOf(error)}`)
    })
  if ('rpc' in chain) return read(chain.rpc)
  const [{ withServedChain }, { systemClock }, { silentLogger }] = await Promise.all([
    import('../../devnet/chain-server.ts'),
    import('../../runtime/clock.ts'),
    import('../../runtime/logger.ts'),
  ])
  return withServedChain(chain.saved, { clock: systemClock, logger: silentLogger, env: process.env }, read)
}

function reasonOf({ details, shortMessage }: BaseError): string {
  const [line = ''] = (details || shortMessage).split('\n')
  return line
}
