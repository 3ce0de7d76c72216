/** An epoch as the relayer shows it. Amounts are wei as decimal strings; what is not known yet is null. */
import type { Hash } from '../../protocol/bytes.ts'
import type { EpochPhase } from '../../protocol/epoch/machine.ts'
import { type EpochClock, epochEndSec, epochStartSec } from '../../protocol/epoch/time.ts'
import type { EpochRecord, EpochRefusal, EpochStepAt } from './epoch-store.ts'
import type { EpochFigures } from './figures.ts'

type Nullable<T> = { readonly [K in keyof T]: T[K] | null }

export interface EpochJson extends Nullable<EpochFigures> {
  readonly epoch: number
  readonly phase: EpochPhase
  readonly attempt: number
  readonly startSec: number
  readonly endSec: number
  readonly bundleHash: Hash | null
  readonly rewardRoot: Hash | null
  readonly debitRoot: Hash | null
  readonly certificate: 'group' | 'quorum' | null
  readonly txHash: Hash | null
  /** Block time of the activation. */
  readonly settledAtSec: number | null
  readonly steps: readonly EpochStepAt[]
  readonly refusals: readonly EpochRefusal[]
}

const UNKNOWN: Nullable<EpochFigures> = {
  bundleBytes: null,
  priceUsd: null,
  recordsAccepted: null,
  recordsCounted: null,
  inferencesPaid: null,
  workers: null,
  scheduledWei: null,
  netWei: null,
  releasedWei: null,
  hiredPaidWei: null,
  availabilityPaidWei: null,
  debitIoWei: null,
  debitIosdWei: null,
  reserveWei: null,
}

/** @param accepted records taken in for the epoch so far, for one that has not been computed */
export function epochJson(record: EpochRecord, clock: EpochClock, accepted: number): EpochJson {
  const { state, report, certificate } = record
  return {
    epoch: state.epoch,
    phase: state.phase,
    attempt: state.attempt,
    startSec: epochStartSec(clock, state.epoch),
    endSec: epochEndSec(clock, state.epoch),
    bundleHash: state.bundleHash ?? null,
    ...(record.figures ?? { ...UNKNOWN, recordsAccepted: accepted }),
    rewardRoot: report?.rewardRoot ?? null,
    debitRoot: report?.debitRoot ?? null,
    certificate: certificate?.kind ?? null,
    txHash: record.txHash ?? null,
    settledAtSec: record.settledAtSec ?? null,
    steps: record.steps,
    refusals: record.refusals,
  }
}
