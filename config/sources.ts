import { z } from 'zod'
import type { SourcePlan } from '../protocol/sources/types.ts'
import { sourcesProblems } from './sources-problems.ts'
import { VENUE_IDS } from './venue-ids.ts'

/** The `sources` section of a network file: which venues price the feed, and how far they are believed. */

/** One venue alone, or two, can be bought; below three a median protects nobody. */
const LEAST_SOURCES = 3
const MAX_BPS = 10_000
/** Every market of an asset with every way to dollars; each leg costs each quote the time of a median. */
export const MAX_LEGS = 32
export const MAX_VENUES = 100
export const MAX_ROUTES = 32
/** Rounding and uncertainty grow with every step. */
export const MAX_STEPS = 5

const id = z.string().regex(/^[a-z0-9-]{1,32}$/, 'should be lower-case letters, digits and dashes')
const pair = z.string().regex(/^[A-Z0-9]{1,16}\/[A-Z0-9]{1,16}$/, 'should be a pair like "IO/USDT"')
const milliseconds = (highest: number) => z.number().int().min(100).max(highest)
const basisPoints = z
  .number()
  .int()
  .min(1)
  .max(MAX_BPS - 1)

const venueSchema = z.strictObject({
  id,
  /** Venues of one group have one voice; the venue's own id when it stands alone. */
  group: id,
})

const ages = {
  /** Age since arrival at which a value no longer counts. */
  staleMs: milliseconds(600_000),
  /** Age by the venue's own time. Longer: on some venues that is the time of the last trade. */
  exchangeStaleMs: milliseconds(86_400_000).default(60_000),
  /** How far ahead of our clock a time may be. */
  futureMs: milliseconds(60_000).default(2_000),
  /** Time without any change at which a value no longer counts: only where a market is never so quiet. */
  frozenMs: milliseconds(86_400_000).exactOptional(),
}

function legSchema(leastSources: number) {
  return z.strictObject({
    pair,
    venues: z.array(id).min(1).max(MAX_VENUES),
    /** Independent groups needed for a price. */
    minSources: z.number().int().min(leastSources).max(MAX_VENUES),
    ...ages,
    /** Distance from the median at which a value no longer counts as a source. */
    bandBps: basisPoints,
    /** How far a bid may lie above the ask before the book is not believed. */
    crossedBps: z.number().int().min(0).max(MAX_BPS).default(50),
    /** The base is meant to be worth a dollar: outside this distance from it no route takes the leg. */
    peg: z.strictObject({ bandBps: basisPoints }).exactOptional(),
  })
}

function shapeOf(leastSources: number) {
  return z.strictObject({
    feed: pair,
    venues: z.array(venueSchema).min(1).max(MAX_VENUES),
    legs: z.array(legSchema(leastSources)).min(1).max(MAX_LEGS),
    /** Ways from the feed's base to its quote, each a chain of legs; a leg may stand the other way round. */
    routes: z.array(z.array(pair).min(1).max(MAX_STEPS)).min(1).max(MAX_ROUTES),
  })
}

export type SourcesConfig = z.infer<ReturnType<typeof shapeOf>>

export interface SourcesSchemaOptions {
  /** Lowest `minSources` accepted. Below three only in tests. */
  readonly leastSources?: number
  /** Venues that there may be. Default: those that this build has an adapter for. */
  readonly venueIds?: readonly string[]
}

/** The schema of the section. Shape and meaning are reported together, each problem under its key path. */
export function sourcesSchemaFor(options: SourcesSchemaOptions): z.ZodType<SourcesConfig> {
  const { leastSources = LEAST_SOURCES, venueIds = VENUE_IDS } = options
  return shapeOf(leastSources).superRefine(
    (section, context) => {
      for (const { path, message } of sourcesProblems(section, venueIds)) {
        context.addIssue({ code: 'custom', path: [...path], message })
      }
    },
    // Also when the shape is wrong somewhere: one slip must not hide the other problems until the next start.
    { when: () => true },
  )
}

export const sourcesSchema: z.ZodType<SourcesConfig> = sourcesSchemaFor({})

/** The section that {@link toSourcePlan} makes the plan of, as far as there is one. */
export function toSourcesSection({ legs, ...plan }: SourcePlan): unknown {
  const seats = new Map(legs.flatMap(leg => leg.venues.map(seat => [seat.id, seat])))
  return {
    ...plan,
    venues: [...seats.values()],
    legs: legs.map(leg => ({ ...leg, venues: leg.venues.map(({ id }) => id) })),
  }
}

/** The section as the plan that `aggregateSources` follows. */
export function toSourcePlan({ feed, venues, legs, routes }: SourcesConfig): SourcePlan {
  const groupOf = new Map(venues.map(({ id, group }) => [id, group]))
  return {
    feed,
    routes,
    legs: legs.map(leg => ({
      ...leg,
      venues: leg.venues.map(id => ({ id, group: groupOf.get(id) ?? id })),
    })),
  }
}
