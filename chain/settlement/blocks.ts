/**
 * The chain's newest blocks, and which block was there at a given second. Everybody who derives something from block
 * time (such as ends of epochs) finds the same block by it.
 */
import type { Block, PublicClient } from 'viem'
import type { BlockView } from '../../protocol/epoch/audit-types.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { createLoop } from '../../runtime/loop.ts'
import type { Service } from '../../runtime/service.ts'
import type { Finality } from '../membership-reader.ts'

export interface ChainHead {
  readonly latest: BlockView
  /** Never goes back. */
  readonly final: BlockView
}

export interface ChainBlocks {
  /** As last read. @throws {NoHeadError} before the first answer */
  head(): ChainHead
  /** Reads now; resolves when what was there at the call has been read. */
  refresh(): Promise<void>
  blockAt(number: number): Promise<BlockView | undefined>
  /** The last block before a second; undefined while a later one of before that second could still come. */
  lastBlockBefore(sec: number): Promise<BlockView | undefined>
  /** The first block at or after a second; undefined while there is none. */
  firstBlockFrom(sec: number): Promise<BlockView | undefined>
}

/** No block has been read yet. A retry helps once an endpoint answers. */
export class NoHeadError extends Error {
  readonly code = 'NO_HEAD'
  constructor() {
    super(
      'no block has been read yet: start the follower first, and check that an endpoint of rpcUrls answers',
    )
    this.name = 'NoHeadError'
  }
}

/** Blocks of a second are seen in time for whoever acts by them. */
export const BLOCK_POLL_MS = 400
/** A search takes a few blocks, and neighbours ask for the same ones. */
const KEPT_BLOCKS = 256
const KEPT_ANSWERS = 128

export function createChainBlocks(
  options: { readonly finality: Finality },
  reader: PublicClient,
): ChainBlocks {
  let head: ChainHead | undefined
  const blocks = new BoundedMap<number, BlockView>(KEPT_BLOCKS)
  /** First block at or after a second. Only final ones: others can still be replaced. */
  const answers = new BoundedMap<number, BlockView>(KEPT_ANSWERS)

  const current = (): ChainHead => {
    if (head === undefined) throw new NoHeadError()
    return head
  }
  const remember = (block: BlockView): BlockView => {
    if (block.finalised) blocks.set(block.number, block)
    return block
  }
  const view = (block: Block, finalNumber: number): BlockView => {
    if (block.number === null || block.hash === null) throw new NoHeadError()
    const number = Number(block.number)
    return {
      number,
      hash: block.hash,
      timestampSec: Number(block.timestamp),
      finalised: number <= finalNumber,
    }
  }
  const readHead = async (): Promise<void> => {
    const [newest, final] = await Promise.all([
      reader.getBlock({ blockTag: 'latest' }),
      options.finality === 'latest' ? undefined : reader.getBlock({ blockTag: options.finality }),
    ])
    const finalNumber = Math.max(Number((final ?? newest).number), head?.final.number ?? 0)
    const latest = view(newest, finalNumber)
    // One of several endpoints may lag: the view never goes back.
    if (head !== undefined && latest.number < head.latest.number) return
    const known = final === undefined ? latest : view(final, finalNumber)
    head = {
      latest: remember(latest),
      final: remember(head !== undefined && known.number < head.final.number ? head.final : known),
    }
  }
  const read = async (number: number): Promise<BlockView> => {
    const block = await reader.getBlock({ blockNumber: BigInt(number) })
    return remember(view(block, current().final.number))
  }
  const blockAt = async (number: number): Promise<BlockView | undefined> => {
    const { latest } = current()
    if (number < 0 || number > latest.number) return undefined
    return blocks.get(number) ?? (number === latest.number ? latest : await read(number))
  }
  const firstBlockFrom = async (sec: number): Promise<BlockView | undefined> => {
    const known = answers.get(sec)
    if (known !== undefined) return known
    const { latest } = current()
    if (latest.timestampSec < sec) return undefined
    const found = await search(sec, [...blocks.values(), latest], read)
    if (found.finalised) answers.set(sec, found)
    return found
  }

  return {
    head: current,
    refresh: inTurn(readHead),
    blockAt,
    firstBlockFrom,
    lastBlockBefore: async sec => {
      const first = await firstBlockFrom(sec)
      return first === undefined ? undefined : blockAt(first.number - 1)
    },
  }
}

