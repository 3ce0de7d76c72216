/** From events to active epochs. Pure: logs in, epochs out, so that the same serves final blocks and newer ones. */
import type { Hash } from '../../protocol/bytes.ts'
import type { EpochReport } from '../../protocol/epoch/report.ts'
import type { EpochLog, FollowedLog } from './events.ts'
import type { SettledEpoch } from './types.ts'

/** What has been said of the epoch that is becoming active. */
export interface PendingEpoch {
  readonly report?: EpochReport
  readonly scheduled?: bigint
  readonly net?: bigint
}

/** An active epoch whose block's time has not been looked up. */
export type UntimedEpoch = Omit<SettledEpoch, 'timestampSec'> & { readonly timestampSec: number | undefined }

export const NOTHING_PENDING: PendingEpoch = {}

export function isEpochLog(log: FollowedLog): log is EpochLog {
  const { eventName } = log
  return (
    eventName === 'EpochStaged' ||
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
        current = { report: reportOf(log.args.report) }
        break
      case 'EpochMinted':
        current = { ...current, scheduled: log.args.scheduled }
        break
      case 'NetEmissionMinted':
        current = { ...current, net: log.args.net }
        break
      case 'RewardsPosted': {
        const { report, scheduled, net } = current
        current = NOTHING_PENDING
        // Without its other events the follower began in the middle of a transaction, which it cannot.
        if (report === undefined || scheduled === undefined || net === undefined) break
        const { reserve, released, added } = log.args
        settled.push({
          report,
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
