/** Lines of a ledger that follow from their number. */
import type { Address } from '../../../protocol/bytes.ts'
import type { DebitLine, RewardLine } from '../../../protocol/epoch/ledger.ts'

/** Odd, so that no two of 2^160 numbers meet; of no further meaning. */
const STEP = 0x9e3779b97f4a7c15_f39cc0605cedc834_1082276bn

function accountOf(index: number): Address {
  return `0x${BigInt.asUintN(160, BigInt(index + 1) * STEP)
    .toString(16)
    .padStart(40, '0')}`
}

const amountOf = (index: number): bigint => BigInt(index) * 10n ** 15n + 1n

export function rewardLines(count: number): RewardLine[] {
  return Array.from({ length: count }, (_, index) => ({
    account: accountOf(index),
    cumulative: amountOf(index),
  }))
}

export function debitLines(count: number): DebitLine[] {
  return Array.from({ length: count }, (_, index) => ({
    payer: accountOf(index),
    cumulativeIosd: amountOf(index),
    cumulativeIo: amountOf(count - index),
  }))
}

export const rewardFields = ({ account, cumulative }: RewardLine): [string, string] => {
  return [account, `${cumulative}`]
}

export const debitFields = (line: DebitLine): [string, string, string] => {
  return [line.payer, `${line.cumulativeIosd}`, `${line.cumulativeIo}`]
}

/** All of a few, some of many. */
export function sampleOf<T>(lines: readonly T[]): T[] {
  return lines.filter((_, index) => lines.length < 10 || index % Math.floor(lines.length / 10) === 0)
}
