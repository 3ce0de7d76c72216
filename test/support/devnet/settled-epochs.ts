import { type Address, createPublicClient, http, parseAbi } from 'viem'

/** Written out here, not taken from the project: what is checked must not be read with its own glasses. */
const abi = parseAbi([
  'event NetEmissionMinted(uint64 indexed epoch, uint256 burned, uint256 cap, uint256 net, uint256 totalNet)',
  'event Burned(address indexed account, uint256 indexed epoch, uint256 io, uint256 iosd, uint256 price, uint40 round)',
])

export interface SettledEpochOnChain {
  readonly epoch: number
  /** Wei of IO, by the event of its emission. */
  readonly burned: bigint
  readonly cap: bigint
  readonly net: bigint
  /** The same by the burns themselves. */
  readonly burnedByBurns: bigint
  /** Time of the block that made it active, Unix seconds. */
  readonly activeAtSec: number
}

/** Every epoch that is active on a chain, oldest first. */
export async function readSettledEpochs(
  rpcUrl: string,
  contracts: Readonly<Record<'emission' | 'burner', Address>>,
): Promise<SettledEpochOnChain[]> {
  const client = createPublicClient({ transport: http(rpcUrl, { timeout: 3_000 }), cacheTime: 0 })
  const range = { abi, fromBlock: 0n, strict: true } as const
  const [minted, burns] = await Promise.all([
    client.getContractEvents({ ...range, address: contracts.emission, eventName: 'NetEmissionMinted' }),
    client.getContractEvents({ ...range, address: contracts.burner, eventName: 'Burned' }),
  ])
  return Promise.all(
    minted.map(async ({ args: { epoch, burned, cap, net }, blockNumber }) => {
      const { timestamp } = await client.getBlock({ blockNumber })
      const burnedByBurns = burns
        .filter(({ args }) => args.epoch === epoch)
        .reduce((total, { args }) => total + args.io, 0n)
      return { epoch: Number(epoch), burned, cap, net, burnedByBurns, activeAtSec: Number(timestamp) }
    }),
  )
}
