/**
 * Deploys the contracts. They know one another by addresses that are computed from the deployer's nonce before the
 * first one exists (registry ↔ feed, IO ↔ burner), so there is no setter and no owner afterwards. At the end every
 * immutable is read back from the chain and compared.
 */
import {
  type Abi,
  type Address,
  BaseError,
  type ContractConstructorArgs,
  type ContractFunctionName,
  createPublicClient,
  createWalletClient,
  decodeErrorResult,
  encodeDeployData,
  getContractAddress,
  type Hex,
  http,
  isAddressEqual,
  type LocalAccount,
  type PublicClient,
  RawContractError,
  zeroAddress,
  zeroHash,
} from 'viem'
import { feedIdOf } from '../protocol/domain.ts'
import { quorumOf } from '../protocol/quorum.ts'
import { burnerAbi, burnerBytecode } from './abi/burner.ts'
import { ioAbi, ioBytecode } from './abi/io.ts'
import { iosdAbi, iosdBytecode } from './abi/iosd.ts'
import { oracleRegistryAbi, oracleRegistryBytecode } from './abi/oracle-registry.ts'
import { priceFeedAbi, priceFeedBytecode } from './abi/price-feed.ts'
import type { Deployment } from './deployment.ts'

const IO_USD_FEED_ID = feedIdOf('IO/USD')

/** A member or an aggregator: its address, and the 32 raw bytes of its libp2p Ed25519 public key. */
export interface MemberOptions {
  identity: Address
  peerKey: Hex
}

/** Constants of the price feed; each has a default. */
export interface FeedOptions {
  /** Oldest observation an update may carry, seconds. */
  maxAgeSec?: number
  /** How far a report may be ahead of the block, seconds. Gas is estimated on the last block's time. */
  maxFutureSec?: number
  /** τ of the moving average, seconds. */
  emaPeriodSec?: number
  description?: string
}

export interface DeployOptions {
  rpcUrl: string
  /** Pays, and has no right in the contracts afterwards. It must send nothing else meanwhile. */
  deployer: LocalAccount
  /** The index is the slot. */
  members: readonly MemberOptions[]
  aggregators: readonly MemberOptions[]
  /** Balances of IO from the first block on, in wei; at most the maximum supply together. */
  genesis: readonly { account: Address; amount: bigint }[]
  epochLengthSec: number
  /** t0 of the epochs, Unix seconds. Default: the last block's time, down to a whole number of epochs. */
  epochStart?: number
  feed?: FeedOptions
  /** The one account that may mint IO. Default: nobody. */
  minter?: Address
  /** The one account that IOSD may be moved to. Default: none. */
  escrow?: Address
}

export type DeployErrorCode =
  | 'EPOCH_LENGTH'
  | 'CONSTRUCTOR_REVERTED'
  | 'TRANSACTION_REVERTED'
  | 'ADDRESS_MISMATCH'
  | 'READ_BACK_MISMATCH'

/** The contracts are not, or not correctly, on the chain. Whatever is there already is of no use: deploy anew. */
export class DeployError extends Error {
  readonly code: DeployErrorCode
  readonly details: Readonly<Record<string, unknown>>
  constructor(
    code: DeployErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>>,
    cause?: unknown,
  ) {
    super(message, { cause })
    this.name = 'DeployError'
    this.code = code
    this.details = details
  }
}

/** Seconds. One block of tolerance ahead (12 s on mainnet) and the age of ECONOMICS' guard. */
const FEED_DEFAULTS = {
  maxAgeSec: 30,
  maxFutureSec: 15,
  emaPeriodSec: 3600,
  description: 'IO / USD',
} as const

/**
 * Deploys IO, IOSD, OracleRegistry, PriceFeed and Burner, waits for them, and checks them.
 *
 * @throws {DeployError} when a constructor refuses its arguments, an address is not the predicted one, or an
 * immutable read back differs
 */
