/**
 * What the conservation check knows of the contracts. Written out here and not taken from the project: what is
 * checked must not be read with its own glasses.
 */
import { readFileSync } from 'node:fs'
import { type Address, isAddress, parseAbi } from 'viem'

const NAMES = [
  'io',
  'iosd',
  'priceFeed',
  'burner',
  'emission',
  'parameters',
  'rewardsDistributor',
  'escrow',
  'settlement',
] as const
export type ContractName = (typeof NAMES)[number]

export interface Contracts {
  readonly chainId: number
  /** The block of the first contract. */
  readonly deployBlock: bigint
  readonly addresses: Readonly<Record<ContractName, Address>>
}

/** Names what is wrong with a deployment file. */
export class DeploymentFileError extends Error {
  readonly code = 'BAD_DEPLOYMENT_FILE'
  constructor(file: string, what: string) {
    super(`${file}: ${what}; give the file that \`ionet deploy\` wrote`)
    this.name = 'DeploymentFileError'
  }
}

/** @throws {DeploymentFileError} */
export function readContracts(file: string): Contracts {
  const document = parsed(file)
  const chainId = document['chainId']
  const deployBlock = document['deployBlock']
  if (!Number.isSafeInteger(chainId) || !Number.isSafeInteger(deployBlock))
    throw new DeploymentFileError(file, 'chainId and deployBlock must be whole numbers')
  const contracts = recordOf(document['contracts'])
  const addresses = {} as Record<ContractName, Address>
  for (const name of NAMES) {
    const address = contracts[name]
    if (typeof address !== 'string' || !isAddress(address, { strict: false }))
      throw new DeploymentFileError(file, `contracts.${name} is no address`)
    addresses[name] = address.toLowerCase() as Address
  }
  return { chainId: Number(chainId), deployBlock: BigInt(Number(deployBlock)), addresses }
}

function parsed(file: string): Record<string, unknown> {
  try {
    return recordOf(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    throw new DeploymentFileError(file, 'it cannot be read as JSON')
  }
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

export const functions = parseAbi([
  'function totalSupply() view returns (uint256)',
  'function balanceOf(address) view returns (uint256)',
  'function epochStart() view returns (uint256)',
  'function epochLengthSec() view returns (uint256)',
  'function totalBurned() view returns (uint256)',
  'function burnedIn(uint256 epoch) view returns (uint256)',
  'struct EmissionParams { uint96 launchEmission; uint40 halvingPeriodSec; uint96 yearlyNetCap; }',
  'function params() view returns (EmissionParams)',
  'function genesis() view returns (uint256)',
  'function totals() view returns (uint256 scheduled, uint256 net)',
  'function nextEpoch() view returns (uint64)',
  'function reserve() view returns (uint256)',
  'function root() view returns (bytes32)',
  'function funded() view returns (uint256)',
  'function claimed() view returns (uint256)',
  'function held(uint8 asset) view returns (uint256)',
  'struct Debits { bytes32 root; uint128 iosd; uint128 io; uint64 settledEpochs; uint64 rootEpochs; uint40 activatedAt; }',
  'function debits() view returns (Debits)',
  'struct PayerAccount { uint128 deposited; uint128 withdrawn; uint128 requested; uint64 requestEpoch; uint40 requestedAt; }',
  'function accountOf(address payer, uint8 asset) view returns (PayerAccount)',
  'struct EpochParams { uint16 hiredBps; uint16 hireTaxBps; uint16 feeBps; uint16 gatewayBps; uint16 maxDebitBps; uint64 targetWeight; }',
  'function paramsAt(uint64 epoch) view returns (uint32 version, EpochParams params)',
])

export const events = parseAbi([
  'event Transfer(address indexed from, address indexed to, uint256 value)',
  'event PriceUpdated(uint40 indexed round, uint80 price, uint256 word)',
  'event Burned(address indexed account, uint256 indexed epoch, uint256 io, uint256 iosd, uint256 price, uint40 round)',
  'event EpochMinted(uint64 indexed epoch, uint256 scheduled, uint256 totalScheduled)',
  'event NetEmissionMinted(uint64 indexed epoch, uint256 burned, uint256 cap, uint256 net, uint256 totalNet)',
  'struct EpochReport { uint32 keyEpoch; uint64 epoch; uint32 attempt; uint40 validUntil; uint32 paramsVersion; uint64 snapshotBlock; bytes32 snapshotHash; bytes32 previousRewardRoot; bytes32 previousDebitRoot; bytes32 rewardRoot; bytes32 debitRoot; uint256 hiredPaid; uint256 availabilityPaid; uint256 debitIosd; uint256 debitIo; uint256 cumulativeRewards; uint256 cumulativeDebitIosd; uint256 cumulativeDebitIo; bytes32 bundleHash; bytes32 batchesRoot; bytes32 commitmentsRoot; }',
  'event EpochStaged(uint64 indexed epoch, uint32 indexed attempt, uint256 activatesAt, EpochReport report)',
  'event EpochVetoed(uint64 indexed epoch, uint32 indexed attempt)',
  'event EpochEmptied(uint64 indexed epoch)',
  'event RewardsPosted(uint64 indexed epoch, bytes32 rewardRoot, bytes32 debitRoot, uint256 added, uint256 released, uint256 reserve, bytes32 bundleHash)',
  'event RootPosted(uint64 indexed epoch, bytes32 root, uint256 added, uint256 funded)',
  'event Claimed(address indexed account, address indexed payout, uint256 amount, uint256 cumulative)',
  'event ClaimedAsIosd(address indexed account, uint256 amount, uint256 iosd, uint256 cumulative)',
  'event Deposited(address indexed payer, uint8 indexed asset, uint256 amount)',
  'event Withdrawn(address indexed payer, uint8 indexed asset, uint256 amount)',
  'event Debited(uint64 indexed epoch, bytes32 root, uint256 iosd, uint256 io)',
])

export const transferEvent = events[0]
