/**
 * A bundle: everything that an auditor needs to compute an epoch again. Who has it, the chain and the bundle
 * before it needs nobody's word for what the epoch paid.
 */
import type { Hash } from '../bytes.ts'
import type { CertifiedReport } from '../certificate.ts'
import type { Domain } from '../domain.ts'
import type { SignedBatch } from '../usage/batch.ts'
import type { AcceptedHold } from '../usage/hold.ts'
import type { SignedReceipt } from '../usage/receipt.ts'
import type { ChallengeResult, WindowRoot } from './availability.ts'
import type { DepositLine } from './deposits.ts'
import type { DebitLine, RewardLine } from './ledger.ts'
import type { EpochParameters } from './parameters.ts'
import type { Model } from './settle-usage.ts'
import type { UsageState } from './state.ts'

export interface BundleHeader {
  readonly domain: Domain
  readonly epoch: number
  /** The finalised block, at or after the epoch's end, by which burns and deposits of the epoch are known. */
  readonly snapshotBlock: number
  readonly snapshotHash: Hash
  /** Wei of IO burned in the epoch. */
  readonly burned: bigint
  /** Wei of IO in the reserve before it. */
  readonly reserve: bigint
}

/** What an epoch is computed from. Lists are sorted by their encoded bytes, each item once. */
export interface EpochInputs {
  readonly header: BundleHeader
  readonly parameters: EpochParameters
  /** The certificate with the highest price observed in the epoch; undefined when there was none. */
  readonly price: CertifiedReport | undefined
  readonly models: readonly Model[]
  readonly deposits: readonly DepositLine[]
  readonly windows: readonly WindowRoot[]
  readonly results: readonly ChallengeResult[]
  /** What the epoch before left. */
  readonly opening: UsageState
  readonly openingRewards: readonly RewardLine[]
  readonly openingDebits: readonly DebitLine[]
  /** Holds accepted in this epoch. */
  readonly acceptances: readonly AcceptedHold[]
  /** The receipt that counts for each channel that was charged in this epoch. */
  readonly receipts: readonly SignedReceipt[]
  /** Ascending by worker and sequence. */
  readonly batches: readonly SignedBatch[]
}

/** Inputs and what follows from them: the lines whose roots the report carries, for proofs and for naming. */
export interface EpochBundle extends EpochInputs {
  readonly rewards: readonly RewardLine[]
  readonly debits: readonly DebitLine[]
}

/** Sections in the order of the stream. Their numbers are part of the format and never reused. */
export const SECTIONS = {
  header: 1,
  parameters: 2,
  price: 3,
  models: 4,
  deposits: 5,
  windows: 6,
  results: 7,
  channels: 8,
  holds: 9,
  sequences: 10,
  openingRewards: 11,
  openingDebits: 12,
  acceptances: 13,
  receipts: 14,
  batches: 15,
  rewards: 16,
  debits: 17,
} as const

export type SectionName = keyof typeof SECTIONS

export const SECTION_NAMES = Object.keys(SECTIONS) as readonly SectionName[]
