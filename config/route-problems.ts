import { pathOf, walkRoute } from '../protocol/sources/route.ts'
import { meant } from './nearest.ts'
import { isDollarCoin } from './peg-problems.ts'
import type { SourcesProblem } from './sources-problems.ts'

/**
 * What is wrong with one route: it goes from the base of `feed` to `unit`, each leg joining where the last one ended, and
 * comes nowhere twice. A coin that is meant to be worth a dollar is turned into dollars at once: any other way on goes around
 * the leg that notices when it is not. The way is printed as it was walked.
 *
 * @param pairs of the legs there are
 */
export function routeProblems(
  route: readonly string[],
  index: number,
  pairs: ReadonlySet<string>,
  feed: unknown,
  unit: string,
): SourcesProblem[] {
  const missing = route.flatMap((pair, place) => missingLeg(pair, ['routes', index, place], pairs))
  // A way over a leg that is not meant, or a wrong step, says nothing about what follows.
  if (missing.length > 0 || typeof feed !== 'string' || route.length === 0) return missing
  const { steps, assets, unjoined, cycle } = walkRoute(feed, route)
  const upTo = (end: number) => pathOf({ steps: steps.slice(0, end), assets })
  if (unjoined !== undefined) {
    const message = `${upTo(unjoined)}: ${route[unjoined]} neither begins nor ends with ${assets[unjoined]}`
    return [{ path: ['routes', index, unjoined], message }]
  }
  const problems: SourcesProblem[] = []
  if (cycle !== undefined) {
    const message = `${upTo(cycle + 1)}: comes back to ${assets[cycle + 1]}`
    problems.push({ path: ['routes', index, cycle], message })
  }
  const end = assets.at(-1)
  if (end !== unit) {
    problems.push({
      path: ['routes', index],
      message: `${upTo(steps.length)}: ends in ${end}, not in ${unit}`,
    })
  }
  if (problems.length > 0) return problems
  const around = assets.findIndex((held, i) => i > 0 && isDollarCoin(held) && assets[i + 1] !== unit)
  if (around !== -1) {
    const held = assets[around]
    const message = `${upTo(around + 1)}: goes around the peg of ${held}; take ${held}/${unit}`
    problems.push({ path: ['routes', index, around], message })
  }
  return problems
}

function missingLeg(
  pair: string,
  path: SourcesProblem['path'],
  pairs: ReadonlySet<string>,
): SourcesProblem[] {
  if (pairs.has(pair)) return []
  const reverse = pair.split('/').reverse().join('/')
  const hint = pairs.has(reverse) ? `; ${reverse} can be taken either way` : meant(pair, pairs)
  return [{ path, message: `there is no leg ${pair} in sources.legs${hint}` }]
}
