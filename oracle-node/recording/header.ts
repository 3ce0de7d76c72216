/** The first block of a recording. */
import { z } from 'zod'
import type { LegPlan, SourcePlan, VenueSeat } from '../../protocol/sources/types.ts'
import type { RecordHeader } from './record.ts'

const FORMAT = 1

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const name = z.string().min(1).max(64)
const basisPoints = z.number().int().min(0).max(10_000)

/** All fields that a type has, the optional ones too: one that is forgotten here does not compile. */
type FieldsOf<T> = { readonly [Field in keyof T]-?: z.ZodType }

// Nothing is left out in silence: quotes made without a field of the plan would be others.
const leg = z.strictObject({
  pair: name,
  venues: z.array(z.strictObject({ id: name, group: name } satisfies FieldsOf<VenueSeat>)).max(100),
  minSources: count,
  staleMs: count,
  exchangeStaleMs: count,
  futureMs: count,
  bandBps: basisPoints,
  crossedBps: basisPoints,
  frozenMs: count.exactOptional(),
  peg: z
    .strictObject({ bandBps: basisPoints } satisfies FieldsOf<NonNullable<LegPlan['peg']>>)
    .exactOptional(),
} satisfies FieldsOf<LegPlan>)

const plan = z.strictObject({
  feed: name,
  legs: z.array(leg).min(1).max(100),
  routes: z.array(z.array(name).min(1).max(16)).max(100),
} satisfies FieldsOf<SourcePlan>)

const header = z.strictObject({
  format: z.literal(FORMAT),
  build: z.string().max(64),
  startedAtMs: count,
  // As a network file has it.
  roundMs: z.number().int().min(100).max(3_600_000).multipleOf(100),
  plan,
} satisfies FieldsOf<RecordHeader & { readonly format: number }>)

export function encodeRecordHeader(given: RecordHeader): string {
  return JSON.stringify({ format: FORMAT, ...given })
}

/** Undefined when it is of a format that this program does not know. @throws {Error} when it is no header */
export function decodeRecordHeader(text: string): RecordHeader | undefined {
  const json: unknown = JSON.parse(text)
  if (z.object({ format: z.number() }).parse(json).format !== FORMAT) return undefined
  const { format, ...read } = header.parse(json)
  return read
}
