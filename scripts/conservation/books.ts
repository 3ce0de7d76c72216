/** Sums over the events of the chain, in the order in which they happened. Amounts in wei. */
import { zeroAddress } from 'viem'
import type { ChainLog, Reading } from './reading.ts'

type NameOf<L> = L extends { eventName: infer N } ? N : never
type EventName = NameOf<ChainLog>
type LogOf<N extends EventName> = Extract<ChainLog, { eventName: N }>
export type ArgsOf<N extends EventName> = LogOf<N>['args']
export type StagedReport = ArgsOf<'EpochStaged'>['report']

/** What the events of one number say of an epoch; several activations of one number are several entries. */
export interface EpochEntry {
  readonly epoch: number
  /** By a quorum, without a report: nobody is paid or debited, and roots stay. */
  readonly emptied: boolean
  readonly minted: ArgsOf<'EpochMinted'> | undefined
  readonly net: ArgsOf<'NetEmissionMinted'> | undefined
  readonly debited: ArgsOf<'Debited'> | undefined
  readonly root: ArgsOf<'RootPosted'> | undefined
  readonly posted: ArgsOf<'RewardsPosted'>
  /** The last one that was staged for it and not vetoed. */
  readonly report: StagedReport | undefined
  readonly activatedSec: bigint
}

type BesideName = 'EpochMinted' | 'NetEmissionMinted' | 'Debited' | 'RootPosted' | 'EpochEmptied'

export interface BurnEntry extends Readonly<ArgsOf<'Burned'>> {
  /** The newest price on chain before it. */
  readonly standing: ArgsOf<'PriceUpdated'> | undefined
  readonly burnedSec: bigint
}

export interface AssetBook {
  deposited: bigint
  withdrawn: bigint
  debited: bigint
  /** The lowest that the three ever left. */
  lowest: bigint
}

export interface Books {
  readonly epochs: readonly EpochEntry[]
  /** How often each of the events beside `RewardsPosted` happened. */
  readonly counts: Readonly<Record<BesideName, number>>
  readonly burns: readonly BurnEntry[]
  readonly updates: readonly ArgsOf<'PriceUpdated'>[]
  /** As IO and as IOSD: of both the distributor keeps one count. */
  readonly claims: readonly (ArgsOf<'Claimed'> | ArgsOf<'ClaimedAsIosd'>)[]
  readonly io: { readonly made: bigint; readonly destroyed: bigint; readonly highestSupply: bigint }
  readonly iosd: {
    readonly made: bigint
    readonly destroyed: bigint
    /** Transfers between two accounts of which neither is the escrow. */
    readonly strayTransfers: number
  }
  readonly escrow: { readonly io: Readonly<AssetBook>; readonly iosd: Readonly<AssetBook> }
  /** Escrow of each asset at the epoch's end, less the debits of the epochs before, by epoch. */
  readonly heldAtEnd: ReadonlyMap<number, { readonly io: bigint; readonly iosd: bigint }>
  /** `payer asset` → deposited and withdrawn. */
  readonly payers: ReadonlyMap<string, { readonly deposited: bigint; readonly withdrawn: bigint }>
}

export const heldOf = ({ deposited, withdrawn, debited }: AssetBook): bigint =>
  deposited - withdrawn - debited

export function keepBooks({ logs, addresses, timeOf, state }: Reading): Books {
  const named = <N extends EventName>(name: N): LogOf<N>[] =>
    logs.filter((log): log is LogOf<N> => log.eventName === name)
  return {
    epochs: epochsOf(logs, timeOf),
    counts: {
      EpochMinted: named('EpochMinted').length,
      NetEmissionMinted: named('NetEmissionMinted').length,
      Debited: named('Debited').length,
      RootPosted: named('RootPosted').length,
      EpochEmptied: named('EpochEmptied').length,
    },
    burns: burnsOf(logs, timeOf),
    updates: named('PriceUpdated').map(({ args }) => args),
    claims: logs.flatMap(({ eventName, args }) =>
      eventName === 'Claimed' || eventName === 'ClaimedAsIosd' ? [args] : [],
    ),
    io: supplyOf(named('Transfer').filter(log => log.address.toLowerCase() === addresses.io)),
    iosd: iosdOf(
      named('Transfer').filter(log => log.address.toLowerCase() === addresses.iosd),
      addresses.escrow,
    ),
    ...escrowOf(logs, timeOf, state),
  }
}

/** The events of one transaction belong together: RewardsPosted is there once for each activation. */
function epochsOf(logs: readonly ChainLog[], timeOf: Reading['timeOf']): EpochEntry[] {
  const reports = new Map<bigint, StagedReport>()
  const transactions = Map.groupBy(logs, log => log.transactionHash)
  const entries: EpochEntry[] = []
  for (const log of logs) {
    if (log.eventName === 'EpochStaged') reports.set(log.args.epoch, log.args.report)
    if (log.eventName === 'EpochVetoed' && reports.get(log.args.epoch)?.attempt === log.args.attempt)
      reports.delete(log.args.epoch)
    if (log.eventName !== 'RewardsPosted') continue
    const { epoch } = log.args
    entries.push({
      epoch: Number(epoch),
      ...besideOf(transactions.get(log.transactionHash) ?? [], epoch),
      posted: log.args,
      report: reports.get(epoch),
      activatedSec: timeOf.get(log.blockNumber) ?? 0n,
    })
  }
  return entries
}