/** {@link createChainBlocks}, read every {@link BLOCK_POLL_MS} while it runs: for who needs blocks and nothing else. */
export function createBlockFollower(
  options: { readonly finality: Finality },
  deps: { readonly reader: PublicClient; readonly clock: Clock; readonly logger: Logger },
): ChainBlocks & Service {
  const blocks = createChainBlocks(options, deps.reader)
  const loop = createLoop({
    name: 'block follower',
    everyMs: BLOCK_POLL_MS,
    clock: deps.clock,
    logger: deps.logger,
    longRuns: true,
    run: () => blocks.refresh(),
  })
  return {
    ...blocks,
    name: 'block follower',
    start: async signal => {
      await blocks.refresh()
      await loop.start(signal)
    },
    stop: () => loop.stop(),
  }
}

/**
 * The first block at or after a second. Interpolates, then tries the neighbour of what it found, and halves every
 * fourth time: on a chain of even block times that is two blocks, on any other at most four times the halvings.
 *
 * @param known blocks of the chain, the last of them at or after the second
 */
async function search(
  sec: number,
  known: readonly BlockView[],
  read: (number: number) => Promise<BlockView>,
): Promise<BlockView> {
  let high = known.filter(block => block.timestampSec >= sec).reduce((a, b) => (b.number < a.number ? b : a))
  let low = known
    .filter(block => block.timestampSec < sec && block.number < high.number)
    .reduce<BlockView | undefined>((a, b) => (a === undefined || b.number > a.number ? b : a), undefined)
  let lowMoved = false
  for (let step = 0; ; step++) {
    const from = low?.number ?? -1
    if (high.number - from <= 1) return high
    const guess =
      step % 4 === 3
        ? Math.floor((from + high.number) / 2)
        : step % 2 === 0
          ? interpolated(sec, low, high)
          : lowMoved
            ? from + 1
            : high.number - 1
    const block = await read(Math.min(high.number - 1, Math.max(from + 1, guess)))
    lowMoved = block.timestampSec < sec
    if (lowMoved) low = block
    else high = block
  }
}

/** Before the first known block, blocks of a second are as good a guess as any. */
function interpolated(sec: number, low: BlockView | undefined, high: BlockView): number {
  if (low === undefined) return high.number - (high.timestampSec - sec)
  const share = (sec - low.timestampSec) / (high.timestampSec - low.timestampSec)
  return low.number + Math.ceil(share * (high.number - low.number))
}

/** Runs one at a time; a call during a run waits for one more run, which all such calls share. */
export function inTurn(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined
  const begin = (): Promise<void> => {
    running = run().finally(() => {
      running = undefined
    })
    return running
  }
  return () => {
    if (running === undefined) return begin()
    next ??= running
      .catch(() => {})
      .then(() => {
        next = undefined
        return begin()
      })
    return next
  }
}

/** Forgets what was put in first. */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #most: number

  constructor(most: number) {
    super()
    this.#most = most
  }

  override set(key: K, value: V): this {
    super.set(key, value)
    if (this.size > this.#most) {
      const oldest = this.keys().next()
      if (oldest.done !== true) this.delete(oldest.value)
    }
    return this
  }
}

/** The later of wall clock and block time: a chain whose time is ahead of this machine's is not of the future. */
export function wallOrBlockMs(clock: Pick<Clock, 'now'>, blocks: Pick<ChainBlocks, 'head'>): number {
  try {
    return Math.max(clock.now(), blocks.head().latest.timestampSec * 1_000)
  } catch (error) {
    if (error instanceof NoHeadError) return clock.now()
    throw error
  }
}
