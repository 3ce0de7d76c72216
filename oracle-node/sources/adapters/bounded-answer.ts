import type { Adapter } from './adapter.ts'
import { TooLargeError } from './errors.ts'

/** Of one list in an answer: each market costs an adapter time, however short it is. */
export const MAX_LIST_LENGTH = 6_000
/** No venue sends half as many; prices have 18 decimals here. */
export const MAX_DIGITS = 80
export const MAX_EXPONENT = 99

/** How deep in an answer adapters look for lists. */
const LIST_DEPTH = 3

/** @throws {TooLargeError} when a list in an answer has more entries than {@link MAX_LIST_LENGTH} */
export function refuseLongLists(value: unknown, depth = LIST_DEPTH): void {
  if (typeof value !== 'object' || value === null) return
  const members = Object.values(value)
  if (members.length > MAX_LIST_LENGTH) throw new TooLargeError('a list', MAX_LIST_LENGTH, 'entries')
  if (depth > 1) for (const member of members) refuseLongLists(member, depth - 1)
}

/**
 * Takes out of an answer what reads as a number of more than {@link MAX_DIGITS} digits, or with an exponent beyond
 * {@link MAX_EXPONENT}: ccxt computes with text that a venue sent, and of `1e-30000000` makes a number of thirty million
 * digits, for seconds, while nothing else runs. Nothing else is lost by it: an id may look so, too.
 */
export function blankLongNumbers(answer: unknown): void {
  if (typeof answer !== 'object' || answer === null) return
  const members = answer as Record<string, unknown>
  // Of every frame: nothing is made on the way.
  for (const name in members) {
    const member = members[name]
    if (typeof member === 'string' && isLongNumber(member)) members[name] = null
    else blankLongNumbers(member)
  }
}

/**
 * ccxt writes out how many decimals a market has, zero by zero: `20000000` of them, in a list of a few hundred bytes, end
 * the process.
 */
export function refuseLongPrecisions(adapter: Adapter): void {
  const parsePrecision = adapter.parsePrecision.bind(adapter)
  adapter.parsePrecision = told => {
    // biome-ignore lint/correctness/useParseIntRadix: as ccxt does, which so takes hexadecimal ones too
    refuseLongPrecision(Number.parseInt(String(told)) || 0)
    return parsePrecision(told)
  }
  const toAmount = adapter.integerPrecisionToAmount.bind(adapter)
  adapter.integerPrecisionToAmount = told => {
    refuseLongPrecision(told === undefined ? 0 : Number(told))
    return toAmount(told)
  }
}

function refuseLongPrecision(digits: number): void {
  if (!(Math.abs(digits) <= MAX_EXPONENT)) throw new TooLargeError('a precision', MAX_EXPONENT, 'digits')
}

/** Read as ccxt's `Precise` does: up to the first `e`, and after it whatever `parseInt` takes for a number. */
function isLongNumber(text: string): boolean {
  const at = text.search(/e/i)
  if (at === -1 && text.length <= MAX_DIGITS) return false
  const mantissa = at === -1 ? text : text.slice(0, at)
  // biome-ignore lint/correctness/useParseIntRadix: as `Precise` does, which so takes hexadecimal ones too
  const exponent = at === -1 ? 0 : Number.parseInt(text.slice(at + 1))
  if (mantissa.length <= MAX_DIGITS && !(Math.abs(exponent) > MAX_EXPONENT)) return false
  return !Number.isNaN(Number(mantissa.replace('.', '')))
}
