/** Figures of an epoch, computed again, beside those on chain. */
import type { SettledEpoch } from '../../chain/settlement/types.ts'
import type { EpochBundle } from '../../protocol/epoch/bundle.ts'
import { type EpochOutcome, reportOf } from '../../protocol/epoch/compute.ts'
import type { EpochReport, SettledTotals } from '../../protocol/epoch/report.ts'

export interface ComparedLine {
  readonly name: string
  readonly recomputed: string | bigint
  readonly onChain: string | bigint
  readonly equal: boolean
}

/** What no contract counts. */
export interface EpochFigures {
  readonly recordsCounted: number
  readonly recordsRefused: number
  readonly batches: number
  /** Accounts with a batch in the epoch, and accounts that have ever earned anything. */
  readonly workers: number
  readonly earners: number
  /** Payers with a line of debits, and payers that were debited in this epoch. */
  readonly payers: number
  readonly payersDebited: number
  readonly priceUsd: bigint | undefined
}

const REPORTED = {
  rewardRoot: 'reward root',
  debitRoot: 'debit root',
  batchesRoot: 'root of batches',
  commitmentsRoot: 'root of commitments',
  hiredPaid: 'paid for hires',
  availabilityPaid: 'paid for availability',
  debitIo: 'debited, IO',
  debitIosd: 'debited, IOSD',
  cumulativeRewards: 'all rewards so far',
  cumulativeDebitIo: 'all debits so far, IO',
  cumulativeDebitIosd: 'all debits so far, IOSD',
} as const satisfies Partial<Record<keyof EpochReport, string>>

/** Line by line: the report, and what the contracts minted and released by themselves. */
export function compare(
  bundle: EpochBundle,
  outcome: EpochOutcome,
  settled: SettledEpoch,
  previous: SettledTotals,
): ComparedLine[] {
  const { report } = settled
  const own = reportOf(bundle, outcome, { ...report, previous })
  const { pool, reserveAfter } = outcome.allocation
  const names = Object.keys(REPORTED) as (keyof typeof REPORTED)[]
  return [
    ...names.map(name => line(REPORTED[name], own[name], report[name])),
    line('scheduled', pool.scheduled, settled.scheduled),
    line('net emission', pool.net, settled.net),
    line('released from the reserve', pool.released, settled.released),
    line('reserve after', reserveAfter, settled.reserveAfter),
    line('added to rewards', own.hiredPaid + own.availabilityPaid + own.debitIo, settled.added),
  ]
}

function line(name: string, recomputed: string | bigint, onChain: string | bigint): ComparedLine {
  return { name, recomputed, onChain, equal: recomputed === onChain }
}

export function figuresOf(bundle: EpochBundle, outcome: EpochOutcome): EpochFigures {
  const records = bundle.batches.reduce((total, { batch }) => total + batch.records.length, 0)
  // One above its hold counts, up to what the hold had left.
  const lost = outcome.refused.filter(({ reason }) => reason !== 'ABOVE_HOLD').length
  return {
    recordsCounted: records - lost,
    recordsRefused: lost,
    batches: bundle.batches.length,
    workers: new Set(bundle.batches.map(({ batch }) => batch.worker)).size,
    earners: outcome.rewards.length,
    payers: outcome.debits.length,
    payersDebited: outcome.usage.debits.size,
    priceUsd: outcome.price,
  }
}
