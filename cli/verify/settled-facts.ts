/** What the chain says of a settled epoch, gathered for its verification. */
import type { PublicClient } from 'viem'
import { priceFeedAbi } from '../../chain/abi/price-feed.ts'
import { createReader } from '../../chain/clients.ts'
import type { Deployment } from '../../chain/deployment.ts'
import { type Finality, readRegistry } from '../../chain/membership-reader.ts'
import {
  createSettlementReader,
  type SettledEpoch,
  type SettlementReader,
} from '../../chain/settlement/reader.ts'
import { lastSettledBefore, settledViewFor } from '../../chain/settlement/view.ts'
import type { Address, Hash } from '../../protocol/bytes.ts'
import type { ChainView } from '../../protocol/epoch/audit-types.ts'
import { epochEndSec, epochOf, epochStartSec } from '../../protocol/epoch/time.ts'
import { unpackReport } from '../../protocol/report.ts'
import type { Price } from '../../protocol/units.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLogger } from '../../runtime/logger.ts'
import { InputError } from '../input-error.ts'

export interface SettledFacts {
  readonly settled: SettledEpoch
  /** The last epoch with a bundle before it: emptied ones leave nothing. Undefined for the first. */
  readonly before: SettledEpoch | undefined
  readonly view: ChainView
  /** Of the price updates on chain that were observed in the epoch. */
  readonly highestPrice: Price | undefined
  /** For who needs more of the chain's blocks. */
  readonly reader: SettlementReader
}

/** The same of an epoch that a quorum emptied. */
export interface EmptiedFacts {
  readonly emptied: SettledEpoch
  /** Wei of IO. */
  readonly burned: bigint
  readonly reader: SettlementReader
}

/** An update may be of a report that is so old, so those of the epoch's last seconds come after its end. */
const OLDEST_UPDATE_SEC = 60
const BLOCKS_A_CALL = 2_000

/**
 * Reads the chain, and lets `use` look at what it says of an epoch.
 *
 * @throws {InputError} when the epoch is not settled, or the endpoint does not answer
 */
export async function withSettledFacts<T>(
  options: {
    readonly epoch: number
    readonly rpcUrls: readonly string[]
    readonly deployment: Deployment
    readonly finality: Finality
  },
  use: {
    readonly settled: (facts: SettledFacts) => Promise<T>
    readonly emptied: (facts: EmptiedFacts) => Promise<T>
  },
): Promise<T> {
  const { epoch, deployment, finality } = options
  const client = createReader(options.rpcUrls)
  const reader = createSettlementReader(
    { deployment, finality },
    { reader: client, clock: systemClock, logger: silentLogger },
  )
  await client.getChainId().catch(() => {
    throw new InputError(
      `nothing answers at ${options.rpcUrls.join(', ')}: give a JSON-RPC endpoint with --rpc`,
    )
  })
  await reader.start(new AbortController().signal)
  try {
    const settled = await reader.findSettled(epoch)
    if (settled === undefined) throw new InputError(notSettled(epoch, reader.settlement().nextEpoch))
    if (settled.emptied) {
      const { burned } = await reader.epochFacts(epoch)
      return await use.emptied({ emptied: settled, burned, reader })
    }
    const registry = deployment.contracts.oracleRegistry
    const { chainId } = deployment
    const view = await settledViewFor(settled, reader, {
      domain: { chainId, registry: registry.toLowerCase() as Address },
      feedId: deployment.feedId as Hash,
      membership: (await readRegistry(client, { registry, chainId, finality })).newest,
    })
    const before = await lastSettledBefore(epoch, reader)
    const highestPrice = await readHighestPrice(client, reader, deployment, epoch)
    return await use.settled({ settled, before, view, highestPrice, reader })
  } finally {
    await reader.stop()
  }
}

function notSettled(epoch: number, nextEpoch: number): string {
  const known = nextEpoch === 0 ? 'none is yet' : `the newest is ${nextEpoch - 1}`
  return `epoch ${epoch} is not settled on this chain: ${known}`
}

async function readHighestPrice(
  client: PublicClient,
  reader: SettlementReader,
  deployment: Deployment,
  epoch: number,
): Promise<Price | undefined> {
  const { clock } = reader
  const first = await reader.firstBlockFrom(epochStartSec(clock, epoch))
  if (first === undefined) return undefined
  const after = await reader.firstBlockFrom(epochEndSec(clock, epoch) + OLDEST_UPDATE_SEC)
  const last = (after ?? reader.head().latest).number
  let highest: Price | undefined
  for (let from = first.number; from <= last; from += BLOCKS_A_CALL) {
    const updates = await client.getContractEvents({
      address: deployment.contracts.priceFeed,
      abi: priceFeedAbi,
      eventName: 'PriceUpdated',
      fromBlock: BigInt(from),
      toBlock: BigInt(Math.min(from + BLOCKS_A_CALL - 1, last)),
      strict: true,
    })
    for (const { args } of updates) {
      const { observedAt, price } = unpackReport(args.word)
      if (epochOf(clock, observedAt) !== epoch) continue
      if (highest === undefined || price > highest) highest = price
    }
  }
  return highest
}
