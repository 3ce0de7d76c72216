/** What members sign about an epoch without a report of their own: that a staged one must not count, or that none will. */
import type { Hash } from '../bytes.ts'
import { type Domain, digestOf, type StructType } from '../domain.ts'
import { type EpochReport, epochReportHash } from './report.ts'

/** The report that is staged, as the contract names it. */
export interface Veto {
  readonly epoch: number
  readonly attempt: number
  /** See {@link epochReportHash}. */
  readonly reportHash: Hash
}

/** For the members of the newest key epoch. */
export interface EmptyEpoch {
  readonly keyEpoch: number
  readonly epoch: number
}

export const VETO_STRUCT: StructType = {
  name: 'Veto',
  fields: [
    { name: 'epoch', type: 'uint64' },
    { name: 'attempt', type: 'uint32' },
    { name: 'reportHash', type: 'bytes32' },
  ],
}

export const EMPTY_EPOCH_STRUCT: StructType = {
  name: 'EmptyEpoch',
  fields: [
    { name: 'keyEpoch', type: 'uint32' },
    { name: 'epoch', type: 'uint64' },
  ],
}

export function vetoOf(report: EpochReport): Veto {
  return { epoch: report.epoch, attempt: report.attempt, reportHash: epochReportHash(report) }
}

/** EIP-712 digest: f + 1 members that sign it make the staged report void. */
export function vetoDigest(domain: Domain, { epoch, attempt, reportHash }: Veto): Uint8Array {
  return digestOf(domain, VETO_STRUCT, { epoch: BigInt(epoch), attempt, reportHash })
}

/** EIP-712 digest: q members that sign it settle the epoch with no report, and its pool goes to the reserve. */
export function emptyEpochDigest(domain: Domain, { keyEpoch, epoch }: EmptyEpoch): Uint8Array {
  return digestOf(domain, EMPTY_EPOCH_STRUCT, { keyEpoch, epoch: BigInt(epoch) })
}
