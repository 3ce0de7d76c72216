/** A signed quote with all that it takes to make its content again: what a node serves, and anybody can check. */
import type { Hex } from 'viem'
import { bytesOf } from '../bytes.ts'
import { type Quote, SIGNED_QUOTE_BYTES } from '../quote.ts'
import type { Round } from '../rounds.ts'
import {
  decodeTrace,
  type JsonSourceTrace,
  objectAt,
  replayTrace,
  type SourceTrace,
  TraceError,
} from './trace.ts'
import type { AbstainedFeed, PricedFeed, SourceOutcome, SourcePlan } from './types.ts'

/** As JSON. Version 1 is a {@link JsonSourceTrace} alone. */
export interface JsonQuoteTrace {
  readonly version: 2
  /** Start of the round, deciseconds: the one that the quote says, for people. */
  readonly round: Round
  /** The canonical signed bytes, as they were sent. */
  readonly quote: Hex
  /** Of the plan that the node followed: nobody signs it. */
  readonly planHash: Hex
  readonly roundMs: number
  readonly trace: JsonSourceTrace
}

export interface QuoteTrace {
  readonly round: number
  readonly quote: Uint8Array
  readonly planHash: Hex
  readonly roundMs: number
  readonly trace: SourceTrace
}

/** The part of a quote that follows from its trace and the plan. */
export type QuotedPrice = Pick<Quote, 'price' | 'confidence' | 'observedAt' | 'sourcesRoot'>

export type RecomputedQuote =
  | ({ readonly kind: 'price'; readonly outcome: PricedFeed } & QuotedPrice)
  | { readonly kind: 'abstain'; readonly outcome: AbstainedFeed }

const QUOTE_HEX = new RegExp(`^0x[0-9a-f]{${2 * SIGNED_QUOTE_BYTES}}$`)
const HASH_HEX = /^0x[0-9a-f]{64}$/
const MAX_ROUND_MS = 86_400_000

/** What a quote says of a price: nodes quote by this, and whoever checks them. */
export function quotedPriceOf(
  { price, confidenceBps }: Pick<PricedFeed, 'price' | 'confidenceBps'>,
  sourcesRoot: Hex,
  nowMs: number,
): QuotedPrice {
  return { price, confidence: confidenceBps, observedAt: Math.floor(nowMs / 1_000), sourcesRoot }
}

/** Makes the content of a quote again, bit for bit, from what its node knew; pure. */
export function recomputeQuote(trace: SourceTrace, plan: SourcePlan): RecomputedQuote {
  const { outcome, root } = replayTrace(trace, plan)
  return isPriced(outcome)
    ? { kind: 'price', outcome, ...quotedPriceOf(outcome, root, trace.nowMs) }
    : { kind: 'abstain', outcome }
}

function isPriced(outcome: SourceOutcome): outcome is PricedFeed {
  return outcome.kind === 'price'
}

/**
 * Reads a trace from anywhere. The quote's bytes are only of the right length: of which network they are is known by
 * who reads them.
 *
 * @param json the result of `JSON.parse`
 * @throws {TraceError} naming the first thing that is wrong
 */
export function decodeQuoteTrace(json: unknown): QuoteTrace {
  const it = objectAt(json, 'quote trace')
  if (it['version'] !== 2) throw new TraceError('version', '2')
  return {
    round: integer(it['round'], 2 ** 40 - 1, 'round', 'deciseconds'),
    quote: bytesOf(hex(it['quote'], QUOTE_HEX, 'quote', `${SIGNED_QUOTE_BYTES} bytes in hexadecimal`)),
    planHash: hex(it['planHash'], HASH_HEX, 'planHash', '32 bytes in hexadecimal'),
    roundMs: integer(it['roundMs'], MAX_ROUND_MS, 'roundMs', 'milliseconds'),
    trace: decodeTrace(it['trace']),
  }
}

function hex(value: unknown, shape: RegExp, path: string, expected: string): Hex {
  if (typeof value !== 'string' || !shape.test(value)) throw new TraceError(path, expected)
  return value as Hex
}

function integer(value: unknown, max: number, path: string, expected: string): number {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > max)
    throw new TraceError(path, expected)
  return value as number
}
