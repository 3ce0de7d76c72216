import { z } from 'zod'
import { areBounded, MAX_ROYALTY_BPS } from '../../protocol/epoch/parameters.ts'
import { MAX_PRICE, ONE, parseDecimal } from '../../protocol/units.ts'

/** What a scenario file says: a price, demand and suppliers over days, and what goes wrong when. */

const MAX_KEY_DAYS = 100
const MAX_DAY = 36_500
/** Longer and what waits to be settled would no longer be small. After 30 days without activation deposits go anyway. */
export const MAX_OUTAGE_DAYS = 30
const MAX_GENESIS = 22_300_000n * ONE

const day = z.number().int().min(0).max(MAX_DAY)
const bps = (highest = 10_000) => z.number().int().min(0).max(highest)

/** Money is text: a number in JSON would have been a float. */
function decimal(highest: bigint) {
  return z
    .string()
    .regex(/^\d{1,12}(\.\d{1,18})?$/, 'should be an amount as text, such as "2.5"')
    .transform(parseDecimal)
    .refine(value => value <= highest, `should be at most ${highest / ONE}`)
}

type Amount = z.ZodType<bigint>

/** Key days whose figure stands under a name that says what it counts. */
function path<Name extends string>(name: Name, amount: Amount) {
  return z
    .array(
      z.strictObject({ day, [name]: amount }).transform(item => ({
        day: Number(item['day']),
        value: item[name] as bigint,
      })),
    )
    .min(1)
    .max(MAX_KEY_DAYS)
    .superRefine(
      (days, context) => {
        for (const { path, message } of dayProblems(days)) {
          context.addIssue({ code: 'custom', path, message })
        }
      },
      // Also when a figure is wrong somewhere: one slip must not hide the others.
      { when: ({ value }) => Array.isArray(value) },
    )
}

/** Days that do not ascend from 0, in whatever part of a path could be read. */
function dayProblems(days: readonly unknown[]): { path: (string | number)[]; message: string }[] {
  const read = days.map(item => z.looseObject({ day }).safeParse(item).data?.day)
  return read.flatMap((later, index) => {
    const path = [index, 'day']
    if (later === undefined) return []
    if (index === 0) return later === 0 ? [] : [{ path, message: 'the first one should be of day 0' }]
    const earlier = read[index - 1]
    if (earlier === undefined || later > earlier) return []
    return [{ path, message: `${later} should be after day ${earlier}, which stands before it` }]
  })
}

const gpuCount: Amount = z.number().int().min(0).max(100_000_000).transform(BigInt)
const usdPerDay = decimal(10n ** 9n * ONE)
const volatility = bps(2_000).default(0)

function spans(longestDays: number) {
  return z
    .array(z.strictObject({ fromDay: day, days: z.number().int().min(1).max(longestDays) }))
    .max(MAX_KEY_DAYS)
}

/** In order and a day apart: two that touch would be one that is too long. */
const outages = spans(MAX_OUTAGE_DAYS).superRefine((list, context) => {
  for (const [index, { fromDay }] of list.entries()) {
    const before = list[index - 1]
    if (before === undefined || fromDay > before.fromDay + before.days) continue
    const end = before.fromDay + before.days
    const message = `should be after day ${end}, when the outage before it ends: between two of them all is settled`
    context.addIssue({ code: 'custom', path: [index, 'fromDay'], message })
  }
})

const parameters = z
  .strictObject({
    hireTaxBps: bps().default(500),
    hiredBps: bps().default(7_000),
    feeBps: bps().default(200),
    gatewayBps: bps().default(500),
    maxDebitBps: bps().default(5_000),
    /** Proven GPUs at which availability takes the whole launch pool. */
    targetGpus: z.number().int().min(1).max(100_000_000).default(10_000),
  })
  .refine(
    values =>
      areBounded({ ...values, version: 1, targetWeight: BigInt(values.targetGpus), longestHoldEpochs: 0 }),
    'these values cannot hold together: the hire tax must cost more than a wrong price can gain, and royalty and gateway share must fit into a payment',
  )

export const scenarioSchema = z.strictObject({
  /** For editors. */
  $schema: z.string().optional(),
  about: z.string().min(1).max(300),
  /** IO that exists from the start. */
  genesis: decimal(MAX_GENESIS).default(0n),
  price: z.strictObject({
    path: path('usd', decimal(MAX_PRICE)),
    dailyVolatilityBps: volatility,
  }),
  suppliers: z.strictObject({ path: path('gpus', gpuCount) }),
  demand: z.strictObject({
    /** Hires, paid in IOSD. */
    hires: path('usdPerDay', usdPerDay),
    /** Inferences, paid in IO. */
    payments: path('usdPerDay', usdPerDay),
    /** Burns for IOSD that is kept. */
    burns: path('usdPerDay', usdPerDay),
    dailyVolatilityBps: volatility,
    /** Days of their own demand that payers keep in escrow. */
    bufferDays: z.number().int().min(1).max(90).default(3),
  }),
  market: z
    .strictObject({
      /** Part of the free IO that can be bought in a day. */
      soldPerDayBps: bps(240_000).default(1_000),
    })
    .prefault({}),
  parameters: parameters.prefault({}),
  royaltyBps: bps(MAX_ROYALTY_BPS).default(1_000),
  /** No price is certified: no burns; IOSD hires and fees wait. */
  oracleHalts: spans(3_650).default([]),
  /** Nothing is settled; afterwards everything is, in order. */
  settlementOutages: outages.default([]),
})

/** All amounts in wei, prices with 18 decimals. */
export type Scenario = z.output<typeof scenarioSchema>
