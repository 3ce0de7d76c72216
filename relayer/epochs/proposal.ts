/** What a relayer proposes for an epoch: pure, and the one place where a relayer could be dishonest. */
import type { Hash } from '../../protocol/bytes.ts'
import type { EpochBundle, EpochInputs } from '../../protocol/epoch/bundle.ts'
import { computeEpoch, type EpochOutcome, type ReportFrame, reportOf } from '../../protocol/epoch/compute.ts'
import type { EmissionTerms } from '../../protocol/epoch/emission.ts'
import type { EpochReport } from '../../protocol/epoch/report.ts'

export interface EpochProposal {
  readonly bundle: EpochBundle
  /** With {@link UNSET_HASH} for the bundle's hash, it gets the hash of the bundle's bytes. */
  readonly report: EpochReport
  readonly outcome: EpochOutcome
}

/** What the report says beyond what follows from the inputs; the bundle's hash is known only once it is written. */
export type ProposalFrame = Omit<ReportFrame, 'bundleHash'>

export type ProposalBuilder = (
  inputs: EpochInputs,
  terms: EmissionTerms,
  frame: ProposalFrame,
) => EpochProposal

/** Stands for the bundle's hash until the bundle has been written. */
export const UNSET_HASH: Hash = `0x${'00'.repeat(32)}`

/** @throws {ConservationError} */
export const proposeEpoch: ProposalBuilder = (inputs, terms, frame) => {
  const outcome = computeEpoch(inputs, terms)
  return {
    bundle: { ...inputs, rewards: outcome.rewards, debits: outcome.debits },
    report: reportOf(inputs, outcome, { ...frame, bundleHash: UNSET_HASH }),
    outcome,
  }
}

/** The report under the hash of the bundle that was written, unless the builder named another. */
export function named(report: EpochReport, bundleHash: Hash): EpochReport {
  return report.bundleHash === UNSET_HASH ? { ...report, bundleHash } : report
}
