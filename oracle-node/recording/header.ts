/** The first block of a recording. */
import { z } from 'zod'
import { networkEntries } from '../../config/network.ts'
import {
  MAX_LEGS,
  MAX_ROUTES,
  MAX_STEPS,
  MAX_VENUES,
  sourcesSchemaFor,
  toSourcePlan,
  toSourcesSection,
} from '../../config/sources.ts'
import { planHash } from '../../protocol/sources/plan-hash.ts'
import type { SourcePlan } from '../../protocol/sources/types.ts'
import type { RecordHeader } from './record.ts'

const FORMAT = 1
/** All legs with all venues, each name as long as can be, are 300,000. */
const MAX_CHARS = 512 * 1024

/** Only so much as to write it as a section of a network file, whose schema says the rest. */
const planShape = z.looseObject({
  legs: z
    .array(
      z.looseObject({
        pair: z.string(),
        venues: z.array(z.strictObject({ id: z.string(), group: z.string() })).max(MAX_VENUES),
      }),
    )
    .max(MAX_LEGS),
  routes: z.array(z.array(z.string()).max(MAX_STEPS)).max(MAX_ROUTES),
})

const header = z.strictObject({
  format: z.literal(FORMAT),
  build: z.string().max(64),
  startedAtMs: z.int().min(0),
  roundMs: networkEntries.roundMs.schema,
  plan: z.unknown(),
})

export function encodeRecordHeader(given: RecordHeader): string {
  return JSON.stringify({ format: FORMAT, ...given })
}

/** Undefined when it is of a format that this program does not know. @throws {Error} when it is no header */
export function decodeRecordHeader(text: string): RecordHeader | undefined {
  if (text.length > MAX_CHARS) throw new RangeError('a header that is too long')
  const json: unknown = JSON.parse(text)
  if (z.object({ format: z.number() }).parse(json).format !== FORMAT) return undefined
  const { build, startedAtMs, roundMs, plan } = header.parse(json)
  return { build, startedAtMs, roundMs, plan: decodePlan(plan) }
}

/**
 * A plan that a network file can have, and nothing else. Quotes made without one of its fields, or with one that was
 * filled in, would be others: that is refused, never made good.
 */
function decodePlan(json: unknown): SourcePlan {
  const given = planShape.parse(json) as unknown as SourcePlan
  // Who plays a recording asks no venue: one that has no adapter here is as good as another.
  const venueIds = given.legs.flatMap(({ venues }) => venues.map(({ id }) => id))
  const plan = toSourcePlan(sourcesSchemaFor({ venueIds }).parse(toSourcesSection(given)))
  if (planHash(plan) !== planHash(given)) throw new TypeError('the plan is not as a network file gives it')
  return plan
}
