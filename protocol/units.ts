/**
 * Fixed point: the only arithmetic for money and prices.
 *
 * Prices and amounts are `bigint` with 18 decimals. Floats never cross a module: a venue's string is parsed
 * here, at the door, and nothing is ever turned back into a number for a decision.
 */

declare const brand: unique symbol
type Brand<T, Name extends string> = T & { readonly [brand]: Name }

/** USD (or a quote currency) per unit, 18 decimals. */
export type Price = Brand<bigint, 'Price'>
/** An amount of a token in its smallest unit, 18 decimals. */
export type Wei = Brand<bigint, 'Wei'>
/** Hundredths of a percent. */
export type Bps = Brand<number, 'Bps'>

export const DECIMALS = 18
export const ONE = 10n ** 18n
export const BPS = 10_000n

/** The highest price a report can carry: 80 bits. A price above it is abstained from, never clamped. */
export const MAX_PRICE = (1n << 80n) - 1n

export class DecimalError extends Error {
  readonly code = 'BAD_DECIMAL'
  readonly input: string
  constructor(input: string, reason: string) {
    super(`"${input.slice(0, 60)}" is not a decimal number: ${reason}`)
    this.name = 'DecimalError'
    this.input = input
  }
}

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/
/** Longer strings are not prices; the bound keeps hostile input from costing time. */
const MAX_DECIMAL_LENGTH = 120
/** 10^±60 covers every real price and keeps the power of ten small. */
const MAX_EXPONENT = 60

/**
 * Parses a decimal string (sign, fraction, exponent) to 18 decimals, exactly. Digits past the 18th are cut
 * towards zero.
 *
 * @throws {DecimalError} when the text is not a decimal number or is out of bounds
 */
export function parseDecimal(text: string): bigint {
  if (text.length > MAX_DECIMAL_LENGTH) throw new DecimalError(text, 'too long')
  const match = DECIMAL.exec(text)
  if (match === null) throw new DecimalError(text, 'unexpected characters')
  const [, sign, whole = '', fraction = '', exponentText = '0'] = match
  if (whole === '' && fraction === '') throw new DecimalError(text, 'no digits')
  const exponent = Number(exponentText)
  if (Math.abs(exponent) > MAX_EXPONENT) throw new DecimalError(text, 'exponent out of range')

  const digits = BigInt(whole + fraction)
  const shift = DECIMALS + exponent - fraction.length
  const magnitude = shift >= 0 ? digits * 10n ** BigInt(shift) : digits / 10n ** BigInt(-shift)
  return sign === '-' ? -magnitude : magnitude
}

/** The exact decimal string of an 18-decimal value, without trailing zeros: `1500000000000000000n` → `"1.5"`. */
export function formatDecimal(value: bigint): string {
  const magnitude = value < 0n ? -value : value
  const fraction = (magnitude % ONE).toString().padStart(DECIMALS, '0').replace(/0+$/, '')
  const whole = (magnitude / ONE).toString()
  return `${value < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`
}

/** ⌊a·b / c⌋ for non-negative operands. */
export function mulDivDown(a: bigint, b: bigint, c: bigint): bigint {
  return (a * b) / c
}

/** ⌈a·b / c⌉ for non-negative operands. */
export function mulDivUp(a: bigint, b: bigint, c: bigint): bigint {
  const product = a * b
  return product === 0n ? 0n : (product - 1n) / c + 1n
}

/** Distance of `value` from `reference` in whole basis points, rounded up. `reference` must be positive. */
export function distanceBps(value: bigint, reference: bigint): bigint {
  const difference = value > reference ? value - reference : reference - value
  return mulDivUp(difference, BPS, reference)
}

/** IOSD made by burning `io` at `price`: ⌊io · price⌋ (`ECONOMICS`: no spread, no bias; rounding favours nobody but the last wei). */
export function iosdForIo(io: Wei, price: Price): Wei {
  return mulDivDown(io, price, ONE) as Wei
}

/** IO that must be burned for `iosd` at `price`: ⌈iosd / price⌉. `price` must be positive. */
export function ioForIosd(iosd: Wei, price: Price): Wei {
  return mulDivUp(iosd, ONE, price) as Wei
}
