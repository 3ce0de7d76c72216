/** An endpoint of the chain that a verification reads. */
import type { Whereabouts } from './whereabouts.ts'

/** A saved chain is served as long as it is needed. */
export async function withEndpoint(
  chain: Whereabouts['chain'],
  use: (rpcUrl: string) => Promise<void>,
): Promise<void> {
  if ('rpc' in chain) return use(chain.rpc)
  const [{ withServedChain }, { systemClock }, { silentLogger }] = await Promise.all([
    import('../../devnet/chain-server.ts'),
    import('../../runtime/clock.ts'),
    import('../../runtime/logger.ts'),
  ])
  return withServedChain(chain.saved, { clock: systemClock, logger: silentLogger, env: process.env }, use)
}
