/** Makes a quote again from its trace and holds the two against each other, bit for bit. Pure. */
import { DecodeError, type Hash } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import { decodeSignedQuote, isQuoteOf, quoteDigest, type SignedQuote } from '../../protocol/quote.ts'
import { roundAt, roundStartMs } from '../../protocol/rounds.ts'
import { planHash } from '../../protocol/sources/plan-hash.ts'
import {
  decodeQuoteTrace,
  type QuoteTrace,
  type RecomputedQuote,
  recomputeQuote,
} from '../../protocol/sources/quote-trace.ts'
import { TraceError } from '../../protocol/sources/trace.ts'
import type { SourceOutcome, SourcePlan } from '../../protocol/sources/types.ts'
import { formatDecimal } from '../../protocol/units.ts'
import { notInForce } from '../../sdk/verify-report.ts'
import type { EpochMembers } from './quote-trust.ts'

/** Why a quote does not follow from its trace, or is not a member's. Closed. */
export type QuoteFault =
  | 'MALFORMED'
  | 'WRONG_NETWORK'
  | 'WRONG_FEED'
  /** The registry knows no members of its key epoch: it cannot be told. */
  | 'UNKNOWN_MEMBERS'
  | 'WRONG_SIGNER'
  /** A member signed it, for a round that is not of its key epoch. */
  | 'WRONG_KEY_EPOCH'
  | 'WRONG_PLAN'
  | 'WRONG_ROUND'
  | 'WRONG_TIME'
  | 'NO_PRICE'
  | 'PRICE_DIFFERS'
  | 'CONFIDENCE_DIFFERS'
  | 'SOURCES_DIFFER'

const NAMES = [
  'trace',
  'network',
  'feed',
  'signer',
  'plan',
  'round',
  'time',
  'price',
  'confidence',
  'sources',
  'rest',
] as const
type CheckName = (typeof NAMES)[number]

/** One thing that was looked at. `skipped`: it cannot be checked, or something before it failed. */
export interface QuoteCheck {
  readonly name: CheckName
  readonly outcome: 'holds' | 'fails' | 'skipped'
  readonly reason?: QuoteFault
  readonly sentence: string
}

/** What nobody signs, for people: the node that serves it may have made it up. */
export const NOT_COVERED =
  'covered by no signature: values that were dropped or left out, volumes, changedAtMs, planHash and the ' +
  'milliseconds of nowMs, as long as the same comes out'

export interface ReadQuote {
  readonly traced: QuoteTrace
  readonly signed: SignedQuote
}

export interface QuoteTerms {
  readonly domain: Domain
  readonly feedId: Hash
  readonly plan: SourcePlan
  readonly roundMs: number
  /** Undefined when nobody knows them. */
  readonly members: EpochMembers | undefined
  /** The round that was asked for, if one was. */
  readonly round?: number | undefined
}

export interface QuoteVerification {
  /** In the order in which they are made. */
  readonly checks: readonly QuoteCheck[]
  /** What the trace leads to; undefined when the trace cannot be read. */
  readonly outcome: SourceOutcome | undefined
}

/** The first thing that is wrong; that something cannot be told only when nothing is. */
export function faultOf(checks: readonly QuoteCheck[]): QuoteCheck | undefined {
  const wrong = checks.filter(({ outcome }) => outcome === 'fails')
  return wrong.find(({ reason }) => reason !== 'UNKNOWN_MEMBERS') ?? wrong[0]
}

/** The trace and the quote in it, or why they cannot be read. */
export function readQuote(value: unknown, domain: Domain): ReadQuote | QuoteCheck {
  try {
    const traced = decodeQuoteTrace(value)
    if (!isQuoteOf(domain, traced.quote))
      return fails('network', 'WRONG_NETWORK', 'its quote is of another network')
    return { traced, signed: decodeSignedQuote(domain, traced.quote) }
  } catch (error) {
    if (error instanceof TraceError) return fails('trace', 'MALFORMED', error.message)
    if (!(error instanceof DecodeError)) throw error
    return fails('trace', 'MALFORMED', `its quote is not readable: ${error.message}`)
  }
}

/** When it could not even be read: everything after that is skipped. */
export function unreadable(wrong: QuoteCheck): QuoteVerification {
  const at = NAMES.indexOf(wrong.name)
  const before = NAMES.slice(0, at).map(name => holds(name, 'it can be read'))
  const after = NAMES.slice(at + 1).map(name => skipped(name, 'there is nothing to check'))
  return { checks: [...before, wrong, ...after], outcome: undefined }
}

/** Every check, whatever the ones before it found. */
export function checkQuote(
  { traced, signed }: ReadQuote,
  terms: QuoteTerms,
  crypto: Pick<IdentityCrypto, 'recover'>,
): QuoteVerification {
  const again = recomputeQuote(traced.trace, terms.plan)
  const checks = [
    holds('trace', `it holds ${traced.trace.values.length} values of venues and a signed quote`),
    holds('network', `its quote is of chain ${terms.domain.chainId}, registry ${terms.domain.registry}`),
    feedCheck(traced, signed, terms),
    signerCheck(signed, terms, crypto),
    planCheck(traced, terms),
    roundCheck(traced, signed, terms),
    timeCheck(traced, signed),
    ...contentChecks(signed, again),
    skipped('rest', NOT_COVERED),
  ]
  return { checks, outcome: again.outcome }
}

