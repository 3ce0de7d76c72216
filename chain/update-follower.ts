/**
 * Follows the updates of a price feed, whoever sends them, twice over: to the newest block, for whoever wants to know at
 * once and can bear that a block is taken back; and to the newest final one, for what is written down.
 */
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

export interface UpdateFollowerOptions {
  readonly priceFeed: Address
  /** The first block that has not been settled before; without it, the newest final one at the start. */
  readonly from?: bigint | undefined
  /** Which block counts as final: a chain without forks has `latest`. */
  readonly finality: 'latest' | 'finalized'
}

export interface UpdateListener {
  /**
   * An update stands in a block. In order, but for one that is told again: after a start those of the blocks that are
   * not final yet are, and so is one that a fork has moved.
   */
  seen(update: PriceUpdate): void
  /**
   * What final blocks hold, in order, none left out: to be written down in one step with `next`, the first block that
   * has not been looked at. If it throws, the same is told again.
   */
  settled(updates: readonly PriceUpdate[], next: bigint): void
}

const POLL_MS = 1_000
/** Public endpoints refuse longer ranges. */
const MAX_BLOCKS = 1_000n

/** A failed look is repeated, none is skipped. */
export function followUpdates(
  options: UpdateFollowerOptions,
  listener: UpdateListener,
  deps: { readonly reader: PublicClient; readonly clock: Clock; readonly logger: Logger },
): Service {
  const { reader } = deps
  let nextSeen: bigint | undefined
  let nextSettled = options.from

  const updatesBetween = async (fromBlock: bigint, toBlock: bigint): Promise<PriceUpdate[]> => {
    const logs = await reader.getContractEvents({
      address: options.priceFeed,
      abi: priceFeedAbi,
      eventName: 'PriceUpdated',
      fromBlock,
      toBlock,
      strict: true,
    })
    return logs.map(({ args, transactionHash, blockNumber }) => ({
      round: asRound(Number(args.round)),
      price: args.price as Price,
      transactionHash,
      blockNumber,
    }))
  }
  type Read = typeof updatesBetween
  const lookAtNewest = async (head: bigint, final: bigint, read: Read): Promise<void> => {
    // Of what happened long ago nobody has to hear at once.
    const oldest = head >= MAX_BLOCKS ? head - MAX_BLOCKS + 1n : 0n
    nextSeen ??= nextSettled ?? final
    if (nextSeen < oldest) nextSeen = oldest
    if (nextSeen > head) return
    for (const update of await read(nextSeen, head)) listener.seen(update)
    nextSeen = head + 1n
  }
  const lookAtFinal = async (final: bigint, read: Read): Promise<void> => {
    const from = nextSettled ?? final
    if (from > final) return
    const to = final - from >= MAX_BLOCKS ? from + MAX_BLOCKS - 1n : final
    listener.settled(await read(from, to), to + 1n)
    nextSettled = to + 1n
  }
  const look = async (): Promise<void> => {
    const head = await reader.getBlockNumber({ cacheTime: 0 })
    const final =
      options.finality === 'latest' ? head : (await reader.getBlock({ blockTag: 'finalized' })).number
    const read = once(updatesBetween)
    await lookAtNewest(head, final, read)
    await lookAtFinal(final, read)
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

/** Asks once for a range that is wanted twice, as it is wherever every block is final. */
function once<T>(read: (from: bigint, to: bigint) => Promise<T>): (from: bigint, to: bigint) => Promise<T> {
  const asked = new Map<string, Promise<T>>()
  return (from, to) => {
    const range = `${from}-${to}`
    const answer = asked.get(range) ?? read(from, to)
    asked.set(range, answer)
    return answer
  }
}