export async function deploy(options: DeployOptions): Promise<Deployment> {
  const { deployer, epochLengthSec } = options
  if (!Number.isInteger(epochLengthSec) || epochLengthSec < 1 || epochLengthSec > 3600) {
    throw new DeployError('EPOCH_LENGTH', 'an epoch has 1 to 3600 whole seconds', { epochLengthSec })
  }
  const transport = http(options.rpcUrl)
  const reader = createPublicClient({ transport, pollingInterval: 200 })
  const wallet = createWalletClient({ transport, account: deployer })

  const [chainId, nonce, lastBlock] = await Promise.all([
    reader.getChainId(),
    reader.getTransactionCount({ address: deployer.address, blockTag: 'pending' }),
    reader.getBlock(),
  ])
  const lastTime = Number(lastBlock.timestamp)
  const epochStart = options.epochStart ?? lastTime - (lastTime % epochLengthSec)
  const plan = planDeployment(options, nonce, epochStart)

  let deployBlock: bigint | undefined
  for (const step of plan.steps) {
    const block = await create(step)
    deployBlock ??= block
  }
  await assertReadBack(reader, plan.expectations)

  return {
    chainId,
    deployBlock: Number(deployBlock),
    epochStart,
    epochLengthSec,
    feedId: IO_USD_FEED_ID,
    contracts: plan.addresses,
  }

  /** Sends one creation and returns the number of its block. */
  async function create({ contract, abi, data, address }: Step): Promise<bigint> {
    let hash: Hex
    try {
      hash = await wallet.sendTransaction({ chain: null, data })
    } catch (cause) {
      throw constructorError(contract, abi, cause)
    }
    const receipt = await reader.waitForTransactionReceipt({ hash })
    if (receipt.status !== 'success') {
      throw new DeployError('TRANSACTION_REVERTED', `the creation of ${contract} reverted`, {
        contract,
        hash,
      })
    }
    const actual = receipt.contractAddress ?? zeroAddress
    if (!isAddressEqual(actual, address)) {
      throw new DeployError(
        'ADDRESS_MISMATCH',
        `${contract} is not at the predicted address: the deployer sent something else meanwhile; deploy anew`,
        { contract, predicted: address, actual },
      )
    }
    return receipt.blockNumber
  }
}

interface Step {
  contract: string
  abi: Abi
  data: Hex
  address: Address
}

interface Expectation {
  contract: string
  address: Address
  abi: Abi
  functionName: string
  args?: readonly unknown[]
  value: unknown
}

interface Plan {
  addresses: Deployment['contracts']
  steps: Step[]
  expectations: Expectation[]
}

