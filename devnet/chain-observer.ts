import { createPublicClient, http, type PublicClient } from 'viem'
import { burnerAbi } from '../chain/abi/burner.ts'
import { emissionAbi } from '../chain/abi/emission.ts'
import { ioAbi } from '../chain/abi/io.ts'
import { priceFeedAbi } from '../chain/abi/price-feed.ts'
import type { Deployment } from '../chain/deployment.ts'
import type { Price, Wei } from '../protocol/units.ts'
import { readConservation } from './conservation.ts'
import type { ChainSnapshot } from './summary.ts'

/** Reads what a local chain says about itself, for the summary. */
export interface ChainObserver {
  hasPrice(): Promise<boolean>
  /** Everything at one and the same block. */
  snapshot(): Promise<ChainSnapshot>
}

export function createChainObserver(rpcUrl: string, deployment: Deployment): ChainObserver {
  // Without a cache: viem would answer with a block number of up to four seconds ago.
  const client = createPublicClient({
    transport: http(rpcUrl, { timeout: 2_000, retryCount: 1 }),
    cacheTime: 0,
  })
  const { contracts } = deployment
  const fromBlock = BigInt(deployment.deployBlock)
  return {
    hasPrice: async () => {
      const updates = await priceUpdates(
        client,
        contracts.priceFeed,
        fromBlock,
        await client.getBlockNumber(),
      )
      return updates.length > 0
    },
    snapshot: async () => {
      const toBlock = await client.getBlockNumber()
      const [updates, burns, genesis, ioSupply, conservation] = await Promise.all([
        priceUpdates(client, contracts.priceFeed, fromBlock, toBlock),
        client.getContractEvents({
          address: contracts.burner,
          abi: burnerAbi,
          eventName: 'Burned',
          fromBlock,
          toBlock,
          strict: true,
        }),
        client.readContract({ address: contracts.emission, abi: emissionAbi, functionName: 'genesis' }),
        totalSupply(client, contracts.io, toBlock),
        readConservation(client, deployment, toBlock),
      ])
      const last = updates.at(-1)
      return {
        burns: burns.map(({ args }) => ({
          io: args.io as Wei,
          iosd: args.iosd as Wei,
          price: args.price as Price,
        })),
        onChainUpdates: updates.length,
        lastPrice: last === undefined ? undefined : (last.args.price as Price),
        genesis: genesis as Wei,
        ioSupply,
        conservation,
      }
    },
  }
}

function priceUpdates(client: PublicClient, address: `0x${string}`, fromBlock: bigint, toBlock: bigint) {
  return client.getContractEvents({
    address,
    abi: priceFeedAbi,
    eventName: 'PriceUpdated',
    fromBlock,
    toBlock,
    strict: true,
  })
}

async function totalSupply(client: PublicClient, address: `0x${string}`, blockNumber: bigint): Promise<Wei> {
  return (await client.readContract({ address, abi: ioAbi, functionName: 'totalSupply', blockNumber })) as Wei
}
