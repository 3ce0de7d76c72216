/** The first block of a recording. */
import { z } from 'zod'
import type { RecordHeader } from './record.ts'

const FORMAT = 1

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const name = z.string().min(1).max(64)
const basisPoints = z.number().int().min(0).max(10_000)

const leg = z.object({
  pair: name,
  venues: z.array(z.object({ id: name, group: name })).max(100),
  minSources: count,
  staleMs: count,
  exchangeStaleMs: count,
  futureMs: count,
  bandBps: basisPoints,
  crossedBps: basisPoints,
  frozenMs: count.exactOptional(),
  peg: z.object({ bandBps: basisPoints }).exactOptional(),
})

const header = z.object({
  format: z.literal(FORMAT),
  build: z.string().max(64),
  startedAtMs: count,
  // As a network file has it.
  roundMs: z.number().int().min(100).max(3_600_000).multipleOf(100),
  plan: z.object({
    feed: name,
    legs: z.array(leg).min(1).max(100),
    routes: z.array(z.array(name).min(1).max(16)).max(100),
  }),
})

export function encodeRecordHeader({ build, startedAtMs, roundMs, plan }: RecordHeader): string {
  return JSON.stringify({ format: FORMAT, build, startedAtMs, roundMs, plan })
}

/** Undefined when it is of a format that this program does not know. @throws {Error} when it is no header */
export function decodeRecordHeader(text: string): RecordHeader | undefined {
  const json: unknown = JSON.parse(text)
  const { format } = z.object({ format: z.number() }).parse(json)
  if (format !== FORMAT) return undefined
  const { build, startedAtMs, roundMs, plan } = header.parse(json)
  return { build, startedAtMs, roundMs, plan }
}
