/** Claims what an account has earned: checked against the chain before a transaction is paid for. */
import { type PublicClient, parseEventLogs } from 'viem'
import type { Address, Hash, Hex } from '../../protocol/bytes.ts'
import { type RewardLine, rewardLeaf } from '../../protocol/epoch/ledger.ts'
import { verifyMerkleProof } from '../../protocol/merkle.ts'
import type { Wei } from '../../protocol/units.ts'
import { rewardsDistributorAbi } from '../abi/rewards-distributor.ts'
import { BurnError, leastIosd, type NewestReport, readBurnTerms } from '../burn-terms.ts'
import { TransactError, type Transactor } from '../transactor.ts'
import { claimAsIosdCall, claimCall } from './calls.ts'

/** What an account has ever earned, with the way to the distributor's root. */
export interface ProvenLine {
  readonly cumulative: bigint
  readonly proof: readonly Hex[]
}

export type ClaimResult =
  | {
      readonly kind: 'claimed'
      /** Wei of IO, paid to the account's payout address by this transaction. */
      readonly amount: bigint
      readonly txHash: Hash
    }
  /** All that was earned has been paid. */
  | { readonly kind: 'nothing' }
  /** The proof is for another root than the one on chain: ask for it again. */
  | { readonly kind: 'stale-proof'; readonly root: Hash }

export interface ClaimOptions {
  readonly transactor: Transactor
  readonly reader: PublicClient
  readonly distributor: Address
  /** Whose rewards. Anybody may send the claim; the account is paid. */
  readonly account: Address
  readonly line: ProvenLine
}

/** Wei that a line would pay now, or why not. Reads only. */
export async function claimable({
  reader,
  distributor,
  account,
  line,
}: Omit<ClaimOptions, 'transactor'>): Promise<bigint | Exclude<ClaimResult, { kind: 'claimed' }>> {
  const contract = { address: distributor, abi: rewardsDistributorAbi } as const
  const [root, paid] = await Promise.all([
    reader.readContract({ ...contract, functionName: 'root' }),
    reader.readContract({ ...contract, functionName: 'claimedBy', args: [account] }),
  ])
  if (!verifyMerkleProof(root, rewardLeaf({ account, cumulative: line.cumulative }), line.proof))
    return { kind: 'stale-proof', root }
  return line.cumulative > paid ? line.cumulative - paid : { kind: 'nothing' }
}

/**
 * Claims when there is something to claim. Safe to repeat: what was paid is not paid again.
 *
 * @throws {TransactError}
 */
export async function claimRewards(options: ClaimOptions, signal: AbortSignal): Promise<ClaimResult> {
  const { transactor, distributor, account, line } = options
  const due = await claimable(options)
  if (typeof due !== 'bigint') return due
  const reward: RewardLine = { account, cumulative: line.cumulative }
  try {
    const call = claimCall(distributor, reward, line.proof)
    const { logs, transactionHash: txHash } = await transactor.send(call, signal)
    // Not what was due at the look before: somebody else may have claimed a part of it in between.
    const [event] = parseEventLogs({ abi: rewardsDistributorAbi, eventName: 'Claimed', logs })
    if (event === undefined) throw new TransactError('RPC_FAILED', `the logs of claim ${txHash}`)
    return { kind: 'claimed', amount: event.args.amount, txHash }
  } catch (error) {
    // A new root, or somebody else's claim for this account, between the look and the transaction.
    if (error instanceof TransactError && error.errorName === 'NothingToClaim') return { kind: 'nothing' }
    if (error instanceof TransactError && error.errorName === 'InvalidProof') {
      const again = await claimable(options)
      if (typeof again !== 'bigint') return again
    }
    throw error
  }
}

export type IosdClaimResult =
  | Exclude<ClaimResult, { kind: 'claimed' }>
  | {
      readonly kind: 'claimed'
      /** Wei of IO that was earned, and burned. */
      readonly amount: bigint
      /** Wei of IOSD, minted to the account itself. */
      readonly iosd: bigint
      readonly txHash: Hash
    }

/** The account is the transactor's: nobody claims as IOSD for somebody else. */
export interface IosdClaimOptions extends Omit<ClaimOptions, 'account'> {
  readonly priceFeed: Address
  /** Wei of IOSD below which nothing is claimed; absent, a hundredth less than the price of now gives. */
  readonly minIosdOut?: bigint
  readonly newestReport?: NewestReport
}

/**
 * Claims as IOSD what there is to claim, all or nothing. Safe to repeat.
 *
 * @throws {BurnError} when there is no price, or the burner refuses: it can still be claimed as IO
 * @throws {TransactError}
 */
export async function claimRewardsAsIosd(
  options: IosdClaimOptions,
  signal: AbortSignal,
): Promise<IosdClaimResult> {
  const { transactor, reader, distributor, line, priceFeed } = options
  const account = transactor.address.toLowerCase() as Address
  const due = await claimable({ ...options, account })
  if (typeof due !== 'bigint') return due
  const { price, report, deadline } = await readBurnTerms(reader, priceFeed, options.newestReport)
  const minIosdOut = options.minIosdOut ?? leastIosd(due as Wei, price)
  try {
    const call = claimAsIosdCall(distributor, line.cumulative, line.proof, { minIosdOut, deadline, report })
    const { logs, transactionHash: txHash } = await transactor.send(call, signal)
    const [event] = parseEventLogs({ abi: rewardsDistributorAbi, eventName: 'ClaimedAsIosd', logs })
    if (event === undefined) throw new BurnError('REFUSED', `nothing was claimed in transaction ${txHash}`)
    return { kind: 'claimed', amount: event.args.amount, iosd: event.args.iosd, txHash }
  } catch (error) {
    if (!(error instanceof TransactError) || error.errorName === undefined) throw error
    // A new root, or somebody who claimed the IO, between the look and the transaction.
    if (error.errorName === 'NothingToClaim') return { kind: 'nothing' }
    if (error.errorName === 'InvalidProof') {
      const again = await claimable({ ...options, account })
      if (typeof again !== 'bigint') return again
    }
    throw new BurnError('REFUSED', `the contract refuses the claim as IOSD: ${error.errorName}`, error)
  }
}
