/**
 * Whether what an epoch paid follows from its bundle and the chain: the audit of an oracle node, made again by
 * somebody who has nothing but these two.
 */
import type { Hash } from '../../protocol/bytes.ts'
import { auditEpoch } from '../../protocol/epoch/audit.ts'
import { describeRefusal, type OwnKnowledge, type Refused } from '../../protocol/epoch/audit-types.ts'
import type { EpochBundle } from '../../protocol/epoch/bundle.ts'
import { type BundleResult, describeFault } from '../../protocol/epoch/bundle-reader.ts'
import { computeEpoch, type EpochOutcome } from '../../protocol/epoch/compute.ts'
import { EMPTY_STATE, stateHash } from '../../protocol/epoch/state.ts'
import type { CertificateCrypto } from '../../protocol/identity.ts'
import { faultOf } from './bundle-source.ts'
import { type ComparedLine, compare, type EpochFigures, figuresOf } from './comparison.ts'
import type { SettledFacts } from './settled-facts.ts'
import type { WindowCheck } from './windows.ts'

/** The first thing that is wrong. `code` is of the auditor's refusals or of the bundle's faults. */
export interface Difference {
  readonly code: string
  readonly sentence: string
}

export interface Verification {
  readonly epoch: number
  readonly difference: Difference | undefined
  /** Empty when the bundle cannot be read. */
  readonly lines: readonly ComparedLine[]
  readonly figures: EpochFigures | undefined
  /** What was taken for granted, a sentence each. */
  readonly notChecked: readonly string[]
}

export interface VerifyInputs {
  readonly facts: Omit<SettledFacts, 'reader'>
  readonly bundle: BundleResult
  /** Of the epoch before; undefined when nobody has it, or there is none. */
  readonly previous: BundleResult | undefined
  /** What is wrong with the challenge windows; undefined when they were not looked at. */
  readonly windows: WindowCheck | undefined
}

export function verifyEpoch(inputs: VerifyInputs, crypto: CertificateCrypto): Verification {
  const { facts, bundle: read } = inputs
  const { epoch } = facts.settled.report
  if ('fault' in read) {
    const difference = {
      code: read.fault.code,
      sentence: `the bundle is damaged: ${describeFault(read.fault)}`,
    }
    return { epoch, difference, lines: [], figures: undefined, notChecked: [] }
  }
  const opening = openingOf(inputs)
  const computed = computedFrom(read.bundle, facts.view.terms)
  const outcome = 'difference' in computed ? undefined : computed.outcome
  const lines = outcome === undefined ? [] : compare(read.bundle, outcome, facts.settled, facts.view.previous)
  return {
    epoch,
    difference:
      opening.difference ??
      audit(inputs, read, opening.stateHash, crypto) ??
      ('difference' in computed ? computed.difference : undefined) ??
      windowsOf(inputs) ??
      differenceOf(lines),
    lines,
    figures: outcome === undefined ? undefined : figuresOf(read.bundle, outcome),
    notChecked: notChecked(inputs, opening.stateHash),
  }
}

/** The audit. When the bundle is another one than was certified, also what an auditor would refuse in it. */
function audit(
  { facts }: VerifyInputs,
  bundle: Extract<BundleResult, { hash: Hash }>,
  openingStateHash: Hash | undefined,
  crypto: CertificateCrypto,
): Difference | undefined {
  const { view, settled } = facts
  const own = afterwards(facts, bundle.bundle, openingStateHash)
  const refusalOf = (report: typeof settled.report): Refused | undefined => {
    const answer = attempted(() => auditEpoch({ report, bundle }, view, own, crypto))
    return 'value' in answer && 'refused' in answer.value ? answer.value : undefined
  }
  const refused = refusalOf(settled.report)
  if (refused === undefined) return undefined
  const sentence = describeRefusal(refused)
  if (refused.refused !== 'BUNDLE_HASH') return { code: refused.refused, sentence }
  const inside = refusalOf({ ...settled.report, bundleHash: bundle.hash })
  const detail =
    inside === undefined
      ? 'its content has the same result all the same'
      : `in it, ${describeRefusal(inside)}`
  return { code: 'BUNDLE_HASH', sentence: `${sentence}; ${detail}` }
}

