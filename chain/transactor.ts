/**
 * Sends transactions of one account, one at a time.
 *
 * The nonce is the account's next one on chain, never a counter of ours: a transaction that got stuck is
 * replaced, with a higher fee, by the next thing worth sending, and a restart knows nothing that could be wrong.
 *
 * Nothing is signed that has not just been simulated. What waits in the pool is not simply bid up: whoever wants it is
 * asked again for what is worth sending now, and when nothing is, it is withdrawn. There is no way to take a
 * transaction back, so the way to withdraw one is to put a payment of nothing to oneself under its nonce: 21,000 gas, a
 * little less than a price update that reverts, and it cannot fail.
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
  isAddressEqual,
  keccak256,
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

/** What became of an offer to send something. */
export type Sent<C extends ContractCall> =
  | { readonly kind: 'mined'; readonly receipt: TransactionReceipt; readonly call: C }
  /** It was not wanted any more when its turn came. Nothing has been spent. */
  | { readonly kind: 'unsent' }
  /** It was not wanted any more while it waited for a block. Its nonce was taken by a payment to oneself. */
  | { readonly kind: 'withdrawn'; readonly receipt: TransactionReceipt }

export interface AskedFor {
  /**
   * Whether a transaction of this account may be waiting for a block: then what a node says of the pending block may
   * already have its effects.
   */
  readonly waiting: boolean
}

export interface Transactor {
  readonly address: Address
  /**
   * Resolves with the receipt of the mined, successful transaction. `signal` ends the wait, not the transaction.
   *
   * @throws {TransactError}
   */
  send(call: ContractCall, signal: AbortSignal): Promise<TransactionReceipt>
  /**
   * As {@link Transactor.send}, for what can lose its worth: `wanted` is asked right before each signature, the first
   * and those that outbid it, and says what to send now, if anything.
   *
   * @throws {TransactError}
   */
  sendWhileWanted<C extends ContractCall>(
    wanted: (asked: AskedFor) => Promise<C | undefined>,
    signal: AbortSignal,
  ): Promise<Sent<C>>
}

export interface TransactorOptions {
  readonly account: LocalAccount
  readonly chainId: number
  readonly rpcUrls: readonly string[]
  /** Highest price per gas ever paid, wei. */
  readonly maxFeePerGasCeiling: bigint
  /**
   * Highest part of it that goes to who builds the block, wei: unlike the rest, all of it is always paid. An endpoint's
   * advice above it is not taken, and nothing is outbid beyond it. Default: 50 gwei.
   */
  readonly maxPriorityFeePerGasCeiling?: bigint
  /** How long to wait for a block with the transaction. */
  readonly minedWithinMs: number
  /** After so long without a block it is asked what is still wanted, and outbid. Default: only when it is given up. */
  readonly bumpAfterMs?: number
}

/** One signed transaction under a nonce; a withdrawal has no call. */
interface Attempt<C extends ContractCall> {
  readonly hash: Hash
  readonly call: C | undefined
}

interface Fees {
  readonly nonce: number
  readonly maxFeePerGas: bigint
  readonly maxPriorityFeePerGas: bigint
}

/** What has to be outbid, as far as it is known: a transaction that a node took, or one that it found too cheap. */
interface Known extends Fees {
  readonly answer: 'TAKEN' | 'TOO_CHEAP'
}

/** A transaction that nobody takes in this time is given up; the next one worth sending comes soon. */
const RPC = { timeout: 4_000, retryCount: 1 }
const POLL_MS = 250
/** Nodes replace a pending transaction only for at least 10% more; 12.5% clears every client's rounding. */
const bumped = (fee: bigint): bigint => mulDivUp(fee, 1_125n, 1_000n)
/** Room for the state to change between estimate and block. */
const withMargin = (gas: bigint): bigint => mulDivUp(gas, 5n, 4n)
/** Of a payment without data. */
const PAYMENT_GAS = 21_000n
const MAX_PRIORITY_FEE = 50_000_000_000n

