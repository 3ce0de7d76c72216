/** What an auditor knows, and how it refuses. */
import type { Address, Hash } from '../bytes.ts'
import type { Domain } from '../domain.ts'
import type { Membership } from '../membership.ts'
import type { Price } from '../units.ts'
import type { BatchIdentity } from '../usage/batch.ts'
import type { SignedInclusion } from '../usage/inclusion.ts'
import type { SignedReceipt } from '../usage/receipt.ts'
import type { Asset } from '../usage/wire.ts'
import type { ChallengeResult } from './availability.ts'
import { SECTION_NAMES, type SectionName } from './bundle.ts'
import type { BundleResult } from './bundle-reader.ts'
import type { EpochOutcome } from './compute.ts'
import type { DepositLine } from './deposits.ts'
import type { EmissionTerms } from './emission.ts'
import type { EpochParameters } from './parameters.ts'
import type { EpochReport, SettledTotals } from './report.ts'
import type { Model } from './settle-usage.ts'

/** In the order in which they are checked. */
export const AUDIT_REFUSALS = [
  'WRONG_EPOCH',
  'WRONG_KEY_EPOCH',
  'WRONG_ATTEMPT',
  'EXPIRED',
  'VALID_TOO_LONG',
  'PREVIOUS_DIGEST',
  'SNAPSHOT_NOT_FINAL',
  'SNAPSHOT_BEFORE_END',
  'SNAPSHOT_HASH',
  'BAD_BUNDLE',
  'BUNDLE_HASH',
  'HEADER',
  'PARAMETERS',
  'BURNED',
  'RESERVE',
  'DEPOSITS',
  'MODELS',
  'OPENING_STATE',
  'OPENING_REWARDS',
  'OPENING_DEBITS',
  'BAD_PRICE_CERTIFICATE',
  'PRICE_OUTSIDE_EPOCH',
  'HIGHER_PRICE_KNOWN',
  'COMMITMENTS_ROOT',
  'MISSING_BATCH',
  'UNKNOWN_WORKER',
  'REPEATED_SEQUENCE',
  'BAD_WORKER_SIGNATURE',
  'BAD_HOLD',
  'BAD_PAYER_SIGNATURE',
  'BAD_RELAYER_SIGNATURE',
  'HOLD_OVER_ACCEPTED',
  'DUPLICATE_RECEIPT',
  'RECEIPT_FELL',
  'CHALLENGE_OPENING',
  'MISSING_MODEL',
  'MISSING_RECEIPT',
  'RECEIPT_ABOVE_HOLD',
  'REWARD_ROOT',
  'DEBIT_ROOT',
  'TOTALS',
  'CONSERVATION',
] as const
export type AuditRefusal = (typeof AUDIT_REFUSALS)[number]

/** Refusals that say when a report was asked about, and nothing of what is in it: it may have been right before. */
export const TURN_REFUSALS: readonly AuditRefusal[] = [
  'WRONG_EPOCH',
  'WRONG_KEY_EPOCH',
  'WRONG_ATTEMPT',
  'EXPIRED',
]

/** The first line that differs. Texts are for people and logs; decide by the code alone. */
export interface Where {
  readonly part: SectionName | 'report' | 'knowledge' | 'stream'
  /** Index of the item in its section. */
  readonly index?: number
  /** Whose line it is, the field of a single item, or the number of a window. */
  readonly key?: string
  readonly expected?: string
  readonly found?: string
}

/** New parts are added at the end: their places are what is sent. */
export const WHERE_PARTS: readonly Where['part'][] = ['report', 'knowledge', 'stream', ...SECTION_NAMES]

/** What a machine needs to know of where a refusal points, such as to mend it; the values are for people. */
export type RefusedWhere = Pick<Where, 'part' | 'index' | 'key'>

export function placeOf({ part, index, key }: Where): RefusedWhere {
  return { part, ...(index === undefined ? {} : { index }), ...(key === undefined ? {} : { key }) }
}

