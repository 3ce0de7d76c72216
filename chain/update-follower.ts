/** Follows the updates of a price feed, whoever sends them. */
import type { PublicClient } from 'viem'
import type { Address } from '../protocol/bytes.ts'
import { asRound, type Round } from '../protocol/rounds.ts'
import type { Price } from '../protocol/units.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/logger.ts'
import { createLoop } from '../runtime/loop.ts'
import type { Service } from '../runtime/service.ts'
import { priceFeedAbi } from './abi/price-feed.ts'

export interface PriceUpdate {
  readonly round: Round
  readonly price: Price
  readonly transactionHash: string
  readonly blockNumber: bigint
}

const POLL_MS = 1_000
/** Public endpoints refuse longer ranges. */
const MAX_BLOCKS = 1_000n

/** Calls back with each update from the block of its start on, in order. A failed look is repeated, none is skipped. */
export function followUpdates(
  priceFeed: Address,
  onUpdate: (update: PriceUpdate) => void,
  deps: { readonly reader: PublicClient; readonly clock: Clock; readonly logger: Logger },
): Service {
  let nextBlock: bigint | undefined
  const look = async (): Promise<void> => {
    const head = await deps.reader.getBlockNumber({ cacheTime: 0 })
    nextBlock ??= head
    if (nextBlock > head) return
    const toBlock = head - nextBlock >= MAX_BLOCKS ? nextBlock + MAX_BLOCKS - 1n : head
    const logs = await deps.reader.getContractEvents({
      address: priceFeed,
      abi: priceFeedAbi,
      eventName: 'PriceUpdated',
      fromBlock: nextBlock,
      toBlock,
      strict: true,
    })
    for (const { args, transactionHash, blockNumber } of logs) {
      onUpdate({
        round: asRound(Number(args.round)),
        price: args.price as Price,
        transactionHash,
        blockNumber,
      })
    }
    nextBlock = toBlock + 1n
  }
  const loop = createLoop({
    name: 'update follower',
    everyMs: POLL_MS,
    clock: deps.clock,
    logger: deps.logger,
    run: look,
  })
  return { name: 'update follower', start: signal => loop.start(signal), stop: () => loop.stop() }
}
