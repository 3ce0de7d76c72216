import type { Address } from '../../../protocol/bytes.ts'
import type { Wei } from '../../../protocol/units.ts'
import type { ChainEpoch } from './chain-epochs.ts'
import { WireError } from './fields.ts'
import { type Log, type Position, positionOf, topicOf, wordOf, wordsIn } from './logs.ts'

/** One `Claimed` event of the distributor. */
export interface ClaimedReward extends Position {
  account: Address
  amount: Wei
}

/** Decodes `Claimed(address indexed account, address indexed payout, uint256 amount, uint256 cumulative)`. */
export function decodeClaim(log: Log): ClaimedReward {
  if (wordsIn(log) !== 2) throw new WireError('log.data', 'two words')
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
