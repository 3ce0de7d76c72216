/** Everything that the conservation check takes from the chain, at one block. */
import { type Address, createPublicClient, type Hex, http, type PublicClient, zeroAddress } from 'viem'
import { type ContractName, type Contracts, events, functions, transferEvent } from './contracts.ts'

/** Nodes refuse ranges that are much longer. */
const BLOCKS_A_CALL = 2_000n
/** So many requests at once. */
const WIDTH = 16

export type ChainLog = Awaited<ReturnType<typeof readRange>>[number]

export interface PayerBook {
  readonly payer: Address
  readonly asset: 1 | 2
  readonly deposited: bigint
  readonly withdrawn: bigint
}

export interface EpochLimits {
  readonly version: number
  readonly hiredBps: bigint
  readonly hireTaxBps: bigint
  readonly maxDebitBps: bigint
}

/** What the contracts answer. Amounts in wei. */
export interface ContractState {
  readonly epochStart: bigint
  readonly epochLengthSec: bigint
  readonly launchEmission: bigint
  readonly halvingPeriodSec: bigint
  readonly yearlyNetCap: bigint
  readonly genesis: bigint
  readonly totalScheduled: bigint
  readonly totalNet: bigint
  readonly emissionNextEpoch: number
  readonly settlementNextEpoch: number
  readonly reserve: bigint
  readonly root: Hex
  readonly funded: bigint
  readonly claimed: bigint
  readonly ioSupply: bigint
  readonly iosdSupply: bigint
  readonly totalBurned: bigint
  readonly heldIo: bigint
  readonly heldIosd: bigint
  readonly debits: {
    readonly root: Hex
    readonly iosd: bigint
    readonly io: bigint
    readonly settledEpochs: bigint
    /** One above the last epoch that had a report. */
    readonly rootEpochs: bigint
  }
  readonly ioOf: Readonly<Record<'settlement' | 'rewardsDistributor' | 'escrow', bigint>>
  readonly iosdOfEscrow: bigint
}

export interface Reading {
  readonly block: { readonly number: bigint; readonly hash: Hex; readonly timestampSec: bigint }
  readonly addresses: Contracts['addresses']
  readonly state: ContractState
  /** In the order in which they happened. */
  readonly logs: readonly ChainLog[]
  readonly payers: readonly PayerBook[]
  /** Of every settled epoch, by number. */
  readonly limits: readonly EpochLimits[]
  readonly burnedIn: readonly bigint[]
  /** Unix seconds of the blocks in which something was burned, activated, deposited or withdrawn. */
  readonly timeOf: ReadonlyMap<bigint, bigint>
}

/** The endpoint cannot be read as this network's chain. */
export class WrongChainError extends Error {
  readonly code = 'WRONG_CHAIN'
  constructor(found: number, expected: number) {
    super(`the endpoint serves chain ${found}, the deployment is on chain ${expected}`)
    this.name = 'WrongChainError'
  }
}

/**
 * Reads the chain up to `blockNumber`, or to its newest block.
 *
 * @throws {WrongChainError} and viem's errors when the endpoint does not answer
 */
export async function readChain(
  rpcUrl: string,
  contracts: Contracts,
  blockNumber?: bigint,
): Promise<Reading> {
  const client = createPublicClient({ transport: http(rpcUrl, { timeout: 10_000 }), cacheTime: 0 })
  const chainId = await client.getChainId()
  if (chainId !== contracts.chainId) throw new WrongChainError(chainId, contracts.chainId)
  const block = await client.getBlock(blockNumber === undefined ? { blockTag: 'latest' } : { blockNumber })
  const { addresses } = contracts
  const [state, logs] = await Promise.all([
    readState(client, addresses, block.number),
    readLogs(client, contracts, block.number),
  ])
  const epochs = Array.from({ length: state.settlementNextEpoch }, (_, epoch) => BigInt(epoch))
  const at = { abi: functions, blockNumber: block.number } as const
  const [payers, limits, burnedIn, timeOf] = await Promise.all([
    readPayers(client, addresses.escrow, logs, block.number),
    inWidth(epochs, async epoch => {
      const call = { ...at, address: addresses.parameters, functionName: 'paramsAt' } as const
      const [version, { hiredBps, hireTaxBps, maxDebitBps }] = await client.readContract({
        ...call,
        args: [epoch],
      })
      return {
        version,
        hiredBps: BigInt(hiredBps),
        hireTaxBps: BigInt(hireTaxBps),
        maxDebitBps: BigInt(maxDebitBps),
      }
    }),
    inWidth(epochs, epoch =>
      client.readContract({ ...at, address: addresses.burner, functionName: 'burnedIn', args: [epoch] }),
    ),
    readTimes(client, logs),
  ])
  const { number, hash, timestamp } = block
  return {
    block: { number, hash, timestampSec: timestamp },
    addresses,
    state,
    logs,
    payers,
    limits,
    burnedIn,
    timeOf,
  }
}

