/**
 * Who may do what on a network, read from the chain: every role is held by a contract of the deployment, and none by a
 * key. A key can be lost, lent or stolen, so that one role held by a key is as good as no rule at all.
 */
import {
  type Abi,
  type Address,
  type Hex,
  isAddressEqual,
  type PublicClient,
  parseAbi,
  zeroAddress,
  zeroHash,
} from 'viem'
import { burnerAbi } from './abi/burner.ts'
import { emissionAbi } from './abi/emission.ts'
import { escrowAbi } from './abi/escrow.ts'
import { ioAbi } from './abi/io.ts'
import { ioGovernorAbi } from './abi/io-governor.ts'
import { iosdAbi } from './abi/iosd.ts'
import { oracleRegistryAbi } from './abi/oracle-registry.ts'
import { parametersAbi } from './abi/parameters.ts'
import { priceFeedAbi } from './abi/price-feed.ts'
import { rewardsDistributorAbi } from './abi/rewards-distributor.ts'
import { settlementAbi } from './abi/settlement.ts'
import { timelockAbi } from './abi/timelock.ts'
import type { Deployment } from './deployment.ts'

type ContractName = keyof Deployment['contracts']

/** `ANYBODY` is OpenZeppelin's open role: granted to the zero address, whoever calls has it. */
export const ANYBODY = zeroAddress

export type RoleFault =
  /** Held by somebody else than the contract of the deployment that it is for. */
  | 'WRONG_HOLDER'
  /** Held by an account without code of its own: a key decides what it does. */
  | 'ORDINARY_ACCOUNT'
  /** Held by whoever sent the deployment. */
  | 'DEPLOYER'

/** A role, and what was found. */
export interface RoleFinding {
  readonly contract: ContractName
  readonly role: string
  /** Everybody who has it now. */
  readonly holders: readonly Address[]
  /** Everybody who must have it; none other may. */
  readonly required: readonly Address[]
  readonly faults: readonly RoleFault[]
}

/** The chain does not say who holds the roles: it is another one, or the endpoint does not have the first blocks. */
export class RolesUnknownError extends Error {
  readonly code = 'ROLES_UNKNOWN'
  constructor(sentence: string) {
    super(sentence)
    this.name = 'RolesUnknownError'
  }
}

/** Nodes refuse ranges that are much longer. */
const BLOCKS_A_CALL = 2_000n
/** EIP-7702: the code of an ordinary account that lets a contract speak for it begins so. The key still decides. */
const DELEGATION_PREFIX = '0xef0100'

/** A view that names the one holder of a role. */
interface Wire {
  readonly contract: ContractName
  readonly abi: Abi
  readonly role: string
  readonly holder: ContractName
}

const WIRES: readonly Wire[] = [
  { contract: 'io', abi: ioAbi, role: 'minter', holder: 'emission' },
  { contract: 'io', abi: ioAbi, role: 'burner', holder: 'burner' },
  { contract: 'iosd', abi: iosdAbi, role: 'burner', holder: 'burner' },
  { contract: 'iosd', abi: iosdAbi, role: 'escrow', holder: 'escrow' },
  { contract: 'oracleRegistry', abi: oracleRegistryAbi, role: 'timelock', holder: 'timelock' },
  { contract: 'burner', abi: burnerAbi, role: 'distributor', holder: 'rewardsDistributor' },
  { contract: 'burner', abi: burnerAbi, role: 'registry', holder: 'oracleRegistry' },
  { contract: 'burner', abi: burnerAbi, role: 'feed', holder: 'priceFeed' },
  { contract: 'emission', abi: emissionAbi, role: 'settlement', holder: 'settlement' },
  { contract: 'emission', abi: emissionAbi, role: 'burner', holder: 'burner' },
  { contract: 'parameters', abi: parametersAbi, role: 'timelock', holder: 'timelock' },
  {
    contract: 'rewardsDistributor',
    abi: rewardsDistributorAbi,
    role: 'settlement',
    holder: 'settlement',
  },
  { contract: 'rewardsDistributor', abi: rewardsDistributorAbi, role: 'burner', holder: 'burner' },
  { contract: 'escrow', abi: escrowAbi, role: 'settlement', holder: 'settlement' },
  { contract: 'escrow', abi: escrowAbi, role: 'distributor', holder: 'rewardsDistributor' },
  { contract: 'governor', abi: ioGovernorAbi, role: 'timelock', holder: 'timelock' },
  { contract: 'governor', abi: ioGovernorAbi, role: 'token', holder: 'io' },
]

