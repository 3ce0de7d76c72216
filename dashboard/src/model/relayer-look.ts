import type { Address, Hash, Hex } from '../../../protocol/bytes.ts'
import type { Wei } from '../../../protocol/units.ts'
import { type Epoch, parseEpoch } from './epoch.ts'
import { fieldsOf, WireError } from './fields.ts'

/** What a worker has brought in and earned, by the relayer's word. */
export interface WorkerLine {
  worker: Address
  devices: number
  records: number
  products: number
  earned: Wei
}

/** All that a relayer has taken in. */
export interface IntakeStats {
  usageRecordsAccepted: number
  batchesAccepted: number
  holdsAccepted: number
  receipts: number
  commitments: number
  windows: number
}

/** What a relayer said in one look. */
export interface RelayerLook {
  /** Newest first, one entry an epoch. */
  epochs: readonly Epoch[]
  workers: readonly WorkerLine[]
  stats: IntakeStats
  /** Epochs and workers in the answer that were not what they must be; they are left out. */
  refused: number
}

/** Shown are eight epochs; a relayer that sends hundreds is not asked for them. */
const MAX_EPOCHS = 64
/** A larger network's workers are not all listed in a page. */
const MAX_WORKERS = 2_000

/** @throws {WireError} when the answers as a whole are not what they must be */
export function parseRelayerLook(answers: {
  epochs: unknown
  workers: unknown
  stats: unknown
}): RelayerLook {
  const epochs = readable(listIn(answers.epochs, 'epochs', MAX_EPOCHS), parseEpoch)
  const workers = readable(listIn(answers.workers, 'workers', MAX_WORKERS), parseWorker)
  const byEpoch = new Map(epochs.read.map(epoch => [epoch.epoch, epoch]))
  return {
    epochs: [...byEpoch.values()].sort((a, b) => b.epoch - a.epoch),
    workers: workers.read,
    stats: parseStats(answers.stats),
    refused: epochs.refused + workers.refused,
  }
}

function parseWorker(value: unknown): WorkerLine {
  const fields = fieldsOf(value, 'worker')
  return {
    worker: fields.hex('worker', 20),
    devices: fields.count('devices'),
    records: fields.count('records'),
    products: fields.count('products'),
    earned: fields.units('earnedWei') as Wei,
  }
}

function parseStats(value: unknown): IntakeStats {
  const fields = fieldsOf(value, 'stats')
  return {
    usageRecordsAccepted: fields.count('usageRecordsAccepted'),
    batchesAccepted: fields.count('batchesAccepted'),
    holdsAccepted: fields.count('holdsAccepted'),
    receipts: fields.count('receipts'),
    commitments: fields.count('commitments'),
    windows: fields.count('windows'),
  }
}

/** An account's line in the reward root, with what proves it. */
export interface AccountLine {
  account: Address
  /** The epoch whose root the proof leads to. */
  epoch: number
  cumulative: Wei
  root: Hash
  proof: Hex[]
}

/** 2^64 accounts are more than there will be. */
const MAX_PROOF = 64

/** @throws {WireError} also when the line is another account's than asked for */
export function parseAccount(value: unknown, asked: Address): AccountLine {
  const fields = fieldsOf(value, 'account')
  const account = fields.hex('account', 20)
  if (account !== asked) throw new WireError('account.account', 'the one that was asked for')
  return {
    account,
    epoch: fields.count('epoch'),
    cumulative: fields.units('cumulativeWei') as Wei,
    root: fields.hex('root', 32),
    proof: fields.hexes('proof', 32, MAX_PROOF),
  }
}

function listIn(value: unknown, name: string, max: number): readonly unknown[] {
  const list: unknown = Reflect.get(Object(value), name)
  if (!Array.isArray(list) || list.length > max) throw new WireError(name, `a list of at most ${max}`)
  return list
}

function readable<T>(list: readonly unknown[], parse: (value: unknown) => T): { read: T[]; refused: number } {
  const read: T[] = []
  for (const entry of list) {
    try {
      read.push(parse(entry))
    } catch (error) {
      if (!(error instanceof WireError)) throw error
    }
  }
  return { read, refused: list.length - read.length }
}
