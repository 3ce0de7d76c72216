/**
 * Sends transactions of one account, one at a time.
 *
 * The nonce is the account's next one on chain, never a counter of ours: a transaction that got stuck is
 * replaced, with a higher fee, by the next thing worth sending, and a restart knows nothing that could be wrong.
 */
import {
  type Abi,
  type Address,
  BaseError,
  ContractFunctionRevertedError,
  createWalletClient,
  encodeFunctionData,
  type Hash,
  type Hex,
  http,
  type LocalAccount,
  type PublicClient,
  RpcRequestError,
  type TransactionReceipt,
} from 'viem'
import { mulDivUp } from '../protocol/units.ts'
import type { Clock } from '../runtime/clock.ts'

export interface ContractCall {
  readonly address: Address
  readonly abi: Abi
  readonly functionName: string
  readonly args: readonly unknown[]
}

export type TransactFailure =
  | 'WOULD_REVERT'
  | 'REVERTED'
  /** Another transaction of this account took its nonce. */
  | 'REPLACED'
  | 'NOT_MINED'
  | 'FEE_ABOVE_CEILING'
  | 'RPC_FAILED'

/** A transaction that did not do its work. `errorName` is the contract's own error, where it has one. */
export class TransactError extends Error {
  readonly code: TransactFailure
  readonly errorName: string | undefined
  constructor(code: TransactFailure, what: string, cause?: unknown) {
    const reverted =
      cause instanceof BaseError ? cause.walk(e => e instanceof ContractFunctionRevertedError) : undefined
    const errorName = reverted instanceof ContractFunctionRevertedError ? reverted.data?.errorName : undefined
    super(`${what}: ${code}${errorName === undefined ? '' : ` (${errorName})`}`, { cause })
    this.name = 'TransactError'
    this.code = code
    this.errorName = errorName
  }
}

export interface Transactor {
  readonly address: Address
  /**
   * Resolves with the receipt of the mined, successful transaction. `signal` ends the wait, not the transaction.
   *
   * @throws {TransactError}
   */
  send(call: ContractCall, signal: AbortSignal): Promise<TransactionReceipt>
}

export interface TransactorOptions {
  readonly account: LocalAccount
  readonly chainId: number
  readonly rpcUrls: readonly string[]
  /** Highest price per gas ever paid, wei. */
  readonly maxFeePerGasCeiling: bigint
  /** How long to wait for a block with the transaction. */
  readonly minedWithinMs: number
}

interface SentFees {
  readonly nonce: number
  readonly maxFeePerGas: bigint
  readonly maxPriorityFeePerGas: bigint
}

/** A transaction that nobody takes in this time is given up; the next one worth sending comes soon. */
const RPC = { timeout: 4_000, retryCount: 1 }
const POLL_MS = 250
/** Nodes replace a pending transaction only for at least 10% more; 12.5% clears every client's rounding. */
const bumped = (fee: bigint): bigint => mulDivUp(fee, 1_125n, 1_000n)
/** Room for the state to change between estimate and block. */
const withMargin = (gas: bigint): bigint => mulDivUp(gas, 5n, 4n)

export function createTransactor(
  options: TransactorOptions,
  deps: { readonly reader: PublicClient; readonly clock: Clock },
): Transactor {
  const { reader, clock } = deps
  const { account } = options
  const wallets = options.rpcUrls.map(url => createWalletClient({ account, transport: http(url, RPC) }))
  let last: SentFees | undefined
  let queue: Promise<unknown> = Promise.resolve()

  const fees = async (nonce: number): Promise<SentFees> => {
    const estimate = await reader.estimateFeesPerGas()
    const replaced = last?.nonce === nonce ? last : undefined
    const atLeast = (value: bigint, floor: bigint | undefined): bigint =>
      floor !== undefined && bumped(floor) > value ? bumped(floor) : value
    return {
      nonce,
      maxFeePerGas: atLeast(estimate.maxFeePerGas, replaced?.maxFeePerGas),
      maxPriorityFeePerGas: atLeast(estimate.maxPriorityFeePerGas, replaced?.maxPriorityFeePerGas),
    }
  }

  /** The same signed bytes to every endpoint: one that takes them is enough. */
  const broadcast = async (serialized: Hex): Promise<Hex> => {
    try {
      // The first that takes it: one that hangs must not hold up the others.
      return await Promise.any(
        wallets.map(wallet => wallet.sendRawTransaction({ serializedTransaction: serialized })),
      )
    } catch (error) {
      throw error instanceof AggregateError ? error.errors[0] : error
    }
  }

  /** viem's own wait cannot be ended, and would keep a stopping process alive. */
  const mined = async (
    hash: Hash,
    nonce: number,
    what: string,
    signal: AbortSignal,
  ): Promise<TransactionReceipt> => {
    const deadline = clock.monotonic() + options.minedWithinMs
    while (clock.monotonic() < deadline) {
      // Asked first: a receipt that is missing after the nonce has been used will not come any more.
      const used = await reader
        .getTransactionCount({ address: account.address, blockTag: 'latest' })
        .then(count => count > nonce, isUnknown)
      const receipt = await reader.getTransactionReceipt({ hash }).catch(isUnknown)
      if (receipt !== undefined) return receipt
      if (used === true) throw new TransactError('REPLACED', what)
      await clock.sleep(POLL_MS, signal)
    }
    throw new TransactError('NOT_MINED', what)
  }

  const transact = async (call: ContractCall, signal: AbortSignal): Promise<TransactionReceipt> => {
    signal.throwIfAborted()
    const what = call.functionName
    const data = encodeFunctionData({ abi: call.abi, functionName: call.functionName, args: [...call.args] })
    const gas = await reader
      .estimateContractGas({ ...call, args: [...call.args], account })
      .catch((cause: unknown) => {
        throw new TransactError(isRevert(cause) ? 'WOULD_REVERT' : 'RPC_FAILED', what, cause)
      })
    const receipt = await attempt(what, async () => {
      const nonce = await reader.getTransactionCount({ address: account.address, blockTag: 'latest' })
      const chosen = await fees(nonce)
      if (chosen.maxFeePerGas > options.maxFeePerGasCeiling)
        throw new TransactError('FEE_ABOVE_CEILING', what)
      const serialized = await account.signTransaction({
        type: 'eip1559',
        chainId: options.chainId,
        to: call.address,
        data,
        gas: withMargin(gas),
        ...chosen,
      })
      const hash = await broadcast(serialized).catch((error: unknown) => {
        // A node that answered may hold a transaction of ours that we have forgotten: the next try outbids this one.
        if (isAnswer(error)) last = chosen
        throw error
      })
      last = chosen
      return mined(hash, chosen.nonce, what, signal)
    })
    if (receipt.status !== 'success') throw new TransactError('REVERTED', what)
    return receipt
  }

  return {
    address: account.address,
    send: (call, signal) => {
      const result = queue.then(() => transact(call, signal))
      queue = result.catch(() => {})
      return result
    },
  }
}

async function attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof TransactError) throw cause
    throw new TransactError('RPC_FAILED', what, cause)
  }
}

/** One failed look says nothing about a transaction that is on its way: it is looked for again. */
function isUnknown(): undefined {
  return undefined
}

/** Whether a node said no, as against an endpoint that could not be reached. */
function isAnswer(error: unknown): boolean {
  return error instanceof BaseError && error.walk(inner => inner instanceof RpcRequestError) !== null
}

function isRevert(error: unknown): boolean {
  return (
    error instanceof BaseError && error.walk(inner => inner instanceof ContractFunctionRevertedError) !== null
  )
}
