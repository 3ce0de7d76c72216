import { createPublicClient, http, type PublicClient, zeroAddress } from 'viem'
import { burnerAbi } from '../chain/abi/burner.ts'
import { ioAbi } from '../chain/abi/io.ts'
import { priceFeedAbi } from '../chain/abi/price-feed.ts'
import type { Deployment } from '../chain/deployment.ts'
import type { Price, Wei } from '../protocol/units.ts'
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
      const [updates, burns, mints, ioSupply, iosdSupply] = await Promise.all([
        priceUpdates(client, contracts.priceFeed, fromBlock, toBlock),
        client.getContractEvents({
          address: contracts.burner,
          abi: burnerAbi,
          eventName: 'Burned',
          fromBlock,
          toBlock,
          strict: true,
        }),
        client.getContractEvents({
          address: contracts.io,
          abi: ioAbi,
          eventName: 'Transfer',
          args: { from: zeroAddress },
          fromBlock: 0n,
          toBlock,
          strict: true,
        }),
        totalSupply(client, contracts.io, toBlock),
        totalSupply(client, contracts.iosd, toBlock),
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
        // Nothing mints IO after the deployment on this network, so what came from nowhere is the genesis.
        genesis: mints.reduce((total, { args }) => total + args.value, 0n) as Wei,
        ioSupply,
        iosdSupply,
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