const LINKS: Readonly<Record<string, ContractName>> = {
  registry: 'oracleRegistry',
  io: 'io',
  emission: 'emission',
  distributor: 'rewardsDistributor',
  escrow: 'escrow',
  parameters: 'parameters',
}

const roleChanges = parseAbi([
  'event RoleGranted(bytes32 indexed role, address indexed account, address indexed sender)',
  'event RoleRevoked(bytes32 indexed role, address indexed account, address indexed sender)',
])

/**
 * Finds every role of a deployment, who holds it, and what is wrong with that.
 *
 * @throws {RolesUnknownError} and viem's errors when the endpoint does not answer
 */
export async function findRoles(reader: PublicClient, deployment: Deployment): Promise<RoleFinding[]> {
  const chainId = await reader.getChainId()
  if (chainId !== deployment.chainId)
    throw new RolesUnknownError(
      `the endpoint serves chain ${chainId}, the deployment is on chain ${deployment.chainId}`,
    )
  const held = [
    ...(await readWires(reader, deployment)),
    ...(await readKeyWriters(reader, deployment)),
    ...(await readSettlementLinks(reader, deployment)),
    ...(await readTimelockRoles(reader, deployment)),
  ]
  const deployer = await readDeployer(reader, deployment)
  const ordinary = await readOrdinary(
    reader,
    held.flatMap(({ holders }) => holders),
  )
  return held.map(found => ({ ...found, faults: faultsOf(found, deployer, ordinary) }))
}

type Held = Omit<RoleFinding, 'faults'>

function faultsOf(
  { holders, required }: Held,
  deployer: Address,
  ordinary: ReadonlySet<Address>,
): RoleFault[] {
  const faults: RoleFault[] = []
  if (!isSame(holders, required)) faults.push('WRONG_HOLDER')
  // An open role that must be open is nobody's.
  const somebody = holders.filter(holder => holder !== ANYBODY || !required.includes(ANYBODY))
  if (somebody.some(holder => ordinary.has(holder))) faults.push('ORDINARY_ACCOUNT')
  if (somebody.some(holder => isAddressEqual(holder, deployer))) faults.push('DEPLOYER')
  return faults
}

function isSame(some: readonly Address[], others: readonly Address[]): boolean {
  const sorted = (list: readonly Address[]) => list.map(entry => entry.toLowerCase()).sort()
  return sorted(some).join() === sorted(others).join()
}

async function readWires(reader: PublicClient, { contracts }: Deployment): Promise<Held[]> {
  return Promise.all(
    WIRES.map(async ({ contract, abi, role, holder }) => {
      const call = { address: contracts[contract], abi, functionName: role }
      const found = (await reader.readContract(call)) as Address
      return { contract, role, holders: [found], required: [contracts[holder]] }
    }),
  )
}

/** Who hands keys to the feed and to settlement, and to whom else the registry would. */
async function readKeyWriters(reader: PublicClient, { contracts }: Deployment): Promise<Held[]> {
  const [[feedRegistry], consumers] = await Promise.all([
    reader.readContract({ address: contracts.priceFeed, abi: priceFeedAbi, functionName: 'params' }),
    reader.readContract({
      address: contracts.oracleRegistry,
      abi: oracleRegistryAbi,
      functionName: 'consumers',
    }),
  ])
  return [
    {
      contract: 'priceFeed',
      role: 'registry',
      holders: [feedRegistry],
      required: [contracts.oracleRegistry],
    },
    {
      contract: 'oracleRegistry',
      role: 'consumers',
      holders: consumers,
      required: [contracts.priceFeed, contracts.settlement],
    },
  ]
}