export function createTransactor(
  options: TransactorOptions,
  deps: { readonly reader: PublicClient; readonly clock: Clock },
): Transactor {
  const { reader, clock } = deps
  const { account } = options
  const wallets = options.rpcUrls.map(url => createWalletClient({ account, transport: http(url, RPC) }))
  const priorityCeiling = options.maxPriorityFeePerGasCeiling ?? MAX_PRIORITY_FEE
  let known: Known | undefined
  let queue: Promise<unknown> = Promise.resolve()

  /** @throws {TransactError} `FEE_ABOVE_CEILING` */
  const fees = async (nonce: number): Promise<Fees> => {
    const estimate = await reader.estimateFeesPerGas()
    const excess = estimate.maxPriorityFeePerGas - priorityCeiling
    const advised =
      excess > 0n
        ? { maxFeePerGas: estimate.maxFeePerGas - excess, maxPriorityFeePerGas: priorityCeiling }
        : estimate
    const toOutbid = known?.nonce === nonce ? known : undefined
    const atLeast = (value: bigint, floor: bigint | undefined): bigint =>
      floor !== undefined && bumped(floor) > value ? bumped(floor) : value
    const maxFeePerGas = atLeast(advised.maxFeePerGas, toOutbid?.maxFeePerGas)
    const maxPriorityFeePerGas = atLeast(advised.maxPriorityFeePerGas, toOutbid?.maxPriorityFeePerGas)
    if (maxFeePerGas > options.maxFeePerGasCeiling || maxPriorityFeePerGas > priorityCeiling) {
      // Nobody has seen what a node meant when it called ours too cheap: the next try begins with the advice again.
      if (known?.answer === 'TOO_CHEAP') known = undefined
      throw new TransactError('FEE_ABOVE_CEILING', 'a transaction')
    }
    return { nonce, maxFeePerGas, maxPriorityFeePerGas }
  }

  /** The same signed bytes to every endpoint: one that takes them is enough. What it answers is not looked at. */
  const broadcast = async (serialized: Hex): Promise<void> => {
    const sent = wallets.map(wallet =>
      wallet.sendRawTransaction({ serializedTransaction: serialized }).catch((error: unknown) => {
        if (!says(error, HAS_IT)) throw error
      }),
    )
    // The first that takes it: one that hangs must not hold up the others.
    await Promise.any(sent)
  }

  /**
   * Whether something of ours waits under the nonce, of this life or of one before. What was taken once and is in no
   * pool any more is forgotten: there is nothing to outbid.
   */
  const isWaiting = async (nonce: number): Promise<boolean> => {
    if (known?.nonce !== nonce) known = undefined
    const pending = await reader
      .getTransactionCount({ address: account.address, blockTag: 'pending' })
      .catch((error: unknown) => {
        // Not every endpoint answers for the pending block.
        if (known === undefined) throw error
        return nonce + 1
      })
    if (pending <= nonce && known?.answer === 'TAKEN') known = undefined
    return pending > nonce || known !== undefined
  }

  /** Throws what the contract would say, before anything is paid for it. */
  const simulate = async (call: ContractCall, waiting: boolean): Promise<bigint> => {
    try {
      // In the pending block what is about to be replaced may have done its work already; where nothing waits, the
      // node's own choice is right: in the newest block time and number are not yet those of the next one.
      const gas = await reader.estimateContractGas({
        ...call,
        args: [...call.args],
        account,
        ...(waiting ? { blockTag: 'latest' as const } : {}),
      })
      return withMargin(gas)
    } catch (cause) {
      throw new TransactError(isRevert(cause) ? 'WOULD_REVERT' : 'RPC_FAILED', call.functionName, cause)
    }
  }

  const sign = (chosen: Fees, to: Address, data: Hex, gas: bigint): Promise<Hex> =>
    account.signTransaction({ type: 'eip1559', chainId: options.chainId, to, data, gas, ...chosen })

  /** The hash is that of what was signed, whatever an endpoint says. */
  const submit = async (chosen: Fees, serialized: Hex): Promise<Hash> => {
    try {
      await broadcast(serialized)
    } catch (error) {
      const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [error]
      // That node may hold a transaction of ours that we have forgotten: the next try outbids this one. No other refusal
      // is for want of a higher fee, and one after it shows that the higher fee was no help.
      if (errors.some(each => says(each, TOO_CHEAP))) known = { ...chosen, answer: 'TOO_CHEAP' }
      else if (known?.answer === 'TOO_CHEAP' && errors.some(isAnswer)) known = undefined
      throw errors[0]
    }
    known = { ...chosen, answer: 'TAKEN' }
    return keccak256(serialized)
  }

  const isUsed = (nonce: number): Promise<boolean | undefined> =>
    reader
      .getTransactionCount({ address: account.address, blockTag: 'latest' })
      .then(count => count > nonce, isUnknown)

  /** A receipt says nothing of the nonce; all else that it says must be what was signed. */
  const isReceiptOf = (receipt: TransactionReceipt, { hash, call }: Attempt<ContractCall>): boolean =>
    receipt.transactionHash === hash &&
    isAddressEqual(receipt.from, account.address) &&
    receipt.to !== null &&
    isAddressEqual(receipt.to, call?.address ?? account.address)

  /**
   * Looks for a receipt of any attempt; undefined when there is none until `untilMs`. A receipt counts together with a
   * used nonce only. viem's own wait cannot be ended, and would keep a stopping process alive.
   */
  const mined = async <C extends ContractCall>(
    attempts: readonly Attempt<C>[],
    nonce: number,
    untilMs: number,
    signal: AbortSignal,
  ): Promise<{ receipt: TransactionReceipt; attempt: Attempt<C> } | undefined> => {
    while (clock.monotonic() < untilMs) {
      // Asked first: a receipt that is missing after the nonce has been used will not come any more.
      const used = await isUsed(nonce)
      for (const attempt of attempts.toReversed()) {
        const receipt = await reader.getTransactionReceipt({ hash: attempt.hash }).catch(isUnknown)
        if (receipt === undefined || !isReceiptOf(receipt, attempt)) continue
        if (used === true || (await isUsed(nonce)) === true) return { receipt, attempt }
      }
      if (used === true) throw new TransactError('REPLACED', nameOf(attempts))
      await clock.sleep(POLL_MS, signal)
    }
    return undefined
  }

  const transact = async <C extends ContractCall>(
    wanted: (asked: AskedFor) => Promise<C | undefined>,
    signal: AbortSignal,
  ): Promise<Sent<C>> => {
    signal.throwIfAborted()
    const deadlineMs = clock.monotonic() + options.minedWithinMs
    const nonce = await reader.getTransactionCount({ address: account.address, blockTag: 'latest' })
    const begun = await begin(nonce, wanted)
    if (begun === undefined) return { kind: 'unsent' }
    const attempts = [begun]
    for (;;) {
      const untilMs = Math.min(deadlineMs, clock.monotonic() + (options.bumpAfterMs ?? options.minedWithinMs))
      const found = await mined(attempts, nonce, untilMs, signal)
      if (found !== undefined) {
        const { receipt, attempt: taken } = found
        if (receipt.status !== 'success') throw new TransactError('REVERTED', nameOf(attempts))
        return taken.call === undefined
          ? { kind: 'withdrawn', receipt }
          : { kind: 'mined', receipt, call: taken.call }
      }
      if (clock.monotonic() >= deadlineMs) throw new TransactError('NOT_MINED', nameOf(attempts))
      const another = await goOn(nonce, attempts, wanted)
      if (another !== undefined) attempts.push(another)
    }
  }

  /** The first transaction under a nonce. */
  const begin = async <C extends ContractCall>(
    nonce: number,
    wanted: (asked: AskedFor) => Promise<C | undefined>,
  ): Promise<Attempt<C> | undefined> => {
    const waiting = await isWaiting(nonce)
    const chosen = await fees(nonce)
    // Last before the signature: whatever was read earlier may have changed.
    const call = await wanted({ waiting })
    return call === undefined ? undefined : outbid(call, chosen, waiting)
  }

  /** What takes the place of a transaction that waits; undefined when it had better be left alone. */
  const goOn = async <C extends ContractCall>(
    nonce: number,
    attempts: readonly Attempt<C>[],
    wanted: (asked: AskedFor) => Promise<C | undefined>,
  ): Promise<Attempt<C> | undefined> => {
    try {
      const chosen = await fees(nonce)
      const call = await wanted({ waiting: true })
      if (call === undefined) return await withdraw(attempts, chosen)
      return await outbid(call, chosen, true).catch((error: unknown) => {
        // It would revert since the chain has changed, and then so would what waits.
        if (error instanceof TransactError && error.code === 'WOULD_REVERT') return withdraw(attempts, chosen)
        throw error
      })
    } catch {
      // What has been sent may be mined all the same: it is looked for until its time is over.
      return undefined
    }
  }

  const outbid = async <C extends ContractCall>(
    call: C,
    chosen: Fees,
    waiting: boolean,
  ): Promise<Attempt<C>> => {
    const gas = await simulate(call, waiting)
    const data = encodeFunctionData({ abi: call.abi, functionName: call.functionName, args: [...call.args] })
    return { hash: await submit(chosen, await sign(chosen, call.address, data, gas)), call }
  }

  /** Once is enough: a withdrawal that waits costs nothing that another one would save. */
  const withdraw = async <C extends ContractCall>(
    attempts: readonly Attempt<C>[],
    chosen: Fees,
  ): Promise<Attempt<C> | undefined> => {
    if (attempts.at(-1)?.call === undefined) return undefined
    const serialized = await sign(chosen, account.address, '0x', PAYMENT_GAS)
    return { hash: await submit(chosen, serialized), call: undefined }
  }

  const queued = <T>(work: () => Promise<T>): Promise<T> => {
    const result = queue.then(work)
    queue = result.catch(() => {})
    return result
  }
  const named = <C extends ContractCall>(
    wanted: (asked: AskedFor) => Promise<C | undefined>,
    signal: AbortSignal,
  ): Promise<Sent<C>> => queued(() => attempt('a transaction', () => transact(wanted, signal)))

  return {
    address: account.address,
    send: async (call, signal) => {
      const sent = await named(async () => call, signal)
      // What is always wanted is never withdrawn, but for a call that would revert by now.
      if (sent.kind !== 'mined') throw new TransactError('WOULD_REVERT', call.functionName)
      return sent.receipt
    },
    sendWhileWanted: named,
  }
}

function nameOf(attempts: readonly Attempt<ContractCall>[]): string {
  return attempts.findLast(({ call }) => call !== undefined)?.call?.functionName ?? 'a transaction'
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

/** Clients of Ethereum have no codes for these, only words, each its own. */
const HAS_IT = /already known|already imported|already exists|known transaction/i
const TOO_CHEAP = /underpriced|replac|fee ?too ?low/i

/** Whether a node refused with words like these. */
function says(error: unknown, words: RegExp): boolean {
  if (!(error instanceof BaseError)) return false
  const answer = error.walk(inner => inner instanceof RpcRequestError)
  return answer instanceof RpcRequestError && words.test(answer.details)
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