/** Decides everything: the addresses, what is sent in which order, and what must be read back afterwards. */
function planDeployment(options: DeployOptions, nonce: number, epochStart: number): Plan {
  const at = (index: number): Address =>
    getContractAddress({ from: options.deployer.address, nonce: BigInt(nonce + index) })
  const addresses = { io: at(0), iosd: at(1), oracleRegistry: at(2), priceFeed: at(3), burner: at(4) }
  const { io, iosd, oracleRegistry, priceFeed, burner } = addresses
  const minter = options.minter ?? zeroAddress
  const escrow = options.escrow ?? zeroAddress
  const feed = { ...FEED_DEFAULTS, ...options.feed }
  const { members, aggregators, genesis, epochLengthSec } = options
  const { n, f, q } = quorumOf(members.length)

  const steps: Step[] = [
    creation('IO', ioAbi, ioBytecode, io, [minter, burner, [...genesis]]),
    creation('IOSD', iosdAbi, iosdBytecode, iosd, [burner, escrow]),
    creation('OracleRegistry', oracleRegistryAbi, oracleRegistryBytecode, oracleRegistry, [
      [...members],
      [...aggregators],
      [priceFeed],
    ]),
    creation('PriceFeed', priceFeedAbi, priceFeedBytecode, priceFeed, [
      oracleRegistry,
      IO_USD_FEED_ID,
      { base: io, ...feed },
    ]),
    creation('Burner', burnerAbi, burnerBytecode, burner, [
      io,
      iosd,
      priceFeed,
      { epochStart, epochLengthSec },
    ]),
  ]

  const expectations = [
    ...expect('IO', io, ioAbi, {
      minter,
      burner,
      MAX_SUPPLY: 22_300_000n * 10n ** 18n,
      totalSupply: genesis.reduce((sum, { amount }) => sum + amount, 0n),
    }),
    ...expect('IOSD', iosd, iosdAbi, { burner, escrow, totalSupply: 0n }),
    ...expect('OracleRegistry', oracleRegistry, oracleRegistryAbi, {
      members,
      aggregators,
      consumers: [priceFeed],
      state: {
        keyEpoch: 0,
        registryVersion: 1,
        members: n,
        faults: f,
        quorum: q,
        groupKeyX: 0n,
        transcriptHash: zeroHash,
        participants: 0n,
        suspended: 0n,
      },
    }),
    ...expect('PriceFeed', priceFeed, priceFeedAbi, {
      params: [oracleRegistry, IO_USD_FEED_ID, { base: io, ...feed }],
      groupPublicKeyX: 0n,
      latestWord: 0n,
    }),
    ...expect('Burner', burner, burnerAbi, {
      io,
      iosd,
      feed: priceFeed,
      epochStart: BigInt(epochStart),
      epochLengthSec: BigInt(epochLengthSec),
      totalBurned: 0n,
    }),
  ]
  return { addresses, steps, expectations }
}

function creation<const A extends Abi>(
  contract: string,
  abi: A,
  bytecode: Hex,
  address: Address,
  args: ContractConstructorArgs<A>,
): Step {
  return { contract, abi, address, data: encodeDeployData({ abi, bytecode, args } as never) }
}

/** One expectation for each view without arguments that is named. */
function expect<const A extends Abi>(
  contract: string,
  address: Address,
  abi: A,
  values: Partial<Record<ContractFunctionName<A, 'view' | 'pure'>, unknown>>,
): Expectation[] {
  return Object.entries(values).map(([functionName, value]) => ({
    contract,
    address,
    abi,
    functionName,
    value,
  }))
}

async function assertReadBack(reader: PublicClient, expectations: readonly Expectation[]): Promise<void> {
  for (const { contract, address, abi, functionName, value } of expectations) {
    const actual = await reader.readContract({ address, abi, functionName })
    if (canonical(actual) !== canonical(value)) {
      throw new DeployError(
        'READ_BACK_MISMATCH',
        `${contract}.${functionName} on the chain is not what was deployed`,
        { contract, functionName, expected: value, actual },
      )
    }
  }
}

/** One text for equal values: keys sorted, addresses and hashes in lower case, bigints marked. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === 'bigint') return `${part}n`
    if (typeof part === 'string' && part.startsWith('0x')) return part.toLowerCase()
    if (part === null || typeof part !== 'object' || Array.isArray(part)) return part
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}

/** Names the contract's own error, where the node returned its data; else passes on what the node said. */
function constructorError(contract: string, abi: Abi, cause: unknown): unknown {
  const data = revertData(cause)
  if (data === undefined) return cause
  try {
    const { errorName, args } = decodeErrorResult({ abi, data })
    const values = (args ?? []).map(String).join(', ')
    return new DeployError(
      'CONSTRUCTOR_REVERTED',
      `${contract} refuses its arguments: ${errorName}(${values})`,
      { contract, errorName, args },
      cause,
    )
  } catch {
    return cause
  }
}

function revertData(error: unknown): Hex | undefined {
  if (!(error instanceof BaseError)) return undefined
  const source = error.walk(part => part instanceof RawContractError || hasData(part))
  return hasData(source) ? source.data : undefined
}

function hasData(value: unknown): value is { data: Hex } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'data' in value &&
    /^0x[0-9a-f]{8}/i.test(String(value.data))
  )
}
