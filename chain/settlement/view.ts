/** The chain as an auditor looks at it: for the epoch that is settled next, and for one that has been settled. */
import type { Hash } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { BlockView, ChainView } from '../../protocol/epoch/audit-types.ts'
import type { EpochReport, SettledTotals } from '../../protocol/epoch/report.ts'
import { balanceOf, countedOn, type PayerBalances } from '../../protocol/epoch/withdrawals.ts'
import { type Membership, membershipOf, relayerByIdentity } from '../../protocol/membership.ts'
import {
  type EpochFacts,
  NOTHING_SETTLED,
  type SettledEpoch,
  type SettlementReader,
  totalsOf,
} from './types.ts'

export interface ViewContext {
  readonly domain: Domain
  readonly feedId: Hash
  /** The registry as it is now. */
  readonly membership: Membership
}

type Reader = Pick<
  SettlementReader,
  | 'clock'
  | 'terms'
  | 'head'
  | 'blockAt'
  | 'settlement'
  | 'findSettled'
  | 'epochFacts'
  | 'isWorker'
  | 'modelAt'
  | 'groupKeyOf'
>

/** An epoch before this one has to be known, and the chain does not show it. A retry does not help. */
export class UnknownEpochError extends Error {
  readonly code = 'UNKNOWN_EPOCH'
  constructor(epoch: number) {
    super(
      `epoch ${epoch} is not active on this chain: check the deployment, and that the endpoint serves old logs`,
    )
    this.name = 'UnknownEpochError'
  }
}

/**
 * The view by which a proposed report is judged, whatever it says.
 *
 * @throws {EpochNotFinalError} when the next epoch is proposed and has not ended in a final block
 */
export async function chainViewFor(
  report: Pick<EpochReport, 'epoch' | 'snapshotBlock' | 'validUntil'>,
  reader: Reader,
  context: ViewContext,
): Promise<ChainView> {
  const { nextEpoch, previous, reserve, nextAttempt, owedFrom } = reader.settlement()
  const view = {
    ...standing(nextEpoch, reader, context),
    nowSec: reader.head().latest.timestampSec,
    keyEpoch: context.membership.keyEpoch,
    nextEpoch,
    nextAttempt,
    owedFrom,
    previous,
    reserve,
    snapshot: await finalBlock(report.snapshotBlock, reader),
  }
  // Another epoch is refused before anything of it is looked at.
  return report.epoch === nextEpoch
    ? { ...view, ...amountsOf(await reader.epochFacts(nextEpoch, report.validUntil)) }
    : { ...view, ...amountsOf(undefined) }
}

/**
 * The view as it was when an epoch was settled: for who checks afterwards what the chain has accepted.
 *
 * @throws {UnknownEpochError} when the epoch before it cannot be found
 */
export async function settledViewFor(
  settled: SettledEpoch,
  reader: Reader,
  context: ViewContext,
): Promise<ChainView> {
  const { report } = settled
  const facts = await reader.epochFacts(report.epoch, report.validUntil)
  const lastReal = await lastSettledBefore(report.epoch, reader)
  return {
    ...standing(report.epoch, reader, context),
    ...amountsOf(facts),
    // The contract took it in time; it may have become active later.
    nowSec: Math.min(settled.timestampSec, report.validUntil) - 1,
    keyEpoch: report.keyEpoch,
    nextEpoch: report.epoch,
    // Whatever was vetoed before it: the contract has taken this one.
    nextAttempt: report.attempt,
    owedFrom: lastReal === undefined ? 0 : lastReal.report.epoch + 1,
    previous: await totalsBefore(report.epoch, reader),
    reserve: settled.reserveBefore,
    snapshot: await finalBlock(report.snapshotBlock, reader),
  }
}

/** What the view of any epoch has from the reader and the registry. */
function standing(epoch: number, reader: Reader, { domain, feedId, membership }: ViewContext) {
  return {
    domain,
    feedId,
    startSec: reader.clock.startSec,
    terms: reader.terms,
    modelOf: (id: Hash, version: number) => reader.modelAt(id, version, epoch),
    isWorker: (address: Hash) => reader.isWorker(address),
    isRelayer: (address: Hash) => relayerByIdentity(membership, address) !== undefined,
    membershipOf: (keyEpoch: number) => membershipUnder(keyEpoch, reader, membership),
  }
}

/** Who certified under a key, however long ago. Of suspensions only those of the current key are known. */
export function membershipUnder(
  keyEpoch: number,
  reader: Pick<SettlementReader, 'groupKeyOf'>,
  current: Membership,
): Membership | undefined {
  if (keyEpoch === current.keyEpoch) return current
  const installed = reader.groupKeyOf(keyEpoch)
  if (installed === undefined) return undefined
  const { memberSet, members } = installed
  const groupKey = installed.px === 0n ? undefined : installed
  return membershipOf({ ...current, keyEpoch, groupKey, memberSet, members })
}

function amountsOf(facts: EpochFacts | undefined) {
  return {
    burned: facts?.burned ?? 0n,
    parameters: facts?.parameters ?? NO_PARAMETERS,
    deposits: facts?.deposits ?? [],
    countedOn: countedOnIn(facts?.balances ?? []),
  }
}

function countedOnIn(balances: readonly PayerBalances[]): ChainView['countedOn'] {
  const byPayer = new Map(balances.map(item => [item.payer, item]))
  return (payer, asset, acceptedIn) => {
    const item = byPayer.get(payer)
    return item === undefined ? 0n : countedOn(balanceOf(item, asset), acceptedIn)
  }
}

const NO_PARAMETERS = {
  version: 0,
  hireTaxBps: 0,
  hiredBps: 0,
  feeBps: 0,
  gatewayBps: 0,
  maxDebitBps: 0,
  targetWeight: 0n,
  longestHoldEpochs: 0,
}

async function finalBlock(number: number, reader: Reader): Promise<BlockView | undefined> {
  if (number > reader.head().final.number) return undefined
  return reader.blockAt(number)
}

async function totalsBefore(epoch: number, reader: Reader): Promise<SettledTotals> {
  if (epoch === 0) return NOTHING_SETTLED
  const before = await reader.findSettled(epoch - 1)
  if (before === undefined) throw new UnknownEpochError(epoch - 1)
  return totalsOf(before.report)
}

/**
 * The last epoch before another that has a bundle, which is what that one starts from: an emptied one leaves nothing.
 * Undefined when there is none.
 *
 * @throws {UnknownEpochError}
 */
export async function lastSettledBefore(
  epoch: number,
  reader: Pick<SettlementReader, 'findSettled'>,
): Promise<SettledEpoch | undefined> {
  for (let before = epoch - 1; before >= 0; before--) {
    const settled = await reader.findSettled(before)
    if (settled === undefined) throw new UnknownEpochError(before)
    if (!settled.emptied) return settled
  }
  return undefined
}
