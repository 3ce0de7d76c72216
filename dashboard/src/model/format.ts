import { formatDecimal } from '../../../protocol/units.ts'

/** For what is not known yet. */
export const NOTHING = '–'

/**
 * An 18-decimal value with exactly `digits` decimals, cut towards zero, thousands grouped: what is shown is
 * never more than what is there. The exact value belongs into a tooltip.
 */
export function shown(value: bigint, digits: number): string {
  const [whole = '0', fraction = ''] = formatDecimal(value).split('.')
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',')
  return digits === 0 ? grouped : `${grouped}.${fraction.slice(0, digits).padEnd(digits, '0')}`
}

/** Decimals for a price of this size, so that a tenth of a basis point is visible. */
export function priceDigits(price: bigint): number {
  const whole = formatDecimal(price).split('.')[0] ?? '0'
  if (whole !== '0') return Math.max(2, 6 - whole.length)
  const zeros = /^0*/.exec(formatDecimal(price).split('.')[1] ?? '')?.[0].length ?? 0
  return Math.min(18, zeros + 6)
}

export function shownPrice(price: bigint): string {
  return shown(price, priceDigits(price))
}

/** Signed distance of `value` from `reference` in tenths of a basis point, cut towards zero. */
export function offsetTenths(value: bigint, reference: bigint): bigint {
  return reference === 0n ? 0n : ((value - reference) * 100_000n) / reference
}

/** `12n` → `+1.2`. The minus is the typographic one, as wide as the plus. */
export function shownTenths(tenths: bigint): string {
  const magnitude = tenths < 0n ? -tenths : tenths
  const sign = tenths === 0n ? '' : tenths < 0n ? '−' : '+'
  return `${sign}${magnitude / 10n}.${magnitude % 10n}`
}

/** `0.4 s`, `12 s`, `3 min`, `2 h`: how long ago. */
export function shownAge(ageMs: number): string {
  if (ageMs < 9_950) return `${(Math.max(0, ageMs) / 1000).toFixed(1)} s`
  if (ageMs < 120_000) return `${Math.floor(ageMs / 1000)} s`
  if (ageMs < 7_200_000) return `${Math.floor(ageMs / 60_000)} min`
  return `${Math.floor(ageMs / 3_600_000)} h`
}

/** Local time of day, `15:04:05`. */
export function shownTime(unixMs: number): string {
  const date = new Date(unixMs)
  return [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map(part => `${part}`.padStart(2, '0'))
    .join(':')
}

/** `0x12ab…90cd` */
export function shownHex(hex: string): string {
  return hex.length <= 12 ? hex : `${hex.slice(0, 6)}…${hex.slice(-4)}`
}

/** `value` as a part of `whole`, a CSS length in percent cut at the second decimal. For drawing only. */
export function percentOf(value: bigint, whole: bigint): string {
  if (whole <= 0n || value <= 0n) return '0%'
  const hundredths = ((value < whole ? value : whole) * 10_000n) / whole
  return `${hundredths / 100n}.${(hundredths % 100n).toString().padStart(2, '0')}%`
}

/** Bytes in the unit one would say: `412 B`, `12.4 kB`, `3.1 MB`. */
export function shownBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`
  return bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`
}

/** A whole number with its thousands grouped. */
export function shownCount(count: number): string {
  return count.toLocaleString('en')
}
