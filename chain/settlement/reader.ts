/**
 * Follows settlement by its events alone: one request a block, no state of old blocks, and the same answer from every
 * endpoint. What only final blocks may decide (deposits, workers, models) is read from final blocks; active epochs are
 * read up to the newest one, whose tail is read anew until it is final.
 */
import type { PublicClient } from 'viem'
import type { Address } from '../../protocol/bytes.ts'
import type { BlockView } from '../../protocol/epoch/audit-types.ts'
import type { EmissionTerms } from '../../protocol/epoch/emission.ts'
import type { EpochParameters } from '../../protocol/epoch/parameters.ts'
import type { EpochReport } from '../../protocol/epoch/report.ts'
import { type EpochClock, epochEndSec } from '../../protocol/epoch/time.ts'
import {
  depositLines,
  isLate,
  lastLookSec,
  lateDepositLines,
  type PayerBalances,
} from '../../protocol/epoch/withdrawals.ts'
import { ASSET, type Asset } from '../../protocol/usage/wire.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { createLoop } from '../../runtime/loop.ts'
import { burnerAbi } from '../abi/burner.ts'
import { emissionAbi } from '../abi/emission.ts'
import { escrowAbi } from '../abi/escrow.ts'
import { parametersAbi } from '../abi/parameters.ts'
import type { Deployment } from '../deployment.ts'
import { type Finality, readMembers, WrongChainError } from '../membership-reader.ts'
import { BLOCK_POLL_MS, BoundedMap, createChainBlocks, inTurn } from './blocks.ts'
import { balancesOf, DepositLedger, isDepositLog } from './deposit-ledger.ts'
import {
  NOTHING_PENDING,
  type PendingEpoch,
  readEpochs,
  standInFor,
  type UntimedEpoch,
} from './epoch-logs.ts'
import {
  DEPOSIT_EVENTS,
  EPOCH_EVENTS,
  FOLLOWED_EVENTS,
  type FollowedLog,
  followedContracts,
  logsBetween,
} from './events.ts'
import { Registries } from './registries.ts'
import {
  type AssetAccount,
  type EpochFacts,
  EpochNotFinalError,
  KEPT_EPOCHS,
  NOTHING_SETTLED,
  ReaderNotStartedError,
  type SettledEpoch,
  type SettlementReader,
  type SettlementState,
  totalsOf,
} from './types.ts'
import { lastSettledBefore, UnknownEpochError } from './view.ts'

export type {
  AssetAccount,
  EpochFacts,
  PayerAccount,
  SettledEpoch,
  SettlementReader,
  SettlementState,
} from './types.ts'
export { EpochNotFinalError, NOTHING_SETTLED, ReaderNotStartedError, totalsOf } from './types.ts'

/** The list of members of the deployment. */
const FIRST_SET = 1

/** An epoch is computed and audited a few times, one epoch at a time. */
const KEPT_FACTS = 8
/** Epochs of long ago that somebody asked for. */
const KEPT_FOUND = 32

interface Constants {
  readonly terms: EmissionTerms
  readonly longestHoldEpochs: number
}

