/**
 * Deploys the contracts. They know one another by addresses that are computed from the deployer's nonce before the
 * first one exists (registry ↔ feed, IO ↔ burner, settlement ↔ escrow), so there is no setter and no owner afterwards.
 * At the end every immutable is read back from the chain and compared, and no role may be held by a key.
 */
import {
  type Abi,
  BaseError,
  createPublicClient,
  createWalletClient,
  decodeErrorResult,
  type Hex,
  http,
  isAddressEqual,
  type LocalAccount,
  type PublicClient,
  RawContractError,
  zeroAddress,
} from 'viem'
import type { Deployment } from './deployment.ts'
import type { NetworkOptions } from './deployment-options.ts'
import { type Expectation, IO_USD_FEED_ID, planDeployment, type Step } from './deployment-plan.ts'
import { findRoles } from './roles.ts'

export interface DeployOptions extends NetworkOptions {
  rpcUrl: string
  /** Pays, and has no right in the contracts afterwards. It must send nothing else meanwhile. */
  deployer: LocalAccount
  /** t0 of the epochs, Unix seconds. Default: the last block's time, down to a whole number of epochs. */
  epochStart?: number
}

export type DeployErrorCode =
  | 'EPOCH_LENGTH'
  | 'CONSTRUCTOR_REVERTED'
  | 'TRANSACTION_REVERTED'
  | 'ADDRESS_MISMATCH'
  | 'READ_BACK_MISMATCH'
  | 'PRIVILEGED_KEY'

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

/**
 * Deploys all contracts of a network, waits for them, and checks them.
 *
 * @throws {DeployError} when a constructor refuses its arguments, an address is not the predicted one, an immutable
 * read back differs, or a role would be held by an ordinary account
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
  const plan = planDeployment(options, { deployer: deployer.address, nonce, epochStart })

  let deployBlock: bigint | undefined
  for (const step of plan.steps) {
    const block = await create(step)
    deployBlock ??= block
  }
  await assertReadBack(reader, plan.expectations)
  const deployment = {
    chainId,
    deployBlock: Number(deployBlock),
    epochStart,
    epochLengthSec,
    feedId: IO_USD_FEED_ID,
    contracts: plan.addresses,
  }
  await assertNoPrivilegedKey(reader, deployment)
  return deployment

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

/** A key can be lost or lent, and outlives its owner's good will: invariant 19. */
async function assertNoPrivilegedKey(reader: PublicClient, deployment: Deployment): Promise<void> {
  const wrong = (await findRoles(reader, deployment)).find(({ faults }) => faults.length > 0)
  if (wrong === undefined) return
  const { contract, role, holders } = wrong
  throw new DeployError('PRIVILEGED_KEY', `${contract} ${role} is held by ${holders.join(', ')}`, {
    ...wrong,
  })
}

async function assertReadBack(reader: PublicClient, expectations: readonly Expectation[]): Promise<void> {
  for (const { contract, address, abi, functionName, args, value } of expectations) {
    const actual = await reader.readContract({ address, abi, functionName, args })
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
