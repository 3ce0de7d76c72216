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
  zeroAddress,
} from 'viem'
import { formatDecimal, iosdForIo, mulDivDown, type Price, type Wei } from '../protocol/units.ts'
import { burnerAbi } from './abi/burner.ts'
import { ioAbi } from './abi/io.ts'
import { priceFeedAbi } from './abi/price-feed.ts'
import type { Deployment } from './deployment.ts'

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

export type BurnErrorCode = 'NO_PRICE' | 'NOT_ENOUGH_IO' | 'REFUSED' | 'WRONG_CHAIN'

/** Nothing was burned. `NO_PRICE` and `REFUSED` may be over soon: trying again later can help. */
export class BurnError extends Error {
  readonly code: BurnErrorCode
  constructor(code: BurnErrorCode, sentence: string, cause?: unknown) {
    super(sentence, { cause })
    this.name = 'BurnError'
    this.code = code
  }
}

/** The price may move so far between asking and burning before the burn is refused. */
const SLIPPAGE_BPS = 100n
const BPS = 10_000n
/** The first burn of an epoch, or of a second, writes slots that were warm when it was estimated. */
const GAS_MARGIN_BPS = 15_000n
/** A burn that is not included within this time is void. */
const DEADLINE_SEC = 120n
/** The price is the topmost 80 bits of the feed's word. */
const PRICE_SHIFT = 176n
const POLL_MS = 250
/** The contract leaves a report alone whose round is not above the feed's. */
const NO_REPORT = { word: 0n, r: zeroAddress, s: 0n } as const

/** Burns IO of an account for IOSD, with a signed permit instead of a standing approval. */
export function createBurner(options: {
  readonly rpcUrls: readonly string[]
  readonly deployment: Deployment
  readonly account: LocalAccount
}): Burner {
  const { account, deployment } = options
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

  const currentPrice = async (): Promise<Price> => {
    const word = await reader.readContract({
      address: priceFeed,
      abi: priceFeedAbi,
      functionName: 'latestWord',
    })
    if (word === 0n)
      throw new BurnError('NO_PRICE', 'there is no certified price on chain yet: try again in a moment')
    return (word >> PRICE_SHIFT) as Price
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
    const [price, block] = await Promise.all([currentPrice(), reader.getBlock()])
    const least = mulDivDown(iosdForIo(io, price), BPS - SLIPPAGE_BPS, BPS)
    const deadline = block.timestamp + DEADLINE_SEC
    const permit = await signPermit(io, deadline)
    const call = {
      address: burner,
      abi: burnerAbi,
      functionName: 'burnExactInWithPermit',
      args: [io, least, deadline, permit, NO_REPORT],
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