async function readSettlementLinks(reader: PublicClient, { contracts }: Deployment): Promise<Held[]> {
  const call = { address: contracts.settlement, abi: settlementAbi } as const
  const links = await reader.readContract({ ...call, functionName: 'links' })
  return Object.entries(LINKS).map(([role, holder]) => ({
    contract: 'settlement',
    role,
    holders: [links[role as keyof typeof links]],
    required: [contracts[holder]],
  }))
}

/** By the contract's own log: it cannot list who has a role, and asking about those whom one knows finds nobody else. */
async function readTimelockRoles(
  reader: PublicClient,
  { contracts, deployBlock }: Deployment,
): Promise<Held[]> {
  const { timelock: address, governor } = contracts
  const timelock = { address, abi: timelockAbi } as const
  const [proposer, executor, canceller] = await Promise.all([
    reader.readContract({ ...timelock, functionName: 'PROPOSER_ROLE' }),
    reader.readContract({ ...timelock, functionName: 'EXECUTOR_ROLE' }),
    reader.readContract({ ...timelock, functionName: 'CANCELLER_ROLE' }),
  ])
  const roles = new Map<Hex, { role: string; required: readonly Address[] }>([
    [proposer, { role: 'PROPOSER', required: [governor] }],
    [canceller, { role: 'CANCELLER', required: [governor] }],
    [executor, { role: 'EXECUTOR', required: [ANYBODY] }],
    [zeroHash, { role: 'DEFAULT_ADMIN', required: [address] }],
  ])
  const logged = await readRoleLogs(reader, address, BigInt(deployBlock))
  // A role that nobody expects must be nobody's.
  for (const role of logged.keys()) if (!roles.has(role)) roles.set(role, { role, required: [] })
  return Promise.all(
    [...roles].map(async ([id, { role, required }]) => {
      const holders = [...(logged.get(id) ?? [])]
      // What the log says is asked again, in case the endpoint does not have all of it.
      const asked = [...new Set([...holders, ...required])]
      const has = await Promise.all(
        asked.map(account =>
          reader.readContract({ ...timelock, functionName: 'hasRole', args: [id, account] }),
        ),
      )
      if (asked.some((account, index) => has[index] !== holders.includes(account)))
        throw new RolesUnknownError(`the log of the timelock and its roles differ in ${role}`)
      return { contract: 'timelock' as const, role, holders, required }
    }),
  )
}

async function readRoleLogs(
  reader: PublicClient,
  address: Address,
  first: bigint,
): Promise<Map<Hex, Set<Address>>> {
  const last = await reader.getBlockNumber({ cacheTime: 0 })
  const holders = new Map<Hex, Set<Address>>()
  for (let fromBlock = first; fromBlock <= last; fromBlock += BLOCKS_A_CALL) {
    const end = fromBlock + BLOCKS_A_CALL - 1n
    const toBlock = end < last ? end : last
    const range = { fromBlock, toBlock, strict: true } as const
    for (const { eventName, args } of await reader.getLogs({ address, events: roleChanges, ...range })) {
      const having = holders.get(args.role) ?? new Set<Address>()
      if (eventName === 'RoleGranted') having.add(args.account)
      else having.delete(args.account)
      holders.set(args.role, having)
    }
  }
  return holders
}

/** Who sent the first contract. */
async function readDeployer(reader: PublicClient, { contracts, deployBlock }: Deployment): Promise<Address> {
  const block = await reader.getBlock({ blockNumber: BigInt(deployBlock), includeTransactions: true })
  for (const { hash, from, to } of block.transactions) {
    if (to !== null) continue
    const { contractAddress } = await reader.getTransactionReceipt({ hash })
    if (contractAddress && isAddressEqual(contractAddress, contracts.io)) return from
  }
  throw new RolesUnknownError(`block ${deployBlock} does not hold the creation of IO`)
}

/** Those of the accounts that a key can speak for. */
async function readOrdinary(
  reader: PublicClient,
  accounts: readonly Address[],
): Promise<ReadonlySet<Address>> {
  const distinct = [...new Set(accounts)]
  const codes = await Promise.all(distinct.map(address => reader.getCode({ address })))
  return new Set(
    distinct.filter((_, index) => {
      const code = codes[index]
      return code === undefined || code.toLowerCase().startsWith(DELEGATION_PREFIX)
    }),
  )
}
