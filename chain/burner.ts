import {
  BaseError,
  ContractFunctionRevertedError,
  createPublicClient,
  createWalletClient,
  fallback,
  type Hex,
  http,
  type LocalAccount,
  parseEventLogs,
  parseSignature,
} from 'viem'
import { BPS, formatDecimal, type Price, type Wei } from '../protocol/units.ts'
import { burnerAbi } from './abi/burner.ts'
import { ioAbi } from './abi/io.ts'
import { BurnError, leastIosd, type NewestReport, readBurnTerms } from './burn-terms.ts'
import type { Deployment } from './deployment.ts'

export { BurnError, type BurnErrorCode } from './burn-terms.ts'

/** One burn, as the chain recorded it. */
export interface BurnReceipt {
  readonly io: Wei
  readonly iosd: Wei
  readonly price: Price
  readonly round: number
  readonly transaction: Hex
}

export interface Burner {
  /** @throws {BurnError} when it cannot be done now */
  burn(io: Wei): Promise<BurnReceipt>
}

/** The first burn of an epoch, or of a second, writes slots that were warm when it was estimated. */
const GAS_MARGIN_BPS = 15_000n
const POLL_MS = 250

/** Burns IO of an account for IOSD, with a signed permit instead of a standing approval. */
export function createBurner(options: {
  readonly rpcUrls: readonly string[]
  readonly deployment: Deployment
  readonly account: LocalAccount
  /** Goes along with a burn where it is newer than the price on chain. */
  readonly newestReport?: NewestReport
}): Burner {
  const { account, deployment, newestReport } = options
  const { io: ioToken, burner, priceFeed } = deployment.contracts
  const transport = fallback(options.rpcUrls.map(url => http(url)))
  const reader = createPublicClient({ transport, pollingInterval: POLL_MS })
  const wallet = createWalletClient({ transport, account })

  const requireBalance = async (io: Wei): Promise<void> => {
    const chainId = await reader.getChainId()
    if (chainId !== deployment.chainId) {
      throw new BurnError(
        'WRONG_CHAIN',
        `the endpoint serves chain ${chainId}, the deployment is on ${deployment.chainId}`,
      )
    }
    const balance = await reader.readContract({
      address: ioToken,
      abi: ioAbi,
      functionName: 'balanceOf',
      args: [account.address],
    })
    if (balance < io) {
      throw new BurnError(
        'NOT_ENOUGH_IO',
        `${account.address} holds ${formatDecimal(balance)} IO, not ${formatDecimal(io)}`,
      )
    }
  }

  const signPermit = async (io: Wei, deadline: bigint) => {
    const [name, nonce] = await Promise.all([
      reader.readContract({ address: ioToken, abi: ioAbi, functionName: 'name' }),
      reader.readContract({ address: ioToken, abi: ioAbi, functionName: 'nonces', args: [account.address] }),
    ])
    const signature = await account.signTypedData({
      domain: { name, version: '1', chainId: deployment.chainId, verifyingContract: ioToken },
      types: {
        Permit: [
          { name: 'owner', type: 'address' },
          { name: 'spender', type: 'address' },
          { name: 'value', type: 'uint256' },
          { name: 'nonce', type: 'uint256' },
          { name: 'deadline', type: 'uint256' },
        ],
      },
      primaryType: 'Permit',
      message: { owner: account.address, spender: burner, value: io, nonce, deadline },
    })
    const { r, s, yParity } = parseSignature(signature)
    return { deadline, v: 27 + yParity, r, s }
  }

  const burn = async (io: Wei): Promise<BurnReceipt> => {
    await requireBalance(io)
    const { price, report, deadline } = await readBurnTerms(reader, priceFeed, newestReport)
    const permit = await signPermit(io, deadline)
    const call = {
      address: burner,
      abi: burnerAbi,
      functionName: 'burnExactInWithPermit',
      args: [io, leastIosd(io, price), deadline, permit, report],
      account,
    } as const
    await reader.simulateContract(call).catch((error: unknown) => {
      throw refusal(error)
    })
    const gas = ((await reader.estimateContractGas(call)) * GAS_MARGIN_BPS) / BPS
    const transaction = await wallet.writeContract({ ...call, gas, chain: null })
    const receipt = await reader.waitForTransactionReceipt({ hash: transaction })
    const [event] = parseEventLogs({ abi: burnerAbi, eventName: 'Burned', logs: receipt.logs })
    if (event === undefined)
      throw new BurnError('REFUSED', `the burn was refused in transaction ${transaction}`)
    const { io: burned, iosd, price: paid, round } = event.args
    return { io: burned as Wei, iosd: iosd as Wei, price: paid as Price, round, transaction }
  }

  return { burn }
}

/** The contract's own reason, where it gave one. */
function refusal(error: unknown): unknown {
  const reverted =
    error instanceof BaseError ? error.walk(part => part instanceof ContractFunctionRevertedError) : null
  if (!(reverted instanceof ContractFunctionRevertedError)) return error
  const reason = reverted.data?.errorName ?? reverted.signature ?? 'without a reason'
  return new BurnError('REFUSED', `the contract refuses the burn: ${reason}`, error)
}
