/** What the venues give at the moment, for `GET /v1/status`. Pure. */
import { productOf } from '../../protocol/sources/route.ts'
import type {
  AbstainReason,
  RouteDropReason,
  SourceOutcome,
  SourcePlan,
} from '../../protocol/sources/types.ts'
import { formatDecimal } from '../../protocol/units.ts'
import { pegStates } from './pegs.ts'

/** Prices are decimal strings. */
export interface FeedStatus {
  /** Null when there is none. */
  readonly price: string | null
  /** Why there is none. */
  readonly abstains: { readonly reason: AbstainReason; readonly pair: string } | null
  /** In the order of the plan. */
  readonly routes: readonly RouteStatus[]
  /** Every pegged leg; `isLost` is null while the leg has no price. */
  readonly pegs: readonly {
    readonly pair: string
    readonly bandBps: number
    readonly price: string | null
    readonly isLost: boolean | null
  }[]
}

type RouteStatus =
  | { readonly path: string; readonly price: string }
  | { readonly path: string; readonly dropped: RouteDropReason; readonly pair: string }

export function feedStatus(plan: SourcePlan, outcome: SourceOutcome): FeedStatus {
  return {
    ...(outcome.kind === 'price'
      ? { price: formatDecimal(outcome.price), abstains: null }
      : { price: null, abstains: { reason: outcome.reason, pair: outcome.pair } }),
    routes: routesOf(outcome),
    pegs: pegStates(plan, outcome).map(peg => ({
      ...peg,
      price: peg.price === null ? null : formatDecimal(peg.price),
    })),
  }
}

/** What came of each route, for statuses and lines. */
export function routesOf({ routes }: SourceOutcome): RouteStatus[] {
  return routes.map(route => ({
    path: productOf(route.steps),
    ...(route.kind === 'price'
      ? { price: formatDecimal(route.price) }
      : { dropped: route.reason, pair: route.pair }),
  }))
}
