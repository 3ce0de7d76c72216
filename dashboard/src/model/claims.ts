import type { Address } from '../../../protocol/bytes.ts'
import type { Wei } from '../../../protocol/units.ts'
import type { ChainEpoch } from './chain-epochs.ts'
import { WireError } from './fields.ts'
import { type Log, type Position, positionOf, topicOf, wordOf, wordsIn } from './logs.ts'

/** What an account took of its rewards, as IO or burned for IOSD: of both the distributor keeps one count. */
export interface ClaimedReward extends Position {
  account: Address
  /** Of IO. */
  amount: Wei
}

export type ClaimKind = 'io' | 'iosd'

/** Words of data; the first one is the amount, the first indexed value the account. */
const WORDS: Record<ClaimKind, number> = {
  /** `Claimed(address indexed account, address indexed payout, uint256 amount, uint256 cumulative)` */
  io: 2,
  /** `ClaimedAsIosd(address indexed account, uint256 amount, uint256 iosd, uint256 cumulative)` */
  iosd: 3,
}

/** @throws {WireError} when the log is not one of this kind */
export function decodeClaim(kind: ClaimKind, log: Log): ClaimedReward {
  if (wordsIn(log) !== WORDS[kind]) throw new WireError('log.data', `that of a claim as ${kind}`)
  const account = topicOf(log, 1).toString(16).padStart(40, '0')
  return { ...positionOf(log), account: `0x${account}`, amount: wordOf(log, 0) as Wei }
}

/** Kept in all; a larger network's older bars say nothing of claims. */
export const MAX_CLAIMS = 2_000

/** A posting, split by what it pays for, and what was claimed from then until the next one. */
export interface RewardBar {
  epoch: number
  hired: Wei
  availability: Wei
  /** Payments in IO: they pass through from payers to workers, gateways and model owners. */
  passed: Wei
  posted: Wei
  /** `null` when not all claims of that time are known. */
  claimed: Wei | null
}

/** The newest `max` postings, oldest first. */
export function rewardBars(
  epochs: readonly ChainEpoch[],
  claims: readonly ClaimedReward[],
  max: number,
): RewardBar[] {
  const posted = epochs.filter(epoch => epoch.posted).slice(0, max)
  const oldestKnown = claims.length < MAX_CLAIMS ? 0 : (claims.at(-1)?.block ?? 0)
  return posted
    .map((epoch, index): RewardBar => {
      const until = posted[index - 1]?.block ?? Number.POSITIVE_INFINITY
      const during = claims.filter(claim => claim.block >= epoch.block && claim.block < until)
      return {
        epoch: epoch.epoch,
        hired: epoch.hiredPaid ?? ZERO,
        availability: epoch.availabilityPaid ?? ZERO,
        passed: epoch.debitIo ?? ZERO,
        posted: epoch.added ?? ZERO,
        claimed: epoch.block <= oldestKnown ? null : total(during.map(claim => claim.amount)),
      }
    })
    .reverse()
}

const ZERO = 0n as Wei

function total(amounts: readonly bigint[]): Wei {
  return amounts.reduce((sum, each) => sum + each, 0n) as Wei
}