export interface Refused {
  readonly refused: AuditRefusal
  readonly where: Where
}

export interface Audited {
  /** To be locked for (epoch, attempt), and signed. */
  readonly ok: EpochReport
  readonly outcome: EpochOutcome
  /** To be remembered: the next epoch must start from it. */
  readonly closingStateHash: Hash
}

export interface EpochProposal {
  readonly report: EpochReport
  readonly bundle: BundleResult
}

export interface BlockView {
  readonly number: number
  readonly hash: Hash
  readonly timestampSec: number
  readonly finalised: boolean
}

/** The chain as this auditor's own RPC endpoint shows it, for the proposed epoch. */
export interface ChainView {
  readonly domain: Domain
  /** Time of the newest block. */
  readonly nowSec: number
  /** t0, unix seconds. */
  readonly startSec: number
  readonly terms: EmissionTerms
  readonly feedId: Hash
  readonly keyEpoch: number
  /** The epoch to settle: last active + 1. */
  readonly nextEpoch: number
  /** The first epoch after the last one with a bundle: below `nextEpoch` when emptied ones lie between. */
  readonly owedFrom: number
  /** The lowest attempt that may still be staged. */
  readonly nextAttempt: number
  readonly previous: SettledTotals
  /** Wei of IO in the reserve. */
  readonly reserve: bigint
  /** Wei of IO burned in the epoch. */
  readonly burned: bigint
  /** The proposal's snapshot block; undefined when there is none of that number. */
  readonly snapshot: BlockView | undefined
  readonly parameters: EpochParameters
  /** All depositors at the last block before the epoch's end, ascending by payer; see `withdrawals.ts`. */
  readonly deposits: readonly DepositLine[]
  /** Wei of a payer, before all debits, that a hold could count on which was accepted in this epoch. */
  readonly countedOn: (payer: Address, asset: Asset, acceptedIn: number) => bigint
  readonly modelOf: (id: Hash, version: number) => Model | undefined
  readonly isWorker: (address: Address) => boolean
  readonly isRelayer: (address: Address) => boolean
  /** Who could certify a price under a key epoch. */
  readonly membershipOf: (keyEpoch: number) => Membership | undefined
}

export type OpeningVerdict = 'true' | 'false' | 'missing'

/** What this auditor has seen for itself. */
export interface OwnKnowledge {
  /** Hash of the state that the last epoch with a bundle left, by the auditor's own computation. */
  readonly openingStateHash: Hash
  /** The highest certified price of the epoch that it holds. */
  readonly highestPrice: Price | undefined
  /** Roots of challenge windows that came in time by its own clock. */
  readonly windowRoots: ReadonlyMap<number, Hash>
  /**
   * Promises that it was shown together with the batches they are for: what nobody has, nobody can be asked for. Of all
   * epochs from `ChainView.owedFrom` on.
   */
  readonly inclusions: readonly SignedInclusion[]
  /** Batches that it passed on because the relayer would not take them from the worker. */
  readonly forced: readonly BatchIdentity[]
  /** Payers' receipts that it was shown. */
  readonly receipts: readonly SignedReceipt[]
  /** Seed of its own sample of openings. */
  readonly sampleSeed: Hash
  /** What came of asking for an opening of the sample. */
  readonly verdictOf: (result: ChallengeResult) => OpeningVerdict
}

export function refuse(refused: AuditRefusal, where: Where): Refused {
  return { refused, where }
}

/** A refusal as a sentence for people. */
export function describeRefusal({ refused, where }: Refused): string {
  const { part, index, key, expected, found } = where
  const line = `${part}${index === undefined ? '' : ` line ${index}`}${key === undefined ? '' : ` (${key})`}`
  const values = [
    ...(expected === undefined ? [] : [`expected ${expected}`]),
    ...(found === undefined ? [] : [`found ${found}`]),
  ]
  return `${refused}: ${line}${values.length === 0 ? '' : `: ${values.join(', ')}`}`
}
