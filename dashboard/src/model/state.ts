import type { Price, Wei } from '../../../protocol/units.ts'
import { type Burn, mergeBurns } from './burns.ts'
import type { PageConfig } from './page-config.ts'
import type { Report } from './report.ts'

/**
 * How the page stands to one aggregator. `following`: its stream feeds the page. `standby`: answers, not
 * needed. `down`: does not answer. `silent`: connected, but without a report for too long.
 */
export type LinkStatus = 'unknown' | 'connecting' | 'following' | 'standby' | 'silent' | 'down'

/** What the chain said in one look. */
export interface ChainLook {
  block: number
  ioSupply: Wei
  iosdSupply: Wei
  burned: Wei
  /** Newest price in the feed contract; `null` before the first update. */
  latest: { price: Price; round: number } | null
  /** Key epoch → x coordinate of the group key that the registry installed for it. */
  groupKeys: ReadonlyMap<number, bigint>
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
  /** Messages that were not what they must be. */
  refused: number
}

export type PageEvent =
  | { type: 'reports'; reports: readonly Report[] }
  | { type: 'update'; round: number; txHash: string }
  | { type: 'link'; index: number; status: LinkStatus }
  | { type: 'chain'; look: ChainLook; fromBlock: number; burns: readonly Burn[] }
  | { type: 'chain-lost' }
  | { type: 'refused' }

/** Five minutes of one-second rounds, which is the longest window of the chart, twice over. */
export const MAX_REPORTS = 600
/** Far more than the rounds list shows. */
const MAX_UPDATES = 200

export function initialState(config: PageConfig): PageState {
  return {
    config,
    reports: [],
    updates: new Map(),
    links: config.aggregators.map(() => 'unknown'),
    chain: null,
    chainLost: false,
    burns: [],
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
        chain: event.look,
        chainLost: false,
        burns: mergeBurns(state.burns, event.fromBlock, event.burns),
      }
    case 'chain-lost':
      return { ...state, chainLost: true }
    case 'refused':
      return { ...state, refused: state.refused + 1 }
    default:
      return event satisfies never
  }
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
