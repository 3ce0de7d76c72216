/**
 * What the feed takes and gives, said once: these schemas check what comes in, give what goes out its shape, and are
 * what the OpenAPI document is made from.
 */
import { z } from 'zod'
import type { ReportJson } from '../../protocol/report-json.ts'

/** Five minutes of one-second rounds. Fewer where reports are large. */
export const MAX_PAGE = 300
const DEFAULT_PAGE = 50
const MAX_ROUND = 2 ** 40 - 1

const hex = (bytes: number) => z.string().regex(new RegExp(`^0x[0-9a-f]{${2 * bytes}}$`))
const anyHex = z.string().regex(/^0x([0-9a-f]{2})*$/)
const count = z.int().min(0)
const round = z.int().min(0).max(MAX_ROUND).meta({ description: 'Start of a round, deciseconds since 1970.' })
const price = z
  .string()
  .regex(/^\d{1,78}$/)
  .meta({
    description: 'Units of 10^-18 USD, in decimal digits: what is signed.',
    example: '2461955000000000000',
  })
const unixSec = count.meta({ description: 'Unix seconds.' })

const quoteSchema = z
  .object({
    slot: count,
    price,
    confidenceBps: count,
    observedAt: unixSec,
    sourcesRoot: hex(32),
    signature: hex(64).meta({ description: "The member's identity signature (EIP-2098)." }),
  })
  .meta({ id: 'Quote', description: 'What one member said in the round.' })

const certificateSchema = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('group'), r: hex(20), s: hex(32) }),
    z.object({ kind: z.literal('quorum'), signatures: z.array(hex(64)) }),
  ])
  .meta({
    id: 'Certificate',
    description:
      'One threshold signature under the group key, or, when that key cannot sign, identity signatures of a quorum.',
  })

export const reportSchema = z
  .object({
    round,
    domain: z
      .object({ chainId: z.int().min(1), registry: hex(20) })
      .meta({ id: 'Domain', description: 'The network: chain and registry, part of every digest.' }),
    feedId: hex(32),
    keyEpoch: count,
    word: hex(32).meta({
      description: 'price 80 | 0 80 | confidence 16 | observedAt 40 | round 40, high to low.',
    }),
    price,
    priceUsd: z
      .string()
      .regex(/^\d{1,60}(\.\d{1,18})?$/)
      .meta({ description: 'The price in USD, for people.', example: '2.461955' }),
    confidenceBps: count,
    observedAt: unixSec,
    certificate: certificateSchema,
    groupKeyX: hex(32).meta({
      description: "x of the group key of keyEpoch. Compare it with the registry's.",
    }),
    bytes: anyHex.meta({ description: 'Canonical bytes of report and certificate.' }),
    proposer: count,
    signers: z.array(count),
    quotes: z.array(quoteSchema),
    latencyMs: z
      .number()
      .meta({ description: 'From the start of the round to the certificate, as seen here.' }),
    onChain: z.boolean().meta({ description: 'Whether a final block holds it.' }),
  })
  .meta({ id: 'Report', description: 'A certified price, with everything needed to check it offline.' })

/** Of what is stored. Rows are parsed on the thread that also runs rounds: some milliseconds. */
export const MAX_PAGE_BYTES = 768 * 1024

export const pageSchema = z
  .object({
    reports: z.array(reportSchema),
    next: z.string().nullable().meta({ description: 'Path of the next page; null when there is none now.' }),
    oldest: round.nullable().meta({ description: 'The oldest round that is kept here.' }),
  })
  .meta({ id: 'ReportPage' })

export const updateSchema = z.object({ round, txHash: z.string(), price }).meta({
  id: 'Update',
  description: 'A report stands in a block, which may not be final yet. May be told more than once.',
})

export const gapSchema = z
  .object({
    after: round.meta({ description: 'What was asked for, or how far the reader had got.' }),
    oldest: round.meta({ description: 'The oldest round that is still kept: reports go on from there.' }),
  })
  .meta({ id: 'Gap', description: 'Reports above `after` have been deleted here.' })

export const endSchema = z
  .object({ code: z.string(), detail: z.string() })
  .meta({ id: 'End', description: 'Why the connection is ended.' })

/** What a WebSocket carries, one message each; over Server-Sent Events the type is the event's name. */
export const messageSchema = z
  .discriminatedUnion('type', [
    z.object({ type: z.literal('report'), report: reportSchema }),
    z.object({ type: z.literal('update'), update: updateSchema }),
    z.object({ type: z.literal('gap'), gap: gapSchema }),
  ])
  .meta({ id: 'StreamMessage' })

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: 'What to do about it.' }),
    code: z.string().meta({ description: 'What programs decide by.' }),
  })
  .meta({ id: 'Problem', description: 'Problem details (RFC 9457).' })

/** Digits only: `Number('')` is 0, and `Number('0x10')` is 16. */
const digits = z
  .string()
  .regex(/^\d{1,15}$/, 'not a whole number')
  .transform(Number)
const roundText = digits.pipe(round)

export const pageQuery = z.object({
  limit: digits.pipe(z.int().min(1).max(MAX_PAGE)).default(DEFAULT_PAGE),
  before: roundText.optional().meta({ description: 'Only rounds below it, newest first.' }),
  after: roundText.optional().meta({ description: 'Only rounds above it, oldest first.' }),
})
export const roundParams = z.object({ round: roundText })
export const streamQuery = z.object({
  after: roundText
    .optional()
    .meta({ description: 'Begin with the first report above this round; without it, with the next one.' }),
})
/** The one message that a WebSocket reader may send, and only as its first. */
export const beginMessage = z.strictObject({ after: round })

export type PageQuery = z.output<typeof pageQuery>
export interface ReportPage extends Omit<z.output<typeof pageSchema>, 'reports'> {
  readonly reports: readonly ReportJson[]
}
export type Update = z.output<typeof updateSchema>
export type Gap = z.output<typeof gapSchema>

/** Does not compile when the served shape and the type that everybody else uses drift apart. */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never
type Mutable<T> = T extends readonly (infer Item)[]
  ? Mutable<Item>[]
  : T extends object
    ? { -readonly [Key in keyof T]: Mutable<T[Key]> }
    : T
const sameShape: Same<z.output<typeof reportSchema>, Mutable<ReportJson>> = true

/** A report as it leaves: nothing more than the schema says, and nothing less. @throws {z.ZodError} */
export function servedReport(report: ReportJson): ReportJson {
  return sameShape && reportSchema.parse(report)
}
