/**
 * An epoch computed from its inputs: who earned what, who owes what, and what the next epoch starts from. The
 * relayer runs it to propose, every auditor to check; both get the same, whenever they do it (invariant 7).
 */
import type { Hash } from '../bytes.ts'
import { merkleRoot } from '../merkle.ts'
import { unpackReport } from '../report.ts'
import type { Price } from '../units.ts'
import { type BatchIdentity, batchIdentity, lastSequence } from '../usage/batch.ts'
import { holdId } from '../usage/hold.ts'
import { batchLeaf } from '../usage/inclusion.ts'
import { channelKey } from '../usage/receipt.ts'
import { takeSequence } from '../usage/sequence.ts'
import { type Allocation, allocate } from './allocation.ts'
import { commitmentsRootOf, weighAvailability } from './availability.ts'
import type { EpochInputs } from './bundle.ts'
import { DepositBook } from './deposits.ts'
import type { EmissionTerms } from './emission.ts'
import {
  addDebits,
  addRewards,
  creditsOf,
  type DebitLine,
  debitRootOf,
  type RewardLine,
  rewardRootOf,
} from './ledger.ts'
import { meterUsage, type RefusedRecord } from './meter.ts'
import type { EpochReport, SettledTotals } from './report.ts'
import { modelKey, settleUsage, type UsageSettlement } from './settle-usage.ts'
import { sumOf } from './shares.ts'
import { type UsageState, UsageTables } from './state.ts'

export interface EpochOutcome {
  readonly allocation: Allocation
  readonly usage: UsageSettlement
  /** P_e, USD. */
  readonly price: Price | undefined
  /** Every account's and payer's line after the epoch, ascending by address. */
  readonly rewards: readonly RewardLine[]
  readonly debits: readonly DebitLine[]
  /** What the next epoch starts from. */
  readonly closing: UsageState
  /** Work records that count. */
  readonly counted: number
  /** Records that do not count, or not whole, and why. */
  readonly refused: readonly RefusedRecord[]
}

/** The sums of an epoch do not add up: a fault of this code, as no input can cause it. Not worth a retry. */
export class ConservationError extends Error {
  readonly code = 'CONSERVATION'
  constructor(left: bigint, right: bigint) {
    super(`the epoch takes in ${left} wei and gives out ${right}`)
    this.name = 'ConservationError'
  }
}

/**
 * Inputs have been checked: signatures, holds, sequences (see `audit.ts`).
 *
 * @throws {ConservationError} when step 8 does not hold
 */
export function computeEpoch(inputs: EpochInputs, terms: EmissionTerms): EpochOutcome {
  const { header, parameters } = inputs
  const { epoch } = header
  const price = inputs.price === undefined ? undefined : unpackReport(inputs.price.word).price
  const models = new Map(inputs.models.map(model => [modelKey(model.id, model.version), model]))
  const tables = openTables(inputs)

  const metered = meterUsage(
    {
      epoch,
      batches: inputs.batches,
      receipts: new Map(inputs.receipts.map(({ receipt }) => [channelKey(receipt), receipt])),
      isModel: (id, version) => models.get(modelKey(id, version))?.active === true,
    },
    tables,
  )
  const weighed = weighAvailability(metered.availability, inputs.results)
  const deposits = new DepositBook(inputs.deposits, inputs.openingDebits, tables, epoch)
  const usage = settleUsage(
    { parameters, price, models, ...deposits.spendable(parameters.maxDebitBps) },
    tables,
  )
  const allocation = allocate({
    terms,
    parameters,
    epoch,
    burned: header.burned,
    reserve: header.reserve,
    price,
    hires: usage.hires,
    weights: weighed.weights,
  })
  assertConserved(allocation, usage, header.reserve)

  const depositors = inputs.deposits.map(({ payer }) => payer)
  return {
    allocation,
    usage,
    price,
    rewards: addRewards(inputs.openingRewards, creditsOf(usage, allocation)),
    debits: addDebits(inputs.openingDebits, usage.debits, depositors),
    closing: tables.closing(epoch),
    counted: metered.counted,
    refused: [...metered.refused, ...weighed.refused],
  }
}

/** The opening state with this epoch's holds and sequences. */
function openTables(inputs: EpochInputs): UsageTables {
  const { domain } = inputs.header
  const tables = new UsageTables(domain, inputs.opening)
  for (const { hold } of inputs.acceptances) tables.holds.set(holdId(domain, hold), { hold, used: 0n })
  for (const { batch } of inputs.batches) {
    const range = { from: batch.seqFrom, to: lastSequence(batch) }
    const decision = takeSequence(tables.sequenceOf(batch.worker), range, Number.POSITIVE_INFINITY)
    if ('taken' in decision) tables.sequences.set(batch.worker, decision.taken)
  }
  return tables
}

/** Step 8, to the wei: E + debitIo = Hpaid + A + Σ(worker + owner + gateway) + (reserve' − reserve + rel). */
function assertConserved(allocation: Allocation, usage: UsageSettlement, reserve: bigint): void {
  const { pool, hiredPaid, availabilityPaid, reserveAfter } = allocation
  const taken = pool.total + usage.debitIo
  const given =
    hiredPaid + availabilityPaid + sumOf(usage.payments) + (reserveAfter - reserve + pool.released)
  if (taken !== given) throw new ConservationError(taken, given)
}

/** What a report says beyond what follows from the inputs. */
export interface ReportFrame {
  readonly keyEpoch: number
  readonly attempt: number
  readonly validUntil: number
  readonly previous: SettledTotals
  readonly bundleHash: Hash
}

export function batchIdentities(inputs: EpochInputs): BatchIdentity[] {
  return inputs.batches.map(({ batch }) => batchIdentity(batch))
}

/** @param identities of the batches, for callers that have hashed all records already */
export function reportOf(
  inputs: EpochInputs,
  outcome: EpochOutcome,
  frame: ReportFrame,
  identities: readonly BatchIdentity[] = batchIdentities(inputs),
): EpochReport {
  const { header } = inputs
  const { allocation, usage } = outcome
  const { previous } = frame
  const credited = allocation.hiredPaid + allocation.availabilityPaid + usage.debitIo
  return {
    keyEpoch: frame.keyEpoch,
    epoch: header.epoch,
    attempt: frame.attempt,
    validUntil: frame.validUntil,
    paramsVersion: inputs.parameters.version,
    snapshotBlock: header.snapshotBlock,
    snapshotHash: header.snapshotHash,
    previousRewardRoot: previous.rewardRoot,
    previousDebitRoot: previous.debitRoot,
    rewardRoot: rewardRootOf(outcome.rewards),
    debitRoot: debitRootOf(outcome.debits),
    hiredPaid: allocation.hiredPaid,
    availabilityPaid: allocation.availabilityPaid,
    debitIosd: usage.debitIosd,
    debitIo: usage.debitIo,
    cumulativeRewards: previous.cumulativeRewards + credited,
    cumulativeDebitIosd: previous.cumulativeDebitIosd + usage.debitIosd,
    cumulativeDebitIo: previous.cumulativeDebitIo + usage.debitIo,
    bundleHash: frame.bundleHash,
    batchesRoot: merkleRoot(identities.map(batchLeaf)),
    commitmentsRoot: commitmentsRootOf(inputs.windows),
  }
}
