import { z } from 'zod'

/** What no shape can say about a `sources` section: names that must exist, numbers that must fit one another. */

export interface SourcesProblem {
  /** Keys from the section down. */
  readonly path: readonly (string | number)[]
  readonly message: string
}

const text = z.string()
const venuePart = z.looseObject({ id: text, group: text })
const legPart = z.looseObject({ pair: text, venues: z.array(text) })
const minimumPart = z.looseObject({ minSources: z.number() })
const agesPart = z.looseObject({ staleMs: z.number(), exchangeStaleMs: z.number() })
const routePart = z.array(text)

/**
 * All problems of meaning in whatever part of `section` can be read; parts of the wrong shape are passed over,
 * because the schema reports those.
 */
export function sourcesProblems(section: unknown): SourcesProblem[] {
  const { feed, venues, legs, routes } = z.looseObject({}).catch({}).parse(section) as Record<string, unknown>
  const readVenues = readList(venues, venuePart)
  const readLegs = readList(legs, legPart)
  const readRoutes = readList(routes, routePart)
  const groups = new Map(readVenues.map(({ value }) => [value.id, value.group]))
  const pairs = new Set(readLegs.map(({ value }) => value.pair))
  const used = new Set(readRoutes.flatMap(({ value }) => value))

  return [
    ...duplicates(
      readVenues.map(({ index, value }) => ({ path: ['venues', index, 'id'], name: value.id })),
      'venue',
    ),
    ...duplicates(
      readLegs.map(({ index, value }) => ({ path: ['legs', index, 'pair'], name: value.pair })),
      'leg',
    ),
    ...readLegs.flatMap(({ index, value }) => legProblems(value, index, groups)),
    ...readLegs
      .filter(({ value }) => readRoutes.length > 0 && !used.has(value.pair))
      .map(({ index, value }) => ({
        path: ['legs', index, 'pair'],
        message: `${value.pair} is not part of any route`,
      })),
    ...readRoutes.flatMap(({ index, value }) => routeProblems(value, index, pairs, feed)),
    ...duplicates(
      readRoutes.map(({ index, value }) => ({ path: ['routes', index], name: value.join(' × ') })),
      'route',
    ),
  ]
}

function readList<T>(list: unknown, part: z.ZodType<T>): { index: number; value: T }[] {
  if (!Array.isArray(list)) return []
  return list.flatMap((item: unknown, index) => {
    const parsed = part.safeParse(item)
    return parsed.success ? [{ index, value: parsed.data }] : []
  })
}

function duplicates(items: readonly { path: (string | number)[]; name: string }[], kind: string) {
  const seen = new Set<string>()
  return items.flatMap(({ path, name }): SourcesProblem[] => {
    if (seen.has(name)) return [{ path, message: `the ${kind} ${name} is listed twice` }]
    seen.add(name)
    return []
  })
}

function legProblems(
  leg: z.infer<typeof legPart>,
  index: number,
  groups: ReadonlyMap<string, string>,
): SourcesProblem[] {
  const problems = duplicates(
    leg.venues.map((name, place) => ({ path: ['legs', index, 'venues', place], name })),
    'venue',
  )
  for (const [place, venue] of leg.venues.entries()) {
    if (groups.has(venue)) continue
    const path = ['legs', index, 'venues', place]
    problems.push({ path, message: `there is no venue ${venue} in sources.venues` })
  }
  const minimum = minimumPart.safeParse(leg).data?.minSources
  const independent = new Set(leg.venues.map(venue => groups.get(venue) ?? venue)).size
  if (minimum !== undefined && minimum > independent) {
    const message = `${leg.pair} needs ${minimum} independent sources but has ${independent}`
    problems.push({ path: ['legs', index, 'minSources'], message })
  }
  const ages = agesPart.safeParse(leg).data
  if (ages !== undefined && ages.exchangeStaleMs < ages.staleMs) {
    const message = `${ages.exchangeStaleMs} is below staleMs (${ages.staleMs}), but a venue's time is before arrival`
    problems.push({ path: ['legs', index, 'exchangeStaleMs'], message })
  }
  return problems
}

/** A chain: base of the feed, each leg starting where the last one ended, quote of the feed. */
function routeProblems(
  route: readonly string[],
  index: number,
  pairs: ReadonlySet<string>,
  feed: unknown,
): SourcesProblem[] {
  const problems: SourcesProblem[] = []
  const [feedBase, feedQuote] = typeof feed === 'string' ? feed.split('/') : []
  let held = feedBase
  for (const [place, pair] of route.entries()) {
    const path = ['routes', index, place]
    if (!pairs.has(pair)) problems.push({ path, message: `there is no leg ${pair} in sources.legs` })
    const [base, quote] = pair.split('/')
    if (held !== undefined && base !== held) {
      problems.push({ path, message: `${pair} does not start with ${held}, where the route is` })
    }
    held = quote
  }
  if (feedQuote !== undefined && route.length > 0 && held !== feedQuote) {
    problems.push({ path: ['routes', index], message: `the route ends in ${held}, not in ${feedQuote}` })
  }
  return problems
}
