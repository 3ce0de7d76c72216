import { bigintToBytes, type Hash, hexOf } from '../../../protocol/bytes.ts'
import { REPORT_FIELDS } from '../../../protocol/epoch/report.ts'
import type { Wei } from '../../../protocol/units.ts'
import type { Epoch, EpochFigures } from './epoch.ts'
import { WireError } from './fields.ts'
import { type Log, type Position, positionOf, topicOf, wordOf, wordsIn } from './logs.ts'

/** What one event of Settlement or Emission says of an epoch. */
export interface SettlementEvent extends Position {
  epoch: number
  said: Partial<ChainEpoch>
}

/** What the chain itself says of an epoch; what it has not said yet is `null`. */
export interface ChainEpoch extends EpochFigures {
  epoch: number
  /** Block of the newest event. */
  block: number
  attempt: number | null
  burned: Wei | null
  /** What the reward root added: hires, availability and what passed through. */
  added: Wei | null
  /** Its rewards are posted: it is active. */
  posted: boolean
}

/** The events, by their topic: kinds that are read here and how many words of data they have. */
export type SettlementEventKind = 'staged' | 'minted' | 'net' | 'posted'
const WORDS: Record<SettlementEventKind, number> = {
  staged: 1 + REPORT_FIELDS.length,
  minted: 2,
  net: 4,
  posted: 6,
}

/** @throws {WireError} when the log is not one of this kind */
export function decodeSettlementEvent(kind: SettlementEventKind, log: Log): SettlementEvent {
  if (wordsIn(log) !== WORDS[kind]) throw new WireError('log.data', `that of an epoch's ${kind}`)
  const epoch = Number(topicOf(log, 1))
  if (!Number.isSafeInteger(epoch)) throw new WireError('log.topics[1]', 'an epoch')
  return { ...positionOf(log), epoch, said: SAID[kind](log) }
}

const amount = (log: Log, index: number) => wordOf(log, index) as Wei
const hash = (log: Log, index: number): Hash => hexOf(bigintToBytes(wordOf(log, index), 32))

const SAID: Record<SettlementEventKind, (log: Log) => Partial<ChainEpoch>> = {
  /** The report follows the second at which it can be activated. */
  staged(log) {
    const at = (name: (typeof REPORT_FIELDS)[number]) => 1 + REPORT_FIELDS.indexOf(name)
    return {
      attempt: Number(wordOf(log, at('attempt'))),
      hiredPaid: amount(log, at('hiredPaid')),
      availabilityPaid: amount(log, at('availabilityPaid')),
      debitIo: amount(log, at('debitIo')),
      debitIosd: amount(log, at('debitIosd')),
      rewardRoot: hash(log, at('rewardRoot')),
      debitRoot: hash(log, at('debitRoot')),
      bundleHash: hash(log, at('bundleHash')),
    }
  },
  minted: log => ({ scheduled: amount(log, 0) }),
  net: log => ({ burned: amount(log, 0), net: amount(log, 2) }),
  posted: log => ({
    rewardRoot: hash(log, 0),
    debitRoot: hash(log, 1),
    added: amount(log, 2),
    released: amount(log, 3),
    reserve: amount(log, 4),
    bundleHash: hash(log, 5),
    posted: true,
    ...(wordOf(log, 5) === 0n ? NOTHING_PAID : {}),
  }),
}

/** Without a bundle the epoch was emptied, whatever had been staged and vetoed before. */
const NOTHING_PAID = {
  hiredPaid: 0n as Wei,
  availabilityPaid: 0n as Wei,
  debitIo: 0n as Wei,
  debitIosd: 0n as Wei,
}

const UNSAID: Omit<ChainEpoch, 'epoch' | 'block'> = {
  attempt: null,
  scheduled: null,
  burned: null,
  net: null,
  released: null,
  added: null,
  hiredPaid: null,
  availabilityPaid: null,
  debitIo: null,
  debitIosd: null,
  reserve: null,
  rewardRoot: null,
  debitRoot: null,
  bundleHash: null,
  posted: false,
}

/** One entry an epoch, newest first, from events in any order; a later event of an epoch overrules an earlier one. */
export function chainEpochsOf(events: readonly SettlementEvent[]): ChainEpoch[] {
  const byEpoch = new Map<number, ChainEpoch>()
  for (const { epoch, block, said } of [...events].sort((a, b) => a.block - b.block)) {
    byEpoch.set(epoch, { ...UNSAID, ...byEpoch.get(epoch), ...said, epoch, block })
  }
  return [...byEpoch.values()].sort((a, b) => b.epoch - a.epoch)
}

/** Whether a relayer's figures are the chain's. `unknown` while the chain says nothing of the epoch. */
export type Agreement =
  | { outcome: 'agrees' }
  | { outcome: 'unknown' }
  | { outcome: 'differs'; field: keyof EpochFigures }

const COMPARED: readonly (keyof EpochFigures)[] = [
  'bundleHash',
  'rewardRoot',
  'debitRoot',
  'scheduled',
  'net',
  'released',
  'hiredPaid',
  'availabilityPaid',
  'debitIo',
  'debitIosd',
  'reserve',
]

/** What neither side knows yet is not compared. */
export function agreementOf(told: EpochFigures, chain: ChainEpoch | undefined): Agreement {
  if (chain?.posted !== true) return { outcome: 'unknown' }
  const field = COMPARED.find(name => {
    const [a, b] = [told[name], chain[name]]
    return a !== null && b !== null && a !== b
  })
  return field === undefined ? { outcome: 'agrees' } : { outcome: 'differs', field }
}

export interface EpochRow {
  told: Epoch
  chain: ChainEpoch | undefined
  agreement: Agreement
  /** No relayer told of it: what stands there is the chain's word alone. */
  chainOnly: boolean
}

/** The newest epochs that a relayer or the chain knows, newest first. */
export function epochRows(
  told: readonly Epoch[],
  chain: readonly ChainEpoch[],
  options: {
    max: number
    /** What is told of epochs that have not begun is left out: it would push the real ones off the list. */
    newest: number
    timesOf(epoch: number): { startSec: number; endSec: number }
  },
): EpochRow[] {
  const byEpoch = new Map(chain.map(each => [each.epoch, each]))
  const heard = new Set(told.map(each => each.epoch))
  const alone = chain
    .filter(each => !heard.has(each.epoch))
    .map(each => ({ told: untold(each, options.timesOf(each.epoch)), chainOnly: true }))
  const begun = told.filter(each => each.epoch <= options.newest)
  return [...begun.map(each => ({ told: each, chainOnly: false })), ...alone]
    .sort((a, b) => b.told.epoch - a.told.epoch)
    .slice(0, options.max)
    .map(row => {
      const said = byEpoch.get(row.told.epoch)
      return { ...row, chain: said, agreement: agreementOf(row.told, said) }
    })
}

function untold(chain: ChainEpoch, times: { startSec: number; endSec: number }): Epoch {
  return {
    ...chain,
    ...times,
    phase: chain.posted ? 'active' : 'staged',
    attempt: chain.attempt ?? 0,
    bundleBytes: null,
    price: null,
    recordsAccepted: null,
    recordsCounted: null,
    inferencesPaid: null,
    workers: null,
    certificate: null,
    txHash: null,
    settledAtSec: null,
    steps: [],
    refusals: [],
  }
}
