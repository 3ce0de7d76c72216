/** A quote that a member made from good values, with its trace: tests change the one thing that matters. */
import devnet from '../../../config/networks/devnet.json' with { type: 'json' }
import { type SourcesConfig, sourcesSchema, toSourcePlan } from '../../../config/sources.ts'
import { hexOf } from '../../../protocol/bytes.ts'
import type { Domain } from '../../../protocol/domain.ts'
import type { Quote } from '../../../protocol/quote.ts'
import { roundAt } from '../../../protocol/rounds.ts'
import { planHash } from '../../../protocol/sources/plan-hash.ts'
import { type JsonQuoteTrace, recomputeQuote } from '../../../protocol/sources/quote-trace.ts'
import { encodeTrace } from '../../../protocol/sources/trace.ts'
import type { SourcePlan, VenueValue } from '../../../protocol/sources/types.ts'
import { DOMAIN, type Party, party, signQuoteAs } from '../network/cast.ts'
import { allVenues, IO_VENUES, NOW_MS, USDT_VENUES } from '../sources/build.ts'

const leg = (pair: string, venues: readonly string[]): SourcesConfig['legs'][number] => ({
  pair,
  venues: [...venues],
  minSources: 3,
  staleMs: 10_000,
  exchangeStaleMs: 60_000,
  futureMs: 2_000,
  bandBps: 2_000,
  crossedBps: 50,
})

const SECTION: SourcesConfig = {
  feed: 'IO/USD',
  venues: [...IO_VENUES, ...USDT_VENUES].map(id => ({ id, group: id })),
  legs: [leg('IO/USDT', IO_VENUES), { ...leg('USDT/USD', USDT_VENUES), peg: { bandBps: 200 } }],
  routes: [['IO/USDT', 'USDT/USD']],
}

/** The network file by which {@link tracedQuote} is made. */
export const NETWORK_FILE = { ...devnet, sources: SECTION }
export const ROUND_MS = devnet.roundMs
export const PLAN: SourcePlan = toSourcePlan(sourcesSchema.parse(SECTION))

export interface QuoteMaking {
  readonly values?: readonly VenueValue[]
  readonly nowMs?: number
  readonly plan?: SourcePlan
  readonly roundMs?: number
  readonly signer?: Party
  readonly slot?: number
  readonly domain?: Domain
  /** What the signer says instead of what it found. */
  readonly lie?: Partial<Quote>
}

/** What member 2 serves of its quote at {@link NOW_MS}. */
export function tracedQuote(making: QuoteMaking = {}): JsonQuoteTrace {
  const { values = allVenues(), nowMs = NOW_MS, plan = PLAN, roundMs = ROUND_MS } = making
  const trace = { feed: plan.feed, nowMs, values }
  const made = recomputeQuote(trace, plan)
  if (made.kind === 'abstain') throw new Error(`no price: ${made.outcome.reason} of ${made.outcome.pair}`)
  const { price, confidence, observedAt, sourcesRoot } = made
  const fields = {
    round: roundAt(nowMs, roundMs),
    ...{ price, confidence, observedAt, sourcesRoot },
    ...making.lie,
  }
  const { signer = party('member 2'), slot = 2, domain = DOMAIN } = making
  const signed = signQuoteAs(signer, slot, fields, domain)
  return {
    version: 2,
    round: signed.quote.round,
    quote: hexOf(signed.bytes),
    planHash: planHash(plan),
    roundMs,
    trace: encodeTrace(trace),
  }
}
