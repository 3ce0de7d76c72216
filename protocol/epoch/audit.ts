/**
 * Whether an oracle node signs an epoch: one pure decision. The order is the protocol's, cheapest first; the
 * first line that differs is named. Nothing here fetches, remembers or signs: the shell locks (epoch, attempt)
 * after the answer, and signs after the lock.
 */
import type { CertificateCrypto } from '../identity.ts'
import { checkCommitments, checkInputs, checkPrice, checkSnapshot, checkTurn } from './audit-chain.ts'
import { checkHoldLimits, checkOpenings, checkResult } from './audit-result.ts'
import {
  type Audited,
  type ChainView,
  type EpochProposal,
  type OwnKnowledge,
  type Refused,
  refuse,
} from './audit-types.ts'
import {
  checkBatches,
  checkHolds,
  checkIncluded,
  checkNothingWithheld,
  checkReceipts,
} from './audit-usage.ts'
import { describeFault } from './bundle-reader.ts'
import { batchIdentities, computeEpoch } from './compute.ts'
import { stateHash } from './state.ts'

export function auditEpoch(
  proposal: EpochProposal,
  chain: ChainView,
  own: OwnKnowledge,
  crypto: CertificateCrypto,
): Audited | Refused {
  const { report } = proposal
  const early = checkTurn(report, chain) ?? checkSnapshot(report, chain)
  if (early !== undefined) return early
  if ('fault' in proposal.bundle) {
    const { section } = proposal.bundle.fault
    const found = describeFault(proposal.bundle.fault)
    return refuse('BAD_BUNDLE', { part: section ?? 'stream', found })
  }
  const { bundle, hash } = proposal.bundle
  if (hash !== report.bundleHash)
    return refuse('BUNDLE_HASH', { part: 'stream', expected: report.bundleHash, found: hash })

  const inputs =
    checkInputs(bundle, report, chain, own) ??
    checkPrice(bundle, chain, own, crypto) ??
    checkCommitments(bundle, report, own)
  if (inputs !== undefined) return inputs

  const identities = batchIdentities(bundle)
  const signed =
    checkIncluded(bundle, identities, chain, own, crypto) ??
    checkBatches(bundle, identities, chain, crypto) ??
    checkHolds(bundle, chain, crypto) ??
    checkReceipts(bundle, chain, crypto) ??
    checkOpenings(bundle, own)
  if (signed !== undefined) return signed

  const outcome = computeEpoch(bundle, chain.terms)
  const claimed =
    checkNothingWithheld(bundle, outcome, chain, own, crypto) ??
    checkHoldLimits(bundle) ??
    checkResult(bundle, report, outcome, identities, chain)
  if (claimed !== undefined) return claimed
  return { ok: report, outcome, closingStateHash: stateHash(outcome.closing) }
}
