/** What processes read of settlement: epochs, deposits, workers and models, all from one follower of the chain. */
import type { Address, Hash } from '../../protocol/bytes.ts'
import type { BlockView } from '../../protocol/epoch/audit-types.ts'
import type { DepositLine } from '../../protocol/epoch/deposits.ts'
import type { EmissionTerms } from '../../protocol/epoch/emission.ts'
import type { EpochParameters } from '../../protocol/epoch/parameters.ts'
import type { EpochReport, SettledTotals } from '../../protocol/epoch/report.ts'
import type { Model } from '../../protocol/epoch/settle-usage.ts'
import type { EpochClock } from '../../protocol/epoch/time.ts'
import type { PayerBalances } from '../../protocol/epoch/withdrawals.ts'
import type { GroupKey, Member } from '../../protocol/membership.ts'
import { EMPTY_ROOT } from '../../protocol/merkle.ts'
import type { Service } from '../../runtime/service.ts'
import type { ChainBlocks } from './blocks.ts'

/** What the newest block says. Amounts in wei of IO. */
export interface SettlementState {
  /** The epoch to settle: all before it are active. */
  readonly nextEpoch: number
  readonly reserve: bigint
  /** Of the last active epoch; zeros before the first one. */
  readonly previous: SettledTotals
  /** The next epoch's report while it may still be disputed. */
  readonly staged: EpochReport | undefined
  /** The lowest attempt that is taken of the next epoch: one above that of the report that is staged or was vetoed. */
  readonly nextAttempt: number
  /** The first epoch after the last one with a bundle: below `nextEpoch` when emptied ones lie between. */
  readonly owedFrom: number
}

/** An active epoch as the chain's events tell it. Amounts in wei of IO. */
export interface SettledEpoch {
  /** Of an emptied epoch a stand-in: its number, the roots and totals of before, and zeros. */
  readonly report: EpochReport
  /** Settled without a report by a quorum of identities: it has no bundle, and its whole pool is in the reserve. */
  readonly emptied: boolean
  readonly reserveBefore: bigint
  readonly reserveAfter: bigint
  readonly scheduled: bigint
  readonly net: bigint
  readonly released: bigint
  /** What the reward root grew by: pool payments, and payments in IO that pass through. */
  readonly added: bigint
  /** Of the transaction that made it active. */
  readonly txHash: Hash
  readonly blockNumber: number
  readonly timestampSec: number
}

/** What the chain says of an epoch that has ended. Fixed for good, but for deposits when it is settled very late. */
export interface EpochFacts {
  readonly epoch: number
  /** The first block at or after the epoch's end; final. */
  readonly snapshot: BlockView
  /** Wei of IO burned in the epoch. */
  readonly burned: bigint
  readonly parameters: EpochParameters
  /** At the last block before the epoch's end, ascending by payer; everybody who ever deposited. */
  readonly balances: readonly PayerBalances[]
  /** What of them the epoch counts: see `protocol/epoch/withdrawals.ts`. */
  readonly deposits: readonly DepositLine[]
}

/** Wei of one asset of one payer. */
export interface AssetAccount {
  readonly deposited: bigint
  readonly withdrawn: bigint
  /** Asked back, and not paid yet: not to be counted on. */
  readonly requested: bigint
}

export interface PayerAccount {
  readonly io: AssetAccount
  readonly iosd: AssetAccount
}

/** The epoch has not ended in any final block yet. A retry helps once the chain has gone on. */
export class EpochNotFinalError extends Error {
  readonly code = 'EPOCH_NOT_FINAL'
  constructor(epoch: number, endSec: number, finalSec: number) {
    super(`epoch ${epoch} ends at ${endSec}, the newest final block is of ${finalSec}: ask again later`)
    this.name = 'EpochNotFinalError'
  }
}

/** It has not been started: what is read once is not known. */
export class ReaderNotStartedError extends Error {
  readonly code = 'READER_NOT_STARTED'
  constructor() {
    super('the settlement reader has to be started before it is asked')
    this.name = 'ReaderNotStartedError'
  }
}

/** Follows the contracts of settlement. `start` reads everything up to now; what is asked before it throws. */
export interface SettlementReader extends Service, ChainBlocks {
  readonly clock: EpochClock
  readonly terms: EmissionTerms
  readonly longestHoldEpochs: number
  settlement(): SettlementState
  /** An active epoch; the newest {@link KEPT_EPOCHS} are known at once. */
  settled(epoch: number): SettledEpoch | undefined
  /** The same, however long ago: asks the chain for what is not known. */
  findSettled(epoch: number): Promise<SettledEpoch | undefined>
  /** Calls back with each epoch that becomes active after the start, in order. */
  onSettled(listener: (epoch: SettledEpoch) => void): void
  /**
   * @param validUntilSec until when a report over them may be staged. It decides what an epoch counts of deposits that is
   * settled about a month late, once the epoch before it is active; absent, it is settled in time
   * @throws {EpochNotFinalError} before a block at or after its end is final
   */
  epochFacts(epoch: number, validUntilSec?: number): Promise<EpochFacts>
  /** Whether the address has registered a device, by the newest final block. */
  isWorker(address: Address): boolean
  /** @param device the device's address, padded to 32 bytes on the left */
  workerOfDevice(device: Hash): Address | undefined
  /** Read at the newest final block. */
  account(payer: Address): Promise<PayerAccount>
  /** A version that could be used by `epoch`, with whether it still may be in it. */
  modelAt(id: Hash, version: number, epoch: number): Model | undefined
  model(id: Hash, version: number, epoch: number): Promise<Model | undefined>
  /** The group key that was installed under a number, however long ago. */
  groupKeyOf(keyEpoch: number): InstalledKey | undefined
  /** The key epoch that counts for what begins at a second, however long ago; undefined before the first key does. */
  keyEpochAt(unixSec: number): number | undefined
}

/**
 * A group key, and the members that it was installed for. None of them counts as suspended. In a key epoch that began
 * with members whom the timelock has installed there is no key: `px` is 0n, and nobody holds a share.
 */
export interface InstalledKey extends GroupKey {
  readonly memberSet: number
  readonly members: readonly Member[]
}

/** Before the first epoch. */
export const NOTHING_SETTLED: SettledTotals = {
  rewardRoot: EMPTY_ROOT,
  debitRoot: EMPTY_ROOT,
  cumulativeRewards: 0n,
  cumulativeDebitIosd: 0n,
  cumulativeDebitIo: 0n,
}

/** What a settled report leaves for the next one to grow from. */
export function totalsOf(report: EpochReport): SettledTotals {
  const { rewardRoot, debitRoot, cumulativeRewards, cumulativeDebitIosd, cumulativeDebitIo } = report
  return { rewardRoot, debitRoot, cumulativeRewards, cumulativeDebitIosd, cumulativeDebitIo }
}

/** Newest active epochs kept in memory: three weeks of hours, a megabyte. */
export const KEPT_EPOCHS = 512
