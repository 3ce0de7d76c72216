import type { Hex } from '../../../protocol/bytes.ts'
import { parseDecimal } from '../../../protocol/units.ts'

/** A message that does not have the shape it must have. `field` names the first part that is wrong. */
export class WireError extends Error {
  readonly code = 'BAD_FIELD'
  readonly field: string
  constructor(field: string, expected: string) {
    super(`${field} is not ${expected}`)
    this.name = 'WireError'
    this.field = field
  }
}

/** Readers for one object of JSON from outside: each returns the typed value or throws a {@link WireError}. */
export interface Fields {
  text(name: string): string
  /** A whole number from 0 that a double holds exactly. */
  count(name: string): number
  /** Milliseconds, rounded to whole ones. */
  duration(name: string): number
  flag(name: string): boolean
  /** A non-negative `bigint` written as decimal digits: an amount in its smallest unit. */
  units(name: string): bigint
  /** `0x` and exactly `bytes` bytes of hex, in lower case. */
  hex(name: string, bytes: number): Hex
  texts(name: string, max: number): string[]
  hexes(name: string, bytes: number, max: number): Hex[]
  counts(name: string, max: number): number[]
  objects(name: string, max: number): Fields[]
  object(name: string): Fields
  /** A non-negative decimal, `2.411`, with 18 decimals. */
  decimal(name: string): bigint
  has(name: string): boolean
  /** What `read` makes of the field; `null` when it is missing or null: not known yet. */
  known<T>(name: string, read: (name: string) => T): T | null
}

/** 2^256 has 78 digits; anything longer is no amount and would only cost time. */
const MAX_UNIT_DIGITS = 78
/** The largest price there can be has 7 digits before the point. */
const DECIMAL = /^\d{1,30}(\.\d{1,18})?$/
/** The longest texts are URLs. */
const MAX_TEXT = 2000

export function fieldsOf(value: unknown, path: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new WireError(path, 'an object')
  const entries = new Map<string, unknown>(Object.entries(value))
  const at = (name: string) => `${path}.${name}`
  const list = (name: string, max: number): unknown[] => {
    const found = entries.get(name)
    if (!Array.isArray(found) || found.length > max) throw new WireError(at(name), `a list of at most ${max}`)
    return found
  }

  const fields: Fields = {
    text: name => textOf(entries.get(name), at(name)),
    count: name => countOf(entries.get(name), at(name)),
    duration(name) {
      const found = entries.get(name)
      if (typeof found !== 'number' || !(found >= 0)) throw new WireError(at(name), 'a duration')
      return Math.round(found)
    },
    flag(name) {
      const found = entries.get(name)
      if (typeof found !== 'boolean') throw new WireError(at(name), 'true or false')
      return found
    },
    units(name) {
      const found = fields.text(name)
      if (!/^\d+$/.test(found) || found.length > MAX_UNIT_DIGITS)
        throw new WireError(at(name), 'a whole number')
      return BigInt(found)
    },
    hex: (name, bytes) => hexOf(entries.get(name), bytes, at(name)),
    hexes: (name, bytes, max) =>
      list(name, max).map((entry, index) => hexOf(entry, bytes, `${at(name)}[${index}]`)),
    texts: (name, max) => list(name, max).map((entry, index) => textOf(entry, `${at(name)}[${index}]`)),
    counts: (name, max) => list(name, max).map((entry, index) => countOf(entry, `${at(name)}[${index}]`)),
    objects: (name, max) => list(name, max).map((entry, index) => fieldsOf(entry, `${at(name)}[${index}]`)),
    object: name => fieldsOf(entries.get(name), at(name)),
    decimal(name) {
      const found = fields.text(name)
      if (!DECIMAL.test(found)) throw new WireError(at(name), 'a decimal number')
      return parseDecimal(found)
    },
    known: (name, read) => (fields.has(name) ? read(name) : null),
    has: name => entries.get(name) !== undefined && entries.get(name) !== null,
  }
  return fields
}

function textOf(value: unknown, path: string): string {
  if (typeof value !== 'string' || value.length > MAX_TEXT) throw new WireError(path, 'a text')
  return value
}

function hexOf(value: unknown, bytes: number, path: string): Hex {
  const digits = /^0x([0-9a-f]*)$/.exec(textOf(value, path).toLowerCase())?.[1]
  if (digits?.length !== 2 * bytes) throw new WireError(path, `${bytes} bytes`)
  return `0x${digits}`
}

function countOf(value: unknown, path: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new WireError(path, 'a count')
  return value
}