function feedCheck({ trace }: QuoteTrace, { quote }: SignedQuote, { feedId, plan }: QuoteTerms): QuoteCheck {
  const wrong = (sentence: string) => fails('feed', 'WRONG_FEED', sentence)
  if (quote.feedId !== feedId) return wrong(`it is of the feed ${quote.feedId}, not ${plan.feed}`)
  if (trace.feed !== plan.feed) return wrong(`the trace says the feed ${trace.feed}, its quote ${plan.feed}`)
  return holds('feed', `it is of the feed ${plan.feed}`)
}

function signerCheck(
  { quote, slot, signature }: SignedQuote,
  { domain, members }: QuoteTerms,
  crypto: Pick<IdentityCrypto, 'recover'>,
): QuoteCheck {
  if (members === undefined) {
    const sentence = `the registry knows no members of key epoch ${quote.keyEpoch}: give the signer with --member`
    return fails('signer', 'UNKNOWN_MEMBERS', sentence)
  }
  const signer = crypto.recover(quoteDigest(domain, quote), signature)
  const member = members.members.find(({ identity }) => identity === signer)
  if (member === undefined)
    return fails('signer', 'WRONG_SIGNER', `${signer ?? 'nobody'} signed it, and that is none of the members`)
  if (member.slot !== undefined && member.slot !== slot) {
    const sentence = `${signer}, of slot ${member.slot}, signed it in the name of slot ${slot}`
    return fails('signer', 'WRONG_SIGNER', sentence)
  }
  const { time } = members
  const when = time === undefined ? undefined : notInForce(time, roundStartMs(quote.round))
  if (when !== undefined) {
    const sentence = `${signer} signed it as a member of key epoch ${quote.keyEpoch}, which was ${when} when the round began`
    return fails('signer', 'WRONG_KEY_EPOCH', sentence)
  }
  return holds('signer', `slot ${slot}, ${signer}, signed it`)
}

function planCheck({ planHash: said }: QuoteTrace, { plan }: QuoteTerms): QuoteCheck {
  const hash = planHash(plan)
  return said === hash
    ? holds('plan', `it was made by this plan, ${hash}`)
    : fails('plan', 'WRONG_PLAN', `it was made by another plan, ${said}; this one is ${hash}`)
}

function roundCheck(
  { round, roundMs, trace }: QuoteTrace,
  { quote }: SignedQuote,
  terms: QuoteTerms,
): QuoteCheck {
  const wrong = (sentence: string) => fails('round', 'WRONG_ROUND', sentence)
  if (terms.round !== undefined && terms.round !== quote.round)
    return wrong(`its quote is of round ${quote.round}, not of ${terms.round}`)
  if (round !== quote.round) return wrong(`the trace says round ${round}, its quote ${quote.round}`)
  if (roundMs !== terms.roundMs)
    return wrong(`the trace is of rounds of ${roundMs} ms, the network of ${terms.roundMs} ms`)
  const held = roundAt(trace.nowMs, terms.roundMs)
  if (held !== quote.round)
    return wrong(`at ${timeOf(trace.nowMs)} it was round ${held}, and its quote is of ${quote.round}`)
  return holds('round', `the node looked at ${timeOf(trace.nowMs)}, in round ${held}`)
}

function timeCheck({ trace }: QuoteTrace, { quote }: SignedQuote): QuoteCheck {
  const second = Math.floor(trace.nowMs / 1_000)
  return second === quote.observedAt
    ? holds('time', `it was observed at ${second}`)
    : fails('time', 'WRONG_TIME', `the trace was observed at ${second}, its quote says ${quote.observedAt}`)
}

function contentChecks({ quote }: SignedQuote, again: RecomputedQuote): QuoteCheck[] {
  if (again.kind === 'abstain') {
    const { reason, pair } = again.outcome
    return [
      fails('price', 'NO_PRICE', `these values give no price: ${reason} of ${pair}`),
      skipped('confidence', 'there is no price'),
      skipped('sources', 'there is no price'),
    ]
  }
  const equal = <T>(name: CheckName, reason: QuoteFault, said: T, made: T, text: (value: T) => string) =>
    said === made
      ? holds(name, `${text(made)} comes out again`)
      : fails(name, reason, `${text(made)} comes out, its quote says ${text(said)}`)
  return [
    equal('price', 'PRICE_DIFFERS', quote.price, again.price, price => `$${formatDecimal(price)}`),
    equal('confidence', 'CONFIDENCE_DIFFERS', quote.confidence, again.confidence, bps => `${bps} bps`),
    equal('sources', 'SOURCES_DIFFER', quote.sourcesRoot, again.sourcesRoot, root => `the root ${root}`),
  ]
}

function timeOf(unixMs: number): string {
  const date = new Date(unixMs)
  return Number.isNaN(date.getTime()) ? `${unixMs} ms` : date.toISOString()
}

function holds(name: CheckName, sentence: string): QuoteCheck {
  return { name, outcome: 'holds', sentence }
}

function fails(name: CheckName, reason: QuoteFault, sentence: string): QuoteCheck {
  return { name, outcome: 'fails', reason, sentence }
}

function skipped(name: CheckName, sentence: string): QuoteCheck {
  return { name, outcome: 'skipped', sentence }
}