/** What can be known afterwards; all else is as the bundle says, and told in {@link notChecked}. */
function afterwards(
  { highestPrice }: VerifyInputs['facts'],
  bundle: EpochBundle,
  openingStateHash: Hash | undefined,
): OwnKnowledge {
  return {
    openingStateHash: openingStateHash ?? stateHash(bundle.opening),
    highestPrice,
    windowRoots: new Map(bundle.windows.map(({ window, root }) => [window, root])),
    inclusions: [],
    forced: [],
    receipts: [],
    sampleSeed: `0x${'00'.repeat(32)}`,
    verdictOf: () => 'true',
  }
}

/** The state that the epoch before left, from its own bundle, whose hash is on chain. */
function openingOf({ facts, previous }: VerifyInputs): {
  readonly stateHash: Hash | undefined
  readonly difference?: Difference
} {
  const { before, view } = facts
  if (before === undefined) return { stateHash: stateHash(EMPTY_STATE) }
  if (previous === undefined) return { stateHash: undefined }
  const fault = faultOf(previous, before.report.bundleHash)
  if (fault !== undefined || 'fault' in previous) {
    const sentence = `the bundle of epoch ${before.report.epoch} is not the one on chain: ${fault ?? ''}`
    return { stateHash: undefined, difference: { code: 'PREVIOUS_BUNDLE', sentence } }
  }
  const computed = computedFrom(previous.bundle, view.terms)
  if ('difference' in computed) return { stateHash: undefined, difference: computed.difference }
  return { stateHash: stateHash(computed.outcome.closing) }
}

function computedFrom(
  bundle: EpochBundle,
  terms: Parameters<typeof computeEpoch>[1],
): { readonly outcome: EpochOutcome } | { readonly difference: Difference } {
  const computed = attempted(() => computeEpoch(bundle, terms))
  if ('value' in computed) return { outcome: computed.value }
  const sentence = `nothing can be computed from the bundle of epoch ${bundle.header.epoch}: ${computed.failure}`
  return { difference: { code: 'NOT_COMPUTABLE', sentence } }
}

/** Computing takes checked inputs for granted; what stands in a bundle that nobody certified may not even divide. */
function attempted<T>(work: () => T): { readonly value: T } | { readonly failure: string } {
  try {
    return { value: work() }
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) }
  }
}

function windowsOf({ windows }: VerifyInputs): Difference | undefined {
  return windows?.wrong === undefined ? undefined : { code: 'WINDOWS', sentence: windows.wrong }
}

/** The report was compared by the audit; scheduled, net and released are the contracts' own. */
function differenceOf(lines: readonly ComparedLine[]): Difference | undefined {
  const wrong = lines.find(({ equal }) => !equal)
  if (wrong === undefined) return undefined
  const { name, recomputed, onChain } = wrong
  return { code: 'TOTALS', sentence: `${name}: recomputed ${recomputed}, on chain ${onChain}` }
}

function notChecked({ facts, windows }: VerifyInputs, openingStateHash: Hash | undefined): string[] {
  const { before } = facts
  return [
    ...(openingStateHash === undefined
      ? [
          `what epoch ${before?.report.epoch} left open: its bundle was not given; use --previous, or --bundles or a --from that has it`,
        ]
      : []),
    ...(windows === undefined
      ? ['whether the challenge windows were due, and drawn by a quorum: give --network']
      : windows.notChecked),
    'openings of challenges: oracle nodes fetched a sample before they signed',
    'that no batch, receipt or higher price was left out that never came on chain: nodes hold those they were shown',
  ]
}