export function createSettlementReader(
  options: { readonly deployment: Deployment; readonly finality: Finality },
  deps: { readonly reader: PublicClient; readonly clock: Clock; readonly logger: Logger },
): SettlementReader {
  const { deployment, finality } = options
  const { reader, logger } = deps
  const { contracts } = deployment
  const clock: EpochClock = { startSec: deployment.epochStart, lengthSec: deployment.epochLengthSec }
  const blocks = createChainBlocks({ finality }, reader)
  const addresses = followedContracts(deployment)
  const deposits = new DepositLedger()
  const registries = new Registries()
  const epochs = new BoundedMap<number, SettledEpoch>(KEPT_EPOCHS)
  const facts = new BoundedMap<number, EpochFacts>(KEPT_FACTS)
  const found = new BoundedMap<number, SettledEpoch>(KEPT_FOUND)
  const listeners: ((epoch: SettledEpoch) => void)[] = []
  let constants: Constants | undefined
  /** The first block whose logs have not been taken in for good. */
  let nextBlock = deployment.deployBlock
  /** What stands after all final logs, and the epochs that newer blocks add to it. */
  let pending: PendingEpoch = NOTHING_PENDING
  let lastFinal: SettledEpoch | undefined
  let tail: {
    readonly hash: string
    readonly epochs: readonly SettledEpoch[]
    readonly pending: PendingEpoch
  } = {
    hash: '',
    epochs: [],
    pending: NOTHING_PENDING,
  }
  let started = false
  let announcedTo = -1
  let unreachable = false

  const known = (): Constants => {
    if (constants === undefined) throw new ReaderNotStartedError()
    return constants
  }
  const timed = async (epoch: UntimedEpoch): Promise<SettledEpoch> => {
    const timestampSec = epoch.timestampSec ?? (await blocks.blockAt(epoch.blockNumber))?.timestampSec
    return { ...epoch, timestampSec: timestampSec ?? 0 }
  }

  const timeOf = async ({ blockNumber }: FollowedLog): Promise<number> => {
    const block = await blocks.blockAt(Number(blockNumber))
    return block?.timestampSec ?? 0
  }

  const readFinal = async (signal?: AbortSignal): Promise<void> => {
    const { final } = blocks.head()
    const query = { address: addresses, events: FOLLOWED_EVENTS }
    for await (const { to, logs } of logsBetween(
      reader,
      { from: nextBlock, to: final.number },
      query,
      signal,
    )) {
      const read = readEpochs(pending, logs)
      const settled: SettledEpoch[] = []
      for (const epoch of read.settled.slice(-KEPT_EPOCHS)) settled.push(await timed(epoch))
      const installedSec = new Map<FollowedLog, number>()
      for (const log of logs) {
        if (log.eventName === 'MembersInstalled') installedSec.set(log, await timeOf(log))
      }
      // Nothing is awaited from here on: a failure above leaves this chunk to be read again, as a whole.
      for (const epoch of settled) epochs.set(epoch.report.epoch, epoch)
      lastFinal = settled.at(-1) ?? lastFinal
      pending = read.pending
      for (const log of logs) {
        if (isDepositLog(log)) deposits.add(log)
        else registries.add(log, installedSec.get(log))
      }
      nextBlock = to + 1
    }
  }
  const readTail = async (): Promise<void> => {
    const { latest } = blocks.head()
    if (latest.hash === tail.hash) return
    const read = { settled: [] as SettledEpoch[], pending }
    const query = { address: [contracts.settlement, contracts.emission], events: EPOCH_EVENTS }
    for await (const { logs } of logsBetween(reader, { from: nextBlock, to: latest.number }, query)) {
      const more = readEpochs(read.pending, logs)
      for (const epoch of more.settled) read.settled.push(await timed(epoch))
      read.pending = more.pending
    }
    tail = { hash: latest.hash, epochs: read.settled, pending: read.pending }
  }
  const announce = (): void => {
    const newest = (tail.epochs.at(-1) ?? lastFinal)?.report.epoch ?? -1
    for (let epoch = announcedTo + 1; epoch <= newest; epoch++) {
      const settled = settledOf(epoch)
      if (started && settled !== undefined) for (const listener of listeners) listener(settled)
    }
    announcedTo = Math.max(announcedTo, newest)
  }
  const follow = async (signal?: AbortSignal): Promise<void> => {
    await blocks.refresh()
    await readFinal(signal)
    await readTail()
    announce()
  }
  const refresh = inTurn(() => follow())

  const settledOf = (epoch: number): SettledEpoch | undefined =>
    tail.epochs.find(item => item.report.epoch === epoch) ?? epochs.get(epoch) ?? found.get(epoch)
  const nextEpochOf = (): number => ((tail.epochs.at(-1) ?? lastFinal)?.report.epoch ?? -1) + 1

  const readParameters = async (epoch: number): Promise<EpochParameters> => {
    const [version, values] = await reader.readContract({
      address: contracts.parameters,
      abi: parametersAbi,
      functionName: 'paramsAt',
      args: [BigInt(epoch)],
    })
    return { version, ...values, longestHoldEpochs: known().longestHoldEpochs }
  }
  const readBurned = (epoch: number): Promise<bigint> =>
    reader.readContract({
      address: contracts.burner,
      abi: burnerAbi,
      functionName: 'burnedIn',
      args: [BigInt(epoch)],
    })
  /** Of long ago: all movements from the start. */
  const readBalances = async (block: number): Promise<PayerBalances[]> => {
    const query = { address: [contracts.escrow], events: DEPOSIT_EVENTS }
    const all = []
    const range = { from: deployment.deployBlock, to: block }
    for await (const { logs } of logsBetween(reader, range, query)) all.push(...logs.filter(isDepositLog))
    return balancesOf(all)
  }
  const balancesAt = async (block: number): Promise<PayerBalances[]> =>
    deposits.at(block) ?? readBalances(block)
  /** The first block at or after a second, when all that was before it is known for good. */
  const finalFrom = async (sec: number, epoch: number): Promise<BlockView> => {
    const notFinal = (): EpochNotFinalError =>
      new EpochNotFinalError(epoch, sec, blocks.head().final.timestampSec)
    if (blocks.head().final.timestampSec < sec) throw notFinal()
    const block = await blocks.firstBlockFrom(sec)
    // Logs follow the head a moment later.
    if (block === undefined || !block.finalised || block.number > nextBlock) throw notFinal()
    return block
  }
  const withdrawalTerms = () => ({ clock, longestHoldEpochs: known().longestHoldEpochs })

  const factsInTime = async (epoch: number): Promise<EpochFacts> => {
    const cached = facts.get(epoch)
    if (cached !== undefined) return cached
    const snapshot = await finalFrom(epochEndSec(clock, epoch), epoch)
    const [parameters, burned, balances] = await Promise.all([
      readParameters(epoch),
      readBurned(epoch),
      balancesAt(snapshot.number - 1),
    ])
    const counted = depositLines(balances, epoch, withdrawalTerms())
    const result = { epoch, snapshot, burned, parameters, balances, deposits: counted }
    facts.set(epoch, result)
    return result
  }
  const epochFacts = async (epoch: number, validUntilSec = 0): Promise<EpochFacts> => {
    const inTime = await factsInTime(epoch)
    if (!isLate(epoch, validUntilSec, withdrawalTerms())) return inTime
    // An emptied epoch does not renew the escrow's time without activation.
    const before = await lastSettledBefore(epoch, { findSettled }).catch(whenUnknown)
    const times = { validUntilSec, activatedSec: before?.timestampSec }
    const lookSec = Math.max(lastLookSec(times) + 1, epochEndSec(clock, epoch))
    const atLook = await balancesAt((await finalFrom(lookSec, epoch)).number - 1)
    return {
      ...inTime,
      deposits: lateDepositLines(inTime.balances, atLook, epoch, times, withdrawalTerms()),
    }
  }

  const accountOf = async (payer: Address, asset: Asset): Promise<AssetAccount> => {
    const { deposited, withdrawn, requested } = await reader.readContract({
      address: contracts.escrow,
      abi: escrowAbi,
      functionName: 'accountOf',
      args: [payer, asset],
      blockTag: finality,
    })
    return { deposited, withdrawn, requested }
  }

  const findSettled = async (epoch: number): Promise<SettledEpoch | undefined> => {
    const here = settledOf(epoch)
    if (here !== undefined || epoch < 0 || epoch >= nextEpochOf()) return here
    // In order: the epoch cannot have been active before its end, nor after the oldest one that is known.
    const first = await blocks.firstBlockFrom(epochEndSec(clock, epoch))
    const query = { address: [contracts.settlement, contracts.emission], events: EPOCH_EVENTS }
    const range = { from: first?.number ?? deployment.deployBlock, to: blocks.head().latest.number }
    let state: PendingEpoch = NOTHING_PENDING
    for await (const { logs } of logsBetween(reader, range, query)) {
      const read = readEpochs(state, logs)
      state = read.pending
      const match = read.settled.find(item => item.report.epoch === epoch)
      if (match === undefined) continue
      const settled = await timed(match.emptied ? { ...match, report: await standIn(epoch) } : match)
      found.set(epoch, settled)
      return settled
    }
    return undefined
  }

  /** Of an emptied epoch the totals are in the report before it. */
  const standIn = async (epoch: number): Promise<EpochReport> => {
    const before = await findSettled(epoch - 1)
    return standInFor(epoch, before === undefined ? NOTHING_SETTLED : totalsOf(before.report))
  }

  const loop = createLoop({
    name: 'settlement reader',
    everyMs: BLOCK_POLL_MS,
    clock: deps.clock,
    logger,
    longRuns: true,
    run: async () => {
      try {
        await refresh()
        unreachable = false
      } catch (error) {
        // Once an outage: it is asked again in a moment, and nothing is missed.
        if (!unreachable)
          logger.warn('the chain cannot be read: epochs wait until an endpoint answers', { error })
        unreachable = true
      }
    },
  })

  return {
    ...blocks,
    name: 'settlement reader',
    clock,
    refresh,
    get terms() {
      return known().terms
    },
    get longestHoldEpochs() {
      return known().longestHoldEpochs
    },
    settlement: () => stateAfter(tail.epochs.at(-1) ?? lastFinal, tail.pending),
    settled: settledOf,
    findSettled,
    onSettled: listener => {
      listeners.push(listener)
    },
    epochFacts,
    isWorker: address => registries.isWorker(address),
    workerOfDevice: device => registries.workerOfDevice(device),
    account: async payer => {
      const [io, iosd] = await Promise.all([accountOf(payer, ASSET.io), accountOf(payer, ASSET.iosd)])
      return { io, iosd }
    },
    modelAt: (id, version, epoch) => registries.modelAt(id, version, epoch),
    model: async (id, version, epoch) => registries.modelAt(id, version, epoch),
    groupKeyOf: keyEpoch => registries.groupKeyOf(keyEpoch),
    keyEpochAt: unixSec => registries.keyEpochAt(unixSec),
    start: async signal => {
      const chainId = await reader.getChainId()
      if (chainId !== deployment.chainId) throw new WrongChainError(chainId, deployment.chainId)
      constants = await readConstants(reader, deployment)
      registries.addMembers(FIRST_SET, await readMembers(reader, contracts.oracleRegistry, FIRST_SET))
      await follow(signal)
      started = true
      await loop.start(signal)
    },
    stop: () => loop.stop(),
  }
}

