/** Ways from a feed's base to its quote, leg by leg. */
import type { RouteStep } from './types.ts'

/**
 * The direction in which a route takes each of its legs. A leg that does not begin where the route is counts as
 * inverted; whether it ends there, and the route in the feed's quote, is decided when the configuration is read.
 *
 * @param feed for example `IO/USD`
 */
export function stepsOf(feed: string, route: readonly string[]): RouteStep[] {
  let held = feed.split('/')[0]
  return route.map(pair => {
    const [base, quote] = pair.split('/')
    const inverted = base !== held
    held = inverted ? base : quote
    return { pair, inverted }
  })
}
