import type { Address } from '../../../protocol/bytes.ts'
import type { Price, Wei } from '../../../protocol/units.ts'
import { type Burn, mergeBurns } from './burns.ts'
import type { SettlementEvent } from './chain-epochs.ts'
import { type ClaimedReward, MAX_CLAIMS } from './claims.ts'
import type { Economy } from './economy.ts'
import { mergeRecent } from './logs.ts'
import type { PageConfig } from './page-config.ts'
import type { RelayerLook } from './relayer-look.ts'
import type { Report } from './report.ts'

/**
 * How the page stands to one aggregator. `following`: its stream feeds the page. `standby`: answers, not
 * needed. `down`: does not answer. `silent`: connected, but without a report for too long.
 */
export type LinkStatus = 'unknown' | 'connecting' | 'following' | 'standby' | 'silent' | 'down'

/** What the chain said in one look. */
export interface ChainLook {
  block: number
  /** The block's time, Unix seconds. */
  blockSec: number
  /** When the page first saw this block, Unix milliseconds. */
  seenAtMs: number
  ioSupply: Wei
  iosdSupply: Wei
  burned: Wei
  /** Newest price in the feed contract; `null` before the first update. */
  latest: { price: Price; round: number } | null
  /** Key epoch → x coordinate of the group key that the registry installed for it. */
  groupKeys: ReadonlyMap<number, bigint>
  /** `null` where the network has prices only. */
  economy: Economy | null
}

/** Events from `fromBlock` on, in place of what was known of these blocks. */
export interface ChainEvents {
  fromBlock: number
  burns: readonly Burn[]
  settlements: readonly SettlementEvent[]
  claims: readonly ClaimedReward[]
}

export interface PageState {
  config: PageConfig
  /** Newest round first, one per round. */
  reports: readonly Report[]
  /** Round → transaction that brought it to the chain. */
  updates: ReadonlyMap<number, string>
  links: readonly LinkStatus[]
  chain: ChainLook | null
  /** The last look at the chain failed. */
  chainLost: boolean
  burns: readonly Burn[]
  settlements: readonly SettlementEvent[]
  claims: readonly ClaimedReward[]
  relayer: RelayerLook | null
  /** The last look at the relayer failed. */
  relayerLost: boolean
  /** What accounts beside the workers have earned, by the relayer's word. */
  earned: ReadonlyMap<Address, Wei>
  /** Whether the gateway answers; `null` before it was asked. */
  gatewayUp: boolean | null
  /** Messages that were not what they must be. */
  refused: number
}

export type PageEvent =
  | { type: 'reports'; reports: readonly Report[] }
  | { type: 'update'; round: number; txHash: string }
  | { type: 'link'; index: number; status: LinkStatus }
  | ({ type: 'chain'; look: ChainLook } & ChainEvents)
  | { type: 'chain-lost' }
  | { type: 'relayer'; look: RelayerLook }
  | { type: 'relayer-lost' }
  | { type: 'earned'; amounts: ReadonlyMap<Address, Wei> }
  | { type: 'gateway'; up: boolean }
  | { type: 'refused' }

/** Five minutes of one-second rounds, which is the longest window of the chart, twice over. */
export const MAX_REPORTS = 600
/** Far more than the rounds list shows. */
const MAX_UPDATES = 200
/** Four events for each of 64 epochs. */
const MAX_SETTLEMENTS = 256

export function initialState(config: PageConfig): PageState {
  return {
    config,
    reports: [],
    updates: new Map(),
    links: config.aggregators.map(() => 'unknown'),
    chain: null,
    chainLost: false,
    burns: [],
    settlements: [],
    claims: [],
    relayer: null,
    relayerLost: false,
    earned: new Map(),
    gatewayUp: null,
    refused: 0,
  }
}

export function step(state: PageState, event: PageEvent): PageState {
  switch (event.type) {
    case 'reports':
      return { ...state, reports: mergeReports(state.reports, event.reports, state.config.feedId) }
    case 'update': {
      const newest = [...state.updates, [event.round, event.txHash] as const].slice(-MAX_UPDATES)
      return { ...state, updates: new Map(newest) }
    }
    case 'link':
      return {
        ...state,
        links: state.links.map((status, index) => (index === event.index ? event.status : status)),
      }
    case 'chain':
      return {
        ...state,
        chain: firstSeen(event.look, state.chain),
        chainLost: false,
        burns: mergeBurns(state.burns, event.fromBlock, event.burns),
        settlements: mergeRecent(state.settlements, event.fromBlock, event.settlements, MAX_SETTLEMENTS),
        claims: mergeRecent(state.claims, event.fromBlock, event.claims, MAX_CLAIMS),
      }
    case 'chain-lost':
      return { ...state, chainLost: true }
    case 'relayer':
      return { ...state, relayer: event.look, relayerLost: false }
    case 'relayer-lost':
      return { ...state, relayerLost: true }
    case 'earned':
      return { ...state, earned: event.amounts }
    case 'gateway':
      return { ...state, gatewayUp: event.up }
    case 'refused':
      return { ...state, refused: state.refused + 1 }
    default:
      return event satisfies never
  }
}

/** The same block again is as old as it was. */
function firstSeen(look: ChainLook, known: ChainLook | null): ChainLook {
  return known?.block === look.block ? { ...look, seenAtMs: known.seenAtMs } : look
}

/** A later copy of a round replaces the earlier one: only `onChain` can have changed, a second word cannot be certified. */
function mergeReports(
  known: readonly Report[],
  incoming: readonly Report[],
  feedId: string,
): readonly Report[] {
  const wanted = incoming.filter(report => report.feedId === feedId)
  const [first] = wanted
  if (first === undefined) return known
  const newest = known[0]
  if (wanted.length === 1 && (newest === undefined || first.round > newest.round)) {
    return [first, ...known].slice(0, MAX_REPORTS)
  }
  const byRound = new Map(known.map(report => [report.round, report]))
  for (const report of wanted) byRound.set(report.round, report)
  return [...byRound.values()].sort((a, b) => b.round - a.round).slice(0, MAX_REPORTS)
}

/** Whether the report is known to be on the chain: said by the aggregator, by an update, or by the feed itself. */
export function isOnChain(state: PageState, report: Report): boolean {
  return report.onChain || state.updates.has(report.round) || state.chain?.latest?.round === report.round
}