function stateAfter(last: SettledEpoch | undefined, pending: PendingEpoch): SettlementState {
  const { nextAttempt, owedFrom, report } = pending
  const staged = pending.emptied === true ? undefined : report
  const now = { staged, nextAttempt, owedFrom }
  if (last === undefined) return { ...now, nextEpoch: 0, reserve: 0n, previous: NOTHING_SETTLED }
  const previous = totalsOf(last.report)
  return { ...now, nextEpoch: last.report.epoch + 1, reserve: last.reserveAfter, previous }
}

/** Fixed at deployment. */
async function readConstants(reader: PublicClient, deployment: Deployment): Promise<Constants> {
  const { emission, escrow } = deployment.contracts
  const of = { address: emission, abi: emissionAbi } as const
  const [params, genesis, maxScheduled, longestHoldEpochs] = await Promise.all([
    reader.readContract({ ...of, functionName: 'params' }),
    reader.readContract({ ...of, functionName: 'genesis' }),
    reader.readContract({ ...of, functionName: 'maxScheduled' }),
    reader.readContract({ address: escrow, abi: escrowAbi, functionName: 'longestHoldEpochs' }),
  ])
  return {
    terms: {
      maxSupply: genesis + maxScheduled,
      genesis,
      firstPeriod: params.launchEmission,
      periodSec: BigInt(params.halvingPeriodSec),
      netPerYear: params.yearlyNetCap,
      epochLengthSec: BigInt(deployment.epochLengthSec),
    },
    longestHoldEpochs: Number(longestHoldEpochs),
  }
}

function whenUnknown(error: unknown): undefined {
  if (!(error instanceof UnknownEpochError)) throw error
}
