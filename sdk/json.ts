/** Reads values from JSON that a service sent. What is not as it should be throws; see {@link parseAnswer} in http.ts. */
import type { Address, Hash, Hex } from '../protocol/bytes.ts'

export type JsonObject = Readonly<Record<string, unknown>>

const HEX = /^0x([0-9a-f]{2})*$/
const DECIMAL = /^\d{1,78}$/

export function objectOf(value: unknown): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('no object')
  return value as JsonObject
}

export function textField(from: JsonObject, name: string): string {
  const value = from[name]
  if (typeof value !== 'string') throw new TypeError(`${name} is no text`)
  return value
}

/** A whole number from 0 that a double holds exactly. */
export function countField(from: JsonObject, name: string): number {
  const value = from[name]
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new TypeError(`${name} is no count`)
  return value
}

/** Wei and units travel as decimal digits. */
export function integerField(from: JsonObject, name: string): bigint {
  const value = textField(from, name)
  if (!DECIMAL.test(value)) throw new TypeError(`${name} is no decimal number`)
  return BigInt(value)
}

/** Lower-case hexadecimal; of `bytes` bytes, where that is given. */
export function hexField(from: JsonObject, name: string, bytes?: number): Hex {
  return hexValue(from[name], name, bytes)
}

export function hashField(from: JsonObject, name: string): Hash {
  return hexField(from, name, 32)
}

export function addressField(from: JsonObject, name: string): Address {
  return hexField(from, name, 20)
}

export function listField<T>(
  from: JsonObject,
  name: string,
  maxLength: number,
  read: (item: unknown) => T,
): T[] {
  const value = from[name]
  if (!Array.isArray(value) || value.length > maxLength)
    throw new TypeError(`${name} is no list of at most ${maxLength}`)
  return value.map(read)
}

/** Siblings of a Merkle proof: a tree of 2^64 leaves has no more. */
export function proofField(from: JsonObject, name: string): Hex[] {
  return listField(from, name, 64, item => hexValue(item, name, 32))
}

function hexValue(value: unknown, name: string, bytes: number | undefined): Hex {
  const fits = typeof value === 'string' && HEX.test(value)
  if (!fits || (bytes !== undefined && value.length !== 2 + 2 * bytes))
    throw new TypeError(`${name} is not ${bytes ?? 'some'} bytes in hexadecimal`)
  return value as Hex
}