type Beside = Pick<EpochEntry, 'emptied' | 'minted' | 'net' | 'debited' | 'root'>

function besideOf(logs: readonly ChainLog[], epoch: bigint): Beside {
  let emptied = false
  let minted: Beside['minted']
  let net: Beside['net']
  let debited: Beside['debited']
  let root: Beside['root']
  for (const log of logs) {
    if (log.eventName === 'EpochEmptied' && log.args.epoch === epoch) emptied = true
    if (log.eventName === 'EpochMinted' && log.args.epoch === epoch) minted = log.args
    if (log.eventName === 'NetEmissionMinted' && log.args.epoch === epoch) net = log.args
    if (log.eventName === 'Debited' && log.args.epoch === epoch) debited = log.args
    if (log.eventName === 'RootPosted' && log.args.epoch === epoch) root = log.args
  }
  return { emptied, minted, net, debited, root }
}

function burnsOf(logs: readonly ChainLog[], timeOf: Reading['timeOf']): BurnEntry[] {
  let standing: BurnEntry['standing']
  const burns: BurnEntry[] = []
  for (const log of logs) {
    if (log.eventName === 'PriceUpdated') standing = log.args
    if (log.eventName === 'Burned')
      burns.push({ ...log.args, standing, burnedSec: timeOf.get(log.blockNumber) ?? 0n })
  }
  return burns
}

function supplyOf(transfers: readonly LogOf<'Transfer'>[]): Books['io'] {
  let [made, destroyed, highestSupply] = [0n, 0n, 0n]
  for (const { args } of transfers) {
    if (args.from === zeroAddress) made += args.value
    if (args.to === zeroAddress) destroyed += args.value
    if (made - destroyed > highestSupply) highestSupply = made - destroyed
  }
  return { made, destroyed, highestSupply }
}

function iosdOf(transfers: readonly LogOf<'Transfer'>[], escrow: string): Books['iosd'] {
  const { made, destroyed } = supplyOf(transfers)
  const isFree = ({ args }: LogOf<'Transfer'>): boolean =>
    args.from !== zeroAddress && [args.from, args.to].every(end => end.toLowerCase() !== escrow)
  return { made, destroyed, strayTransfers: transfers.filter(isFree).length }
}

function escrowOf(
  logs: readonly ChainLog[],
  timeOf: Reading['timeOf'],
  { epochStart, epochLengthSec }: Reading['state'],
): Pick<Books, 'escrow' | 'heldAtEnd' | 'payers'> {
  const empty = (): AssetBook => ({ deposited: 0n, withdrawn: 0n, debited: 0n, lowest: 0n })
  const [io, iosd] = [empty(), empty()]
  const heldAtEnd = new Map<number, { io: bigint; iosd: bigint }>()
  const payers = new Map<string, { deposited: bigint; withdrawn: bigint }>()
  const movements: { readonly asset: number; readonly amount: bigint; readonly sec: bigint }[] = []
  /** An epoch may be settled long after its end: what came or went in between is of later epochs. */
  const netUntil = (sec: bigint, asset: number): bigint =>
    sum(movements.filter(each => each.asset === asset && each.sec < sec).map(({ amount }) => amount))
  const add = (asset: number, payer: string, field: 'deposited' | 'withdrawn', amount: bigint): void => {
    const book = asset === 1 ? io : iosd
    book[field] += amount
    const key = `${payer} ${asset}`
    const line = payers.get(key) ?? { deposited: 0n, withdrawn: 0n }
    payers.set(key, { ...line, [field]: line[field] + amount })
  }
  for (const { eventName, args, blockNumber } of logs) {
    const sec = timeOf.get(blockNumber) ?? 0n
    if (eventName === 'Deposited') {
      add(args.asset, args.payer, 'deposited', args.amount)
      movements.push({ asset: args.asset, amount: args.amount, sec })
    }
    if (eventName === 'Withdrawn') {
      add(args.asset, args.payer, 'withdrawn', args.amount)
      movements.push({ asset: args.asset, amount: -args.amount, sec })
    }
    if (eventName === 'Debited') {
      const endSec = epochStart + (args.epoch + 1n) * epochLengthSec
      heldAtEnd.set(Number(args.epoch), {
        io: netUntil(endSec, 1) - io.debited,
        iosd: netUntil(endSec, 2) - iosd.debited,
      })
      io.debited += args.io
      iosd.debited += args.iosd
    }
    for (const book of [io, iosd]) if (heldOf(book) < book.lowest) book.lowest = heldOf(book)
  }
  return { escrow: { io, iosd }, heldAtEnd, payers }
}

export function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n)
}
