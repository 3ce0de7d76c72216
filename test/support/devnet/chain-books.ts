import { type Address, createPublicClient, http, parseAbi, zeroAddress } from 'viem'

/** Written out here, not taken from the project: what is checked must not be read with its own glasses. */
const abi = parseAbi([
  'event PriceUpdated(uint40 indexed round, uint80 price, uint256 word)',
  'event Burned(address indexed account, uint256 indexed epoch, uint256 io, uint256 iosd, uint256 price, uint40 round)',
  'event Transfer(address indexed from, address indexed to, uint256 value)',
  'function totalSupply() view returns (uint256)',
])
const ONE = 10n ** 18n

export type Contracts = Readonly<Record<'io' | 'iosd' | 'priceFeed' | 'burner', Address>>

export interface BurnEntry {
  readonly io: bigint
  readonly iosd: bigint
  readonly price: bigint
  /** ⌊io · price⌋ at the newest price that stood on chain before the burn. */
  readonly due: bigint | undefined
}

/** All that a local chain tells of its money, as of one block. Amounts in wei. */
export interface ChainBooks {
  readonly updates: readonly { readonly blockNumber: bigint; readonly price: bigint }[]
  readonly burns: readonly BurnEntry[]
  readonly ioSupply: bigint
  readonly iosdSupply: bigint
  /** Sums over all token transfers from nowhere and to nowhere. */
  readonly io: { readonly minted: bigint; readonly burned: bigint }
  readonly iosd: { readonly minted: bigint; readonly burned: bigint }
}

/** Reads the books from the first block on. */
export async function readBooks(rpcUrl: string, contracts: Contracts): Promise<ChainBooks> {
  const client = createPublicClient({ transport: http(rpcUrl, { timeout: 3_000 }), cacheTime: 0 })
  const toBlock = await client.getBlockNumber()
  const range = { abi, fromBlock: 0n, toBlock, strict: true } as const
  const supplyOf = (address: Address) =>
    client.readContract({ address, abi, functionName: 'totalSupply', blockNumber: toBlock })
  const transfersOf = async (address: Address) => {
    const transfers = await client.getContractEvents({ ...range, address, eventName: 'Transfer' })
    const sum = (end: 'from' | 'to') =>
      transfers
        .filter(({ args }) => args[end] === zeroAddress)
        .reduce((total, { args }) => total + args.value, 0n)
    return { minted: sum('from'), burned: sum('to') }
  }
  const [updates, burns, ioSupply, iosdSupply, io, iosd] = await Promise.all([
    client.getContractEvents({ ...range, address: contracts.priceFeed, eventName: 'PriceUpdated' }),
    client.getContractEvents({ ...range, address: contracts.burner, eventName: 'Burned' }),
    supplyOf(contracts.io),
    supplyOf(contracts.iosd),
    transfersOf(contracts.io),
    transfersOf(contracts.iosd),
  ])
  return {
    updates: updates.map(({ args, blockNumber }) => ({ blockNumber, price: args.price })),
    burns: burns.map(({ args, blockNumber, logIndex }) => {
      const before = updates.findLast(
        update =>
          update.blockNumber < blockNumber ||
          (update.blockNumber === blockNumber && update.logIndex < logIndex),
      )
      const due = before === undefined ? undefined : (args.io * before.args.price) / ONE
      return { io: args.io, iosd: args.iosd, price: args.price, due }
    }),
    ioSupply,
    iosdSupply,
    io,
    iosd,
  }
}
