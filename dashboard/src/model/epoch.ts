import type { Hash } from '../../../protocol/bytes.ts'
import { EPOCH_PHASES, type EpochPhase } from '../../../protocol/epoch/machine.ts'
import type { Price, Wei } from '../../../protocol/units.ts'
import { type Fields, fieldsOf, WireError } from './fields.ts'

/** What an epoch moved; `null` until it is known. */
export interface EpochFigures {
  scheduled: Wei | null
  net: Wei | null
  released: Wei | null
  hiredPaid: Wei | null
  availabilityPaid: Wei | null
  debitIo: Wei | null
  debitIosd: Wei | null
  reserve: Wei | null
  rewardRoot: Hash | null
  debitRoot: Hash | null
  bundleHash: Hash | null
}

/** When a phase was entered, Unix seconds. */
export interface EpochStepTime {
  phase: EpochPhase
  atSec: number
}

/** An oracle node's reason not to sign. */
export interface EpochRefusal {
  slot: number
  code: string
  text: string
}

/** An epoch as a relayer tells it. Nothing of it is signed: see `chain-epochs.ts` for what the chain says of it. */
export interface Epoch extends EpochFigures {
  epoch: number
  phase: EpochPhase
  attempt: number
  startSec: number
  endSec: number
  bundleBytes: number | null
  /** The highest certified price of the epoch. */
  price: Price | null
  recordsAccepted: number | null
  recordsCounted: number | null
  inferencesPaid: number | null
  workers: number | null
  certificate: 'group' | 'quorum' | null
  txHash: Hash | null
  settledAtSec: number | null
  /** In the order they were taken. */
  steps: EpochStepTime[]
  refusals: EpochRefusal[]
}

/** Eight phases, and some attempts. */
const MAX_STEPS = 200
/** A refusal of every member that a registry may have. */
const MAX_REFUSALS = 128

/** @throws {WireError} naming the first field that is missing or malformed */
export function parseEpoch(value: unknown): Epoch {
  const fields = fieldsOf(value, 'epoch')
  const wei = (name: string) => fields.known(name, fields.units) as Wei | null
  const hash = (name: string) => fields.known(name, () => fields.hex(name, 32))
  const count = (name: string) => fields.known(name, fields.count)
  return {
    epoch: fields.count('epoch'),
    phase: phaseOf(fields, 'phase'),
    attempt: fields.count('attempt'),
    startSec: fields.count('startSec'),
    endSec: fields.count('endSec'),
    bundleHash: hash('bundleHash'),
    bundleBytes: count('bundleBytes'),
    price: fields.known('priceUsd', fields.decimal) as Price | null,
    recordsAccepted: count('recordsAccepted'),
    recordsCounted: count('recordsCounted'),
    inferencesPaid: count('inferencesPaid'),
    workers: count('workers'),
    scheduled: wei('scheduledWei'),
    net: wei('netWei'),
    released: wei('releasedWei'),
    hiredPaid: wei('hiredPaidWei'),
    availabilityPaid: wei('availabilityPaidWei'),
    debitIo: wei('debitIoWei'),
    debitIosd: wei('debitIosdWei'),
    reserve: wei('reserveWei'),
    rewardRoot: hash('rewardRoot'),
    debitRoot: hash('debitRoot'),
    certificate: fields.known('certificate', () => certificateOf(fields)),
    txHash: hash('txHash'),
    settledAtSec: count('settledAtSec'),
    steps: fields
      .objects('steps', MAX_STEPS)
      .map(step => ({ phase: phaseOf(step, 'phase'), atSec: step.count('atSec') })),
    refusals: fields.objects('refusals', MAX_REFUSALS).map(refusal => ({
      slot: refusal.count('slot'),
      code: refusal.text('code'),
      text: refusal.text('text'),
    })),
  }
}

function phaseOf(fields: Fields, name: string): EpochPhase {
  const found = fields.text(name)
  const phase = EPOCH_PHASES.find(known => known === found)
  if (phase === undefined) throw new WireError(`epoch.${name}`, 'a phase of an epoch')
  return phase
}

function certificateOf(fields: Fields): 'group' | 'quorum' {
  const found = fields.text('certificate')
  if (found !== 'group' && found !== 'quorum') throw new WireError('epoch.certificate', '"group" or "quorum"')
  return found
}
