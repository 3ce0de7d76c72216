import { z } from 'zod'
import { meant } from './nearest.ts'
import { pegProblems } from './peg-problems.ts'
import { routeProblems } from './route-problems.ts'
import { VENUE_IDS } from './venue-ids.ts'

/** What no shape can say about a `sources` section: names that must exist, numbers that must fit one another. */

export interface SourcesProblem {
  /** Keys from the section down. */
  readonly path: readonly (string | number)[]
  readonly message: string
}

const text = z.string()
const venuePart = z.looseObject({ id: text, group: text })
const legPart = z.looseObject({ pair: text, venues: z.array(text), peg: z.unknown().optional() })
const minimumPart = z.looseObject({ minSources: z.number() })
const age = z.number().optional().catch(undefined)
const agesPart = z.looseObject({ staleMs: z.number(), exchangeStaleMs: age, frozenMs: age })
const routePart = z.array(text)

/** What reports are in. */
const UNIT = 'USD'

/**
 * All problems of meaning in whatever part of `section` can be read; parts of the wrong shape are passed over,
 * because the schema reports those.
 *
 * @param venueIds that there may be
 */
export function sourcesProblems(section: unknown, venueIds: readonly string[] = VENUE_IDS): SourcesProblem[] {
  const { feed, venues, legs, routes } = z.looseObject({}).catch({}).parse(section) as Record<string, unknown>
  const readVenues = readList(venues, venuePart)
  const readLegs = readList(legs, legPart)
  const readRoutes = readList(routes, routePart)
  const groups = new Map(readVenues.map(({ value }) => [value.id, value.group]))
  const pairs = new Set(readLegs.map(({ value }) => value.pair))
  const used = new Set(readRoutes.flatMap(({ value }) => value))
  const priced = typeof feed === 'string' ? feed.split('/')[0] : undefined
  const areAllLegsRead = Array.isArray(legs) && legs.length === readLegs.length
  const asked = new Set(readLegs.flatMap(({ value }) => value.venues))

  return [
    ...feedProblems(feed),
    ...readVenues.flatMap(({ index, value }) => venueProblems(value, index, groups, venueIds)),
    ...readVenues
      .filter(({ value: { id } }) => areAllLegsRead && venueIds.includes(id) && !asked.has(id))
      .map(({ index, value: { id } }) => ({ path: ['venues', index, 'id'], message: `no leg asks ${id}` })),
    ...duplicates(
      readVenues.map(({ index, value }) => ({ path: ['venues', index, 'id'], name: value.id })),
      'venue',
    ),
    ...duplicates(
      readLegs.map(({ index, value }) => ({ path: ['legs', index, 'pair'], name: value.pair })),
      'leg',
    ),
    ...readLegs.flatMap(({ index, value }) => legProblems(value, index, groups)),
    ...readLegs.flatMap(({ index, value }, place) => {
      const earlier = new Set(readLegs.slice(0, place).map(leg => leg.value.pair))
      const problems = pairProblems(value, index, earlier)
      return [...problems, ...pegProblems(value, index, priced, pairs, UNIT)]
    }),
    ...readLegs
      .filter(({ value }) => readRoutes.length > 0 && !used.has(value.pair))
      .map(({ index, value }) => ({
        path: ['legs', index, 'pair'],
        message: `${value.pair} is not part of any route`,
      })),
    ...readRoutes.flatMap(({ index, value }) => routeProblems(value, index, pairs, feed, UNIT)),
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
    const message = `there is no venue ${venue} in sources.venues${meant(venue, groups.keys())}`
    problems.push({ path, message })
  }
  const minimum = minimumPart.safeParse(leg).data?.minSources
  const independent = new Set(leg.venues.map(venue => groups.get(venue) ?? venue)).size
  if (minimum !== undefined && minimum > independent) {
    const message = `${leg.pair} needs ${minimum} independent sources but has ${independent}`
    problems.push({ path: ['legs', index, 'minSources'], message })
  }
  const { staleMs = 0, exchangeStaleMs, frozenMs } = agesPart.safeParse(leg).data ?? {}
  if (exchangeStaleMs !== undefined && exchangeStaleMs < staleMs) {
    const message = `${exchangeStaleMs} is below staleMs (${staleMs}), but a venue's time is before arrival`
    problems.push({ path: ['legs', index, 'exchangeStaleMs'], message })
  }
  if (frozenMs !== undefined && frozenMs < staleMs) {
    const message = `${frozenMs} is below staleMs (${staleMs}), but what arrived last has changed before`
    problems.push({ path: ['legs', index, 'frozenMs'], message })
  }
  return problems
}

/** Reports are in dollars, whatever the section says. */
function feedProblems(feed: unknown): SourcesProblem[] {
  if (typeof feed !== 'string' || feed.split('/')[1] === UNIT) return []
  return [{ path: ['feed'], message: `${feed} is not in ${UNIT}, as prices are reported` }]
}

function venueProblems(
  { id, group }: z.infer<typeof venuePart>,
  index: number,
  groups: ReadonlyMap<string, string>,
  venueIds: readonly string[],
): SourcesProblem[] {
  const problems: SourcesProblem[] = []
  if (!venueIds.includes(id)) {
    const hint = meant(id, venueIds) || `; there are ${venueIds.join(', ')}`
    problems.push({ path: ['venues', index, 'id'], message: `there is no adapter for ${id}${hint}` })
  }
  // Two venues that are meant to have one voice would have two.
  const groupOfNamesake = groups.get(group)
  if (groupOfNamesake !== undefined && groupOfNamesake !== group) {
    const message = `the venue ${group} is not of the group ${group}, but of ${groupOfNamesake}`
    problems.push({ path: ['venues', index, 'group'], message })
  }
  return problems
}

function pairProblems(
  leg: z.infer<typeof legPart>,
  index: number,
  earlier: ReadonlySet<string>,
): SourcesProblem[] {
  const [base = '', quote = ''] = leg.pair.split('/')
  const problem = (key: string, message: string) => ({ path: ['legs', index, key], message })
  if (base === quote) return [problem('pair', `${leg.pair} is an asset in itself`)]
  const reverse = `${quote}/${base}`
  if (!earlier.has(reverse)) return []
  // One market would have two voices.
  return [problem('pair', `${leg.pair} is ${reverse} the other way round, and routes take either way`)]
}
