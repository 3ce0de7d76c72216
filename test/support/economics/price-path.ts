/** A market price by the minute, from a seed, in integers alone: the same on every machine. */
import { ONE } from '../../../protocol/units.ts'

export const MINUTES_PER_DAY = 1_440
const BILLION = 1_000_000_000n

/** Parts of a billion a minute: 100% a year, as √(365·1,440) minutes go. */
const VOLATILITY_PPB = 1_379_000
/** One jump a week, on average, of 6% by standard deviation. */
const JUMP_EVERY = 7 * MINUTES_PER_DAY
const JUMP_PPB = 60_000_000

/** Uniform in 32 bits (mulberry32). */
export function integersFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}

/** USD·1e18 at the end of each minute; it starts at a dollar. */
export function pricePath(days: number, seed: number): bigint[] {
  const next = integersFrom(seed)
  /** Twelve uniform numbers of 16 bits: their sum has a standard deviation of 2^16, and is bell-shaped. */
  const normalPpb = (deviationPpb: number): number => {
    let sum = -6 * 65_536
    for (let i = 0; i < 12; i++) sum += next() >>> 16
    return Math.trunc((sum * deviationPpb) / 65_536)
  }
  const path: bigint[] = []
  let price = ONE
  for (let minute = 0; minute < days * MINUTES_PER_DAY; minute++) {
    const jump = next() % JUMP_EVERY === 0 ? normalPpb(JUMP_PPB) : 0
    price = (price * (BILLION + BigInt(normalPpb(VOLATILITY_PPB) + jump))) / BILLION
    path.push(price)
  }
  return path
}
