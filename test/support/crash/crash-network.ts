/** The small network of the crash tests: member 0 is the one that is killed, everybody else is the test. */
import { type Hash, hexOf } from '../../../protocol/bytes.ts'
import type { EpochReport } from '../../../protocol/epoch/report.ts'
import { membershipAt, type RegistryView } from '../../../protocol/membership.ts'
import { castOf, registryView } from '../network/cast.ts'
import { certifiedNetwork } from '../protocol/certified.ts'
import { seeded } from '../protocol/seeded.ts'

export const MEMBER = 0
/** Six others: five of them are a quorum in two ways that lead to two words, and nobody has to lie for it. */
const MEMBERS = 7

export const CAST = castOf(MEMBERS)
export const KEY = certifiedNetwork(MEMBERS)

export function crashRegistry(): RegistryView {
  const participants = CAST.members.map((_, slot) => slot)
  const newest = registryView(CAST, {
    groupKey: { px: KEY.px, transcriptHash: hexOf(seeded('transcript')), participants },
  })
  return { newest, previous: undefined, switchAtSec: 0, pending: undefined }
}

export const MEMBERSHIP = membershipAt(crashRegistry(), 0)

/** One of several reports of the first attempt of an epoch: only one of them may ever be signed. */
export function epochReportOf(epoch: number, variant: number): EpochReport {
  const none: Hash = `0x${'00'.repeat(32)}`
  return {
    ...{ keyEpoch: MEMBERSHIP.keyEpoch, epoch, attempt: 0, validUntil: 2_000_000_000, paramsVersion: 1 },
    ...{ snapshotBlock: 1, snapshotHash: none, previousRewardRoot: none, previousDebitRoot: none },
    ...{ rewardRoot: hexOf(seeded(`root ${variant}`)), debitRoot: none },
    ...{ hiredPaid: 0n, availabilityPaid: 0n, debitIosd: 0n, debitIo: 0n },
    ...{ cumulativeRewards: 0n, cumulativeDebitIosd: 0n, cumulativeDebitIo: 0n },
    ...{ bundleHash: none, batchesRoot: none, commitmentsRoot: none },
  }
}
