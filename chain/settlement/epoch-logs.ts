/** From events to active epochs. Pure: logs in, epochs out, so that the same serves final blocks and newer ones. */
import type { Hash } from '../../protocol/bytes.ts'
import type { EpochReport, SettledTotals } from '../../protocol/epoch/report.ts'
import { EMPTY_ROOT } from '../../protocol/merkle.ts'
import type { EpochLog, FollowedLog } from './events.ts'
import { NOTHING_SETTLED, type SettledEpoch, totalsOf } from './types.ts'

/** What has been said of the epoch that is becoming active, after the last one that did. */
export interface PendingEpoch {
  /** Of the last active one. */
  readonly totals: SettledTotals
  /** The epoch after the last one with a bundle. */
  readonly owedFrom: number
  /** The lowest attempt that is taken now. */
  readonly nextAttempt: number
  readonly report?: EpochReport
  readonly emptied?: boolean
  readonly scheduled?: bigint
  readonly net?: bigint
}

/** An active epoch whose block's time has not been looked up. */
export type UntimedEpoch = Omit<SettledEpoch, 'timestampSec'> & { readonly timestampSec: number | undefined }

export const NOTHING_PENDING: PendingEpoch = { totals: NOTHING_SETTLED, owedFrom: 0, nextAttempt: 0 }

export function isEpochLog(log: FollowedLog): log is EpochLog {
  const { eventName } = log
  return (
    eventName === 'EpochStaged' ||
    eventName === 'EpochVetoed' ||
    eventName === 'EpochEmptied' ||
    eventName === 'EpochMinted' ||
    eventName === 'NetEmissionMinted' ||
    eventName === 'RewardsPosted'
  )
}

/** Reads on from `pending`: the epochs that became active, and what is staged after the last log. */
export function readEpochs(
  pending: PendingEpoch,
  logs: Iterable<FollowedLog>,
): { readonly settled: readonly UntimedEpoch[]; readonly pending: PendingEpoch } {
  const settled: UntimedEpoch[] = []
  let current = pending
  for (const log of logs) {
    if (!isEpochLog(log)) continue
    switch (log.eventName) {
      case 'EpochStaged':
        current = nextAfter(current, log.args.attempt + 1, reportOf(log.args.report))
        break
      case 'EpochVetoed':
        current = nextAfter(current, log.args.attempt + 1)
        break
      case 'EpochEmptied':
        current = {
          ...nextAfter(current, 0, standInFor(Number(log.args.epoch), current.totals)),
          emptied: true,
        }
        break
      case 'EpochMinted':
        current = { ...current, scheduled: log.args.scheduled }
        break
      case 'NetEmissionMinted':
        current = { ...current, net: log.args.net }
        break
      case 'RewardsPosted': {
        const { report, emptied = false, scheduled, net } = current
        const owedFrom = report === undefined || emptied ? current.owedFrom : report.epoch + 1
        current = nextAfter({ totals: report === undefined ? current.totals : totalsOf(report), owedFrom }, 0)
        // Without its other events the follower began in the middle of a transaction, which it cannot.
        if (report === undefined || scheduled === undefined || net === undefined) break
        const { reserve, released, added } = log.args
        settled.push({
          report,
          emptied,
          // The pool holds what is released: reserve after = reserve before + scheduled + net − what is paid of it.
          reserveBefore: reserve - scheduled - net + report.hiredPaid + report.availabilityPaid,
          reserveAfter: reserve,
          scheduled,
          net,
          released,
          added,
          txHash: log.transactionHash,
          blockNumber: Number(log.blockNumber),
          timestampSec: 'blockTimestamp' in log ? secOf(log.blockTimestamp) : undefined,
        })
        break
      }
      default:
        log satisfies never
    }
  }
  return { settled, pending: current }
}

function nextAfter(
  { totals, owedFrom }: Pick<PendingEpoch, 'totals' | 'owedFrom'>,
  nextAttempt: number,
  report?: EpochReport,
): PendingEpoch {
  const next = { totals, owedFrom, nextAttempt }
  return report === undefined ? next : { ...next, report }
}

/** For an epoch that was settled without a report: what one would say in which nothing was paid and nothing spent. */
export function standInFor(epoch: number, totals: SettledTotals): EpochReport {
  return {
    keyEpoch: 0,
    epoch,
    attempt: 0,
    validUntil: 0,
    paramsVersion: 0,
    snapshotBlock: 0,
    snapshotHash: EMPTY_ROOT,
    previousRewardRoot: totals.rewardRoot,
    previousDebitRoot: totals.debitRoot,
    hiredPaid: 0n,
    availabilityPaid: 0n,
    debitIosd: 0n,
    debitIo: 0n,
    ...totals,
    bundleHash: EMPTY_ROOT,
    batchesRoot: EMPTY_ROOT,
    commitmentsRoot: EMPTY_ROOT,
  }
}

/** Most endpoints say it with the log; the standard does not make them. */
function secOf(blockTimestamp: unknown): number | undefined {
  return typeof blockTimestamp === 'bigint' ? Number(blockTimestamp) : undefined
}

type ContractReport = Extract<EpochLog, { eventName: 'EpochStaged' }>['args']['report']

function reportOf(report: ContractReport): EpochReport {
  return {
    ...report,
    snapshotHash: report.snapshotHash as Hash,
    epoch: Number(report.epoch),
    snapshotBlock: Number(report.snapshotBlock),
  }
}