async function readState(
  client: PublicClient,
  addresses: Contracts['addresses'],
  blockNumber: bigint,
): Promise<ContractState> {
  const on = (name: ContractName) => ({ address: addresses[name], abi: functions, blockNumber }) as const
  const balance = (token: 'io' | 'iosd', holder: ContractName) =>
    client.readContract({ ...on(token), functionName: 'balanceOf', args: [addresses[holder]] })
  const held = (asset: number) =>
    client.readContract({ ...on('escrow'), functionName: 'held', args: [asset] })
  const [start, length, params, genesis, totals, minted] = await Promise.all([
    client.readContract({ ...on('emission'), functionName: 'epochStart' }),
    client.readContract({ ...on('emission'), functionName: 'epochLengthSec' }),
    client.readContract({ ...on('emission'), functionName: 'params' }),
    client.readContract({ ...on('emission'), functionName: 'genesis' }),
    client.readContract({ ...on('emission'), functionName: 'totals' }),
    client.readContract({ ...on('emission'), functionName: 'nextEpoch' }),
  ])
  const [settled, reserve, root, funded, claimed, ioSupply, iosdSupply, totalBurned, debits] =
    await Promise.all([
      client.readContract({ ...on('settlement'), functionName: 'nextEpoch' }),
      client.readContract({ ...on('settlement'), functionName: 'reserve' }),
      client.readContract({ ...on('rewardsDistributor'), functionName: 'root' }),
      client.readContract({ ...on('rewardsDistributor'), functionName: 'funded' }),
      client.readContract({ ...on('rewardsDistributor'), functionName: 'claimed' }),
      client.readContract({ ...on('io'), functionName: 'totalSupply' }),
      client.readContract({ ...on('iosd'), functionName: 'totalSupply' }),
      client.readContract({ ...on('burner'), functionName: 'totalBurned' }),
      client.readContract({ ...on('escrow'), functionName: 'debits' }),
    ])
  const [heldIo, heldIosd, ofSettlement, ofDistributor, ofEscrow, iosdOfEscrow] = await Promise.all([
    held(1),
    held(2),
    balance('io', 'settlement'),
    balance('io', 'rewardsDistributor'),
    balance('io', 'escrow'),
    balance('iosd', 'escrow'),
  ])
  return {
    epochStart: start,
    epochLengthSec: length,
    launchEmission: params.launchEmission,
    halvingPeriodSec: BigInt(params.halvingPeriodSec),
    yearlyNetCap: params.yearlyNetCap,
    genesis,
    totalScheduled: totals[0],
    totalNet: totals[1],
    emissionNextEpoch: Number(minted),
    settlementNextEpoch: Number(settled),
    reserve,
    root,
    funded,
    claimed,
    ioSupply,
    iosdSupply,
    totalBurned,
    heldIo,
    heldIosd,
    debits,
    ioOf: { settlement: ofSettlement, rewardsDistributor: ofDistributor, escrow: ofEscrow },
    iosdOfEscrow,
  }
}

async function readLogs(client: PublicClient, contracts: Contracts, last: bigint): Promise<ChainLog[]> {
  const starts: bigint[] = []
  for (let from = contracts.deployBlock; from <= last; from += BLOCKS_A_CALL) starts.push(from)
  const ranges = await inWidth(starts, from => {
    const end = from + BLOCKS_A_CALL - 1n
    return readRange(client, contracts.addresses, from, end < last ? end : last)
  })
  return ranges
    .flat()
    .sort((a, b) =>
      a.blockNumber === b.blockNumber ? a.logIndex - b.logIndex : Number(a.blockNumber - b.blockNumber),
    )
}

/** IO changes hands too often to be read whole: only what is made and what is destroyed. */
async function readRange(
  client: PublicClient,
  { io, ...others }: Contracts['addresses'],
  fromBlock: bigint,
  toBlock: bigint,
) {
  const range = { fromBlock, toBlock, strict: true } as const
  const transfers = (args: { from: Address } | { to: Address }) =>
    client.getLogs({ ...range, address: io, event: transferEvent, args })
  const [made, destroyed, rest] = await Promise.all([
    transfers({ from: zeroAddress }),
    transfers({ to: zeroAddress }),
    client.getLogs({ ...range, address: Object.values(others), events }),
  ])
  return [...made, ...destroyed, ...rest]
}

async function readPayers(
  client: PublicClient,
  escrow: Address,
  logs: readonly ChainLog[],
  blockNumber: bigint,
): Promise<PayerBook[]> {
  const payers = new Set(logs.flatMap(log => (log.eventName === 'Deposited' ? [log.args.payer] : [])))
  const lines = [...payers].flatMap(payer => [{ payer, asset: 1 } as const, { payer, asset: 2 } as const])
  return inWidth(lines, async ({ payer, asset }) => {
    const call = { address: escrow, abi: functions, functionName: 'accountOf', blockNumber } as const
    const { deposited, withdrawn } = await client.readContract({ ...call, args: [payer, asset] })
    return { payer, asset, deposited, withdrawn }
  })
}

async function readTimes(client: PublicClient, logs: readonly ChainLog[]): Promise<Map<bigint, bigint>> {
  const dated = ['Burned', 'RewardsPosted', 'Deposited', 'Withdrawn']
  const timed = logs.filter(({ eventName }) => dated.includes(eventName))
  const numbers = [...new Set(timed.map(log => log.blockNumber))]
  return new Map(
    await inWidth(numbers, async blockNumber => {
      const { timestamp } = await client.getBlock({ blockNumber })
      return [blockNumber, timestamp] as const
    }),
  )
}

async function inWidth<T, R>(items: readonly T[], read: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let first = 0; first < items.length; first += WIDTH)
    results.push(...(await Promise.all(items.slice(first, first + WIDTH).map(read))))
  return results
}
