import { InvalidArgumentError } from 'commander'
import type { Address } from '../protocol/bytes.ts'
import { parseDecimal, type Wei } from '../protocol/units.ts'

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** `500ms`, `60s`, `2m`, `1h` → milliseconds. */
export function duration(text: string): number {
  const [, amount, unit] = /^(\d{1,6}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(text) ?? []
  const unitMs = UNIT_MS[unit ?? '']
  if (amount === undefined || unitMs === undefined) {
    throw new InvalidArgumentError('Give a time such as 500ms, 60s, 2m or 1h.')
  }
  return Math.round(Number(amount) * unitMs)
}

/** A whole number within bounds. */
export function integer(min: number, max: number): (text: string) => number {
  return text => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= min && value <= max)) {
      throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`)
    }
    return value
  }
}

/** A positive amount of a token, such as `10` or `0.25` → wei. */
export function amount(text: string): Wei {
  const value = /^\d+(\.\d+)?$/.test(text) && text.length <= 60 ? parseDecimal(text) : 0n
  if (value <= 0n) throw new InvalidArgumentError('Give a positive amount such as 10 or 0.25.')
  return value as Wei
}

/** An http or https address. */
export function url(text: string): string {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) {
    throw new InvalidArgumentError('Give an address such as http://127.0.0.1:8545.')
  }
  return text
}

/** An address of 20 bytes → lower case. */
export function address(text: string): Address {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) throw new InvalidArgumentError('Give 0x and 40 hexadecimal digits.')
  return text.toLowerCase() as Address
}

/** The x coordinate of a public key, 32 bytes in hexadecimal with or without 0x. */
export function key(text: string): bigint {
  const [, digits] = /^(?:0x)?([0-9a-fA-F]{64})$/.exec(text) ?? []
  if (digits === undefined) throw new InvalidArgumentError('Give 64 hexadecimal digits.')
  return BigInt(`0x${digits}`)
}
