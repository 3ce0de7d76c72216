/** Claims this worker's rewards now and then. A claim that is missed loses nothing: the next one pays all. */
import type { PublicClient } from 'viem'
import { claimRewards } from '../../chain/settlement/claim.ts'
import type { Transactor } from '../../chain/transactor.ts'
import type { Address } from '../../protocol/bytes.ts'
import { formatDecimal } from '../../protocol/units.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { createLoop } from '../../runtime/loop.ts'
import type { Service } from '../../runtime/service.ts'
import type { RelayerClient } from '../../sdk/relayer-client.ts'

export interface ClaimsOptions {
  readonly account: Address
  readonly distributor: Address
  readonly everySec: number
}

export interface ClaimsDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly relayer: Pick<RelayerClient, 'account'>
  readonly transactor: Transactor
  readonly reader: PublicClient
  readonly onClaimed: (amount: bigint) => void
}

/** The root changes when an epoch becomes active: a proof of the one before is asked for again soon. */
const STALE_RETRIES = 3
const STALE_PAUSE_MS = 500

export function createClaims(options: ClaimsOptions, deps: ClaimsDeps): Service {
  const { account, distributor } = options
  const { clock, logger, relayer, transactor, reader } = deps

  const claim = async (signal: AbortSignal): Promise<void> => {
    for (let attempt = 0; attempt < STALE_RETRIES; attempt++) {
      const line = await relayer.account(account, signal)
      if (line === undefined) return
      const result = await claimRewards({ transactor, reader, distributor, account, line }, signal)
      switch (result.kind) {
        case 'claimed':
          deps.onClaimed(result.amount)
          logger.info('rewards claimed', { io: formatDecimal(result.amount), txHash: result.txHash })
          return
        case 'nothing':
          return
        case 'stale-proof':
          await clock.sleep(STALE_PAUSE_MS, signal)
          break
        default:
          return result satisfies never
      }
    }
    logger.debug('the relayer proves rewards under another root than the chain has', { account })
  }

  return createLoop({
    name: 'claims',
    everyMs: options.everySec * 1_000,
    longRuns: true,
    clock,
    logger,
    run: async signal => {
      try {
        await claim(signal)
      } catch (error) {
        if (!signal.aborted) logger.warn('rewards were not claimed, the next time again', { error })
      }
    },
  })
}
