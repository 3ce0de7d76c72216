/** Entries of a recording as lines of JSON, and back. The columns are in the README. */
import type { RawTicker } from '../sources/exchange.ts'
import type { TappedTicker } from '../sources/pipeline.ts'
import type { RecordEntry } from './record.ts'

/** One more than `parseDecimal` reads: what is cut here is refused there as it would have been whole. */
const MAX_NUMBER_CHARS = 121
const MAX_NAME_CHARS = 64
const HASH_BYTES = 32
/** What a time that is none becomes: refused at the door as it would have been. */
const NO_TIME = -1
/**
 * In one block. A round lasts 200 ms at least and a block a second: this is for writers on a time that does not pass.
 * Each quote is a line of the replay, a hundred times as long as its entry: whoever reads must have a bound.
 */
export const MAX_BLOCK_QUOTES = 1_000

/** Without the line's end. Bounded, whatever the venue sent. */
export function encodeEntry(entry: RecordEntry): string {
  if (entry.kind === 'observe') return JSON.stringify(['o', entry.round, entry.nowMs])
  if (entry.kind === 'gap') return JSON.stringify(['g', entry.missing])
  return encodeTicker(entry.tapped)
}

function encodeTicker({ venue, pair, transport, requestedAtMs, ticker }: TappedTicker): string {
  const { symbol, bid, ask, last, baseVolume, exchangeTimeMs, receivedAtMs, frame } = ticker
  return JSON.stringify([
    transport === 'websocket' ? 'w' : 'r',
    venue,
    pair,
    requestedAtMs,
    receivedAtMs,
    exchangeTimeMs === null || isTime(exchangeTimeMs) ? exchangeTimeMs : NO_TIME,
    cut(bid),
    cut(ask),
    cut(last),
    cut(baseVolume),
    frame === undefined ? null : Buffer.from(frame).toString('base64'),
    ...(symbol === pair ? [] : [symbol.slice(0, MAX_NAME_CHARS)]),
  ])
}

function cut(number: string | undefined): string | null {
  return number === undefined ? null : number.slice(0, MAX_NUMBER_CHARS)
}

/**
 * The entries of a block.
 *
 * @throws {TypeError} for a line that {@link encodeEntry} does not write
 * @throws {RangeError} for more quotes than {@link MAX_BLOCK_QUOTES}
 */
export function decodeEntries(text: string): RecordEntry[] {
  let quotes = 0
  return text.split('\n').map(line => {
    const entry = decodeEntry(line)
    if (entry.kind === 'observe') quotes += 1
    if (quotes > MAX_BLOCK_QUOTES) throw new RangeError('more quotes in a block than there can be')
    return entry
  })
}

/** @throws {TypeError} for a line that {@link encodeEntry} does not write */
export function decodeEntry(line: string): RecordEntry {
  const row: unknown = JSON.parse(line)
  if (!Array.isArray(row)) throw new TypeError('an entry is a list')
  const cells: readonly unknown[] = row
  if (cells[0] === 'o') return { kind: 'observe', round: timeOf(cells[1]), nowMs: timeOf(cells[2]) }
  if (cells[0] === 'g') return { kind: 'gap', missing: timeOf(cells[1]) }
  return { kind: 'ticker', tapped: decodeTicker(cells) }
}

function decodeTicker(cells: readonly unknown[]): TappedTicker {
  const [kind, venue, pair, requestedAt, receivedAt, exchangeTime, bid, ask, last, volume, frame, symbol] =
    cells
  if (kind !== 'w' && kind !== 'r') throw new TypeError('an entry of an unknown kind')
  const pairName = nameOf(pair)
  const ticker: RawTicker = {
    symbol: symbol === undefined ? pairName : nameOf(symbol),
    ...(bid === null ? {} : { bid: numberOf(bid) }),
    ...(ask === null ? {} : { ask: numberOf(ask) }),
    ...(last === null ? {} : { last: numberOf(last) }),
    ...(volume === null ? {} : { baseVolume: numberOf(volume) }),
    exchangeTimeMs: exchangeTime === null || exchangeTime === NO_TIME ? exchangeTime : timeOf(exchangeTime),
    receivedAtMs: timeOf(receivedAt),
    ...(frame === null ? {} : { frame: hashOf(frame) }),
  }
  return {
    venue: nameOf(venue),
    pair: pairName,
    transport: kind === 'w' ? 'websocket' : 'rest',
    requestedAtMs: requestedAt === null ? null : timeOf(requestedAt),
    ticker,
  }
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function timeOf(value: unknown): number {
  if (!isTime(value)) throw new TypeError('a time is a whole number')
  return value
}

function nameOf(value: unknown): string {
  if (typeof value !== 'string' || value.length > MAX_NAME_CHARS)
    throw new TypeError('a name is a short text')
  return value
}

function numberOf(value: unknown): string {
  if (typeof value !== 'string' || value.length > MAX_NUMBER_CHARS)
    throw new TypeError('a number is a short text')
  return value
}

function hashOf(value: unknown): Uint8Array {
  const bytes = typeof value === 'string' && value.length <= 44 ? Buffer.from(value, 'base64') : undefined
  if (bytes?.length !== HASH_BYTES) throw new TypeError('a hash has 32 bytes')
  return bytes
}
