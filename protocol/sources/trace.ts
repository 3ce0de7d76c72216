/** What a node keeps of a quote so that anybody can make the same quote again. */
import type { Hex } from 'viem'
import { formatDecimal } from '../units.ts'
import { aggregateSources } from './aggregate.ts'
import { sourcesRoot } from './commitment.ts'
import type { SourceOutcome, SourcePlan, VenueValue } from './types.ts'

/** Every value that the node held, those that it dropped included, and the time it looked. */
export interface SourceTrace {
  readonly feed: string
  readonly nowMs: number
  readonly values: readonly VenueValue[]
}

/** {@link VenueValue} with prices as decimal strings. */
export interface JsonVenueValue {
  readonly venue: string
  readonly pair: string
  readonly bid: string | null
  readonly ask: string | null
  readonly last: string | null
  readonly volume: string | null
  readonly exchangeTimeMs: number | null
  readonly receivedAtMs: number
  readonly changedAtMs: number
}

/** {@link SourceTrace} as plain JSON. */
export interface JsonSourceTrace {
  readonly version: 1
  readonly feed: string
  readonly nowMs: number
  readonly values: readonly JsonVenueValue[]
}

export class TraceError extends Error {
  readonly code = 'BAD_TRACE'
  readonly path: string
  constructor(path: string, expected: string) {
    super(`the trace is not readable: ${path} should be ${expected}`)
    this.name = 'TraceError'
    this.path = path
  }
}

/** Most that a network file can ask for, 32 legs over 100 venues each (`config/sources.ts`); more is no trace of a node. */
const MAX_VALUES = 3_200
/** Names reach terminals. */
const NAME = /^[\x21-\x7e]{1,64}$/
/**
 * As `formatDecimal` writes it. More digits than a node lets in: what is too large for a price is said of the value, by
 * `screen`, and does not make the trace unreadable.
 */
const EXACT_DECIMAL = /^(-?)(\d{1,200})(?:\.(\d{1,18}))?$/

/** The outcome and root that the trace leads to. Compare them with the quote. */
export function replayTrace(trace: SourceTrace, plan: SourcePlan): { outcome: SourceOutcome; root: Hex } {
  const outcome = aggregateSources(trace.values, plan, trace.nowMs)
  return { outcome, root: sourcesRoot(outcome) }
}

/** Values leave in the order they came. */
export function encodeTrace({ feed, nowMs, values }: SourceTrace): JsonSourceTrace {
  return { version: 1, feed, nowMs, values: values.map(encodeValue) }
}

/** One value as plain JSON, for traces and APIs. */
export function encodeValue(value: VenueValue): JsonVenueValue {
  return {
    venue: value.venue,
    pair: value.pair,
    bid: decimalOrNull(value.bid),
    ask: decimalOrNull(value.ask),
    last: decimalOrNull(value.last),
    volume: decimalOrNull(value.volume),
    exchangeTimeMs: value.exchangeTimeMs,
    receivedAtMs: value.receivedAtMs,
    changedAtMs: value.changedAtMs,
  }
}

function decimalOrNull(value: bigint | null): string | null {
  return value === null ? null : formatDecimal(value)
}

/**
 * Reads a trace from anywhere.
 *
 * @param json the result of `JSON.parse`
 * @throws {TraceError} naming the first thing that is wrong
 */
export function decodeTrace(json: unknown): SourceTrace {
  const trace = objectAt(json, 'trace')
  if (trace['version'] !== 1) throw new TraceError('version', '1')
  const values = trace['values']
  if (!Array.isArray(values) || values.length > MAX_VALUES) {
    throw new TraceError('values', `a list of at most ${MAX_VALUES}`)
  }
  return {
    feed: name(trace['feed'], 'feed'),
    nowMs: time(trace['nowMs'], 'nowMs'),
    values: values.map((value: unknown, index) => decodeValue(value, `values.${index}`)),
  }
}

function decodeValue(json: unknown, path: string): VenueValue {
  const value = objectAt(json, path)
  const exchangeTime = value['exchangeTimeMs']
  return {
    venue: name(value['venue'], `${path}.venue`),
    pair: name(value['pair'], `${path}.pair`),
    bid: price(value['bid'], `${path}.bid`),
    ask: price(value['ask'], `${path}.ask`),
    last: price(value['last'], `${path}.last`),
    volume: price(value['volume'], `${path}.volume`),
    exchangeTimeMs: exchangeTime === null ? null : time(exchangeTime, `${path}.exchangeTimeMs`),
    receivedAtMs: time(value['receivedAtMs'], `${path}.receivedAtMs`),
    changedAtMs: time(value['changedAtMs'], `${path}.changedAtMs`),
  }
}

/** A JSON object, and nothing else that JavaScript calls one. @throws {TraceError} with `path` otherwise */
export function objectAt(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TraceError(path, 'an object')
  return value as Record<string, unknown>
}

function name(value: unknown, path: string): string {
  if (typeof value !== 'string' || !NAME.test(value)) {
    throw new TraceError(path, 'a text of 1 to 64 printable characters')
  }
  return value
}

function time(value: unknown, path: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new TraceError(path, 'milliseconds')
  return value as number
}

function price(value: unknown, path: string): bigint | null {
  if (value === null) return null
  const match = typeof value === 'string' ? EXACT_DECIMAL.exec(value) : null
  if (match === null) throw new TraceError(path, 'a decimal string or null')
  const [, sign, whole = '', fraction = ''] = match
  const magnitude = BigInt(whole + fraction.padEnd(18, '0'))
  return sign === '-' ? -magnitude : magnitude
}
