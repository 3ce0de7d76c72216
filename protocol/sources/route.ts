/** Ways from a feed's base to its quote, leg by leg. */
import type { RouteStep } from './types.ts'

/** A route as it is walked. */
export interface RouteWalk {
  readonly steps: readonly RouteStep[]
  /** What is held before the first step and after each. */
  readonly assets: readonly string[]
  /** Index of the first step that begins where the route is not. */
  readonly unjoined?: number
  /** Index of the first step that leads back to something held before. */
  readonly cycle?: number
}

/**
 * Walks a route. Each leg is taken in the direction that begins where the route is; one that begins there neither way
 * counts as inverted, and the walk goes on from its base.
 *
 * @param feed for example `IO/USD`
 */
export function walkRoute(feed: string, route: readonly string[]): RouteWalk {
  const [start = ''] = feed.split('/')
  const assets = [start]
  let held = start
  let unjoined: number | undefined
  let cycle: number | undefined
  const steps = route.map((pair, index) => {
    const [base = '', quote = ''] = pair.split('/')
    const inverted = base !== held
    if (inverted && quote !== held) unjoined ??= index
    held = inverted ? base : quote
    if (assets.includes(held)) cycle ??= index
    assets.push(held)
    return { pair, inverted }
  })
  return {
    steps,
    assets,
    ...(unjoined === undefined ? {} : { unjoined }),
    ...(cycle === undefined ? {} : { cycle }),
  }
}

/** For people: `IO →IO/KRW→ KRW →1/(USDT/KRW)→ USDT →USDT/USD→ USD`. */
export function pathOf({ steps, assets }: Pick<RouteWalk, 'steps' | 'assets'>): string {
  const legs = steps.map((step, index) => ` →${rateOf(step)}→ ${assets[index + 1] ?? ''}`)
  return `${assets[0] ?? ''}${legs.join('')}`
}

/** For people: `IO/KRW × 1/(USDT/KRW) × USDT/USD`. */
export function productOf(steps: readonly RouteStep[]): string {
  return steps.map(rateOf).join(' × ')
}

function rateOf({ pair, inverted }: RouteStep): string {
  return inverted ? `1/(${pair})` : pair
}
