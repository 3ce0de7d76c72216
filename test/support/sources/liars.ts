import { MAX_VENUE_PRICE } from '../../../protocol/sources/screen.ts'
import type { LegPlan, SourcePlan, VenueValue } from '../../../protocol/sources/types.ts'
import { mulDivDown, ONE } from '../../../protocol/units.ts'
import { aLeg, NOW_MS } from './build.ts'

/** Fewest and most independent venues of a leg. */
export const K = { min: 3, max: 31 } as const

/** Prices of which none is above `highest` or below `lowest`. */
export interface Range {
  readonly lowest: bigint
  readonly highest: bigint
}

/** A plan, what its venues say, and between which prices the honest ones lie. */
export interface LiarsCase {
  readonly plan: SourcePlan
  readonly values: readonly VenueValue[]
  /** What the honest venues say of each leg. */
  readonly honest: ReadonlyMap<string, Range>
}

/** Whole numbers from a seed; the same on every machine. */
export class Dice {
  #state: number
  constructor(seed: number) {
    this.#state = seed | 0
  }
  /** Uniform in [0, sides). */
  roll(sides: number): number {
    // splitmix32
    this.#state = (this.#state + 0x9e3779b9) | 0
    let t = this.#state ^ (this.#state >>> 16)
    t = Math.imul(t, 0x21f0aaad)
    t ^= t >>> 15
    t = Math.imul(t, 0x735a2d97)
    return ((t ^ (t >>> 15)) >>> 0) % sides
  }
  isOneIn(sides: number): boolean {
    return this.roll(sides) === 0
  }
  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.roll(items.length)] ?? items[0]
  }
  /** Uniform in [lowest, lowest + 2^62). */
  far(): bigint {
    return (BigInt(this.roll(0x4000_0000)) << 32n) | BigInt(this.roll(0x1_0000_0000))
  }
}

/** Ways to the feed: one leg, crossed, through an inverted leg, and all three at once. */
const DIRECT = ['IO/USD']
const CROSSED = ['IO/USDT', 'USDT/USD']
const INVERTED = ['IO/KRW', 'USDT/KRW', 'USDT/USD']
const SHAPES: readonly [string[][], ...string[][][]] = [
  [DIRECT],
  [DIRECT],
  [CROSSED],
  [CROSSED],
  [INVERTED],
  [DIRECT, CROSSED, INVERTED],
]

/**
 * One case: in each leg k independent venues, of which at most ⌊(k−1)/2⌋ lie as they like. Honest venues agree, are
 * scattered or say the same; liars stand together or alone, near the honest or absurd, and say things twice.
 *
 * @param more liars than that in each leg: to see that the bound is one
 */
export function liarsCase(dice: Dice, more = 0): LiarsCase {
  const routes = dice.pick(SHAPES)
  const honest = new Map<string, Range>()
  const values: VenueValue[] = []
  const legs = [...new Set(routes.flat())].map(pair => {
    const made = legCase(dice, pair, more)
    honest.set(pair, made.honest)
    for (const value of made.values) values.push(value)
    return made.leg
  })
  return { plan: { feed: 'IO/USD', legs, routes }, values, honest }
}

function legCase(dice: Dice, pair: string, more: number) {
  const k = K.min + dice.roll(K.max - K.min + 1)
  const most = Math.floor((k - 1) / 2)
  const liars = more > 0 ? most + more : dice.isOneIn(2) ? most : dice.roll(most + 1)
  const seats: { id: string; group: string }[] = []
  const values: VenueValue[] = []
  const truth = truthTeller(dice)
  let lowest: bigint | undefined
  let highest: bigint | undefined
  for (let group = liars; group < k; group++) {
    // Now and then two venues of one owner.
    for (let member = dice.isOneIn(8) ? 2 : 1; member > 0; member--) {
      const seat = { id: `h${group}-${member}`, group: `g${group}` }
      const price = truth()
      seats.push(seat)
      sayHonestly(dice, seat.id, pair, price, values)
      if (lowest === undefined || price < lowest) lowest = price
      if (highest === undefined || price > highest) highest = price
    }
  }
  const range = { lowest: lowest ?? 1n, highest: highest ?? 1n }
  const together = dice.isOneIn(2) ? lie(dice, range) : undefined
  for (let group = 0; group < liars; group++) {
    for (let member = dice.isOneIn(8) ? 3 : 1; member > 0; member--) {
      const seat = { id: `l${group}-${member}`, group: `g${group}` }
      seats.push(seat)
      for (let times = dice.isOneIn(8) ? 3 : 1; times > 0; times--) {
        values.push(lieOnce(dice, seat.id, pair, together ?? lie(dice, range), range))
      }
    }
  }
  const leg: LegPlan = {
    ...aLeg([], { pair, venues: seats, minSources: 1, bandBps: 1 + dice.roll(9_999) }),
    ...(pair === 'USDT/USD' && dice.isOneIn(2) ? { peg: { bandBps: 1 + dice.roll(9_999) } } : {}),
  }
  return { leg, values, honest: range }
}

/** Honest prices of one leg: close together, anywhere, or few of them many times. */
function truthTeller(dice: Dice): () => bigint {
  const kind = dice.roll(4)
  const centre = dice.isOneIn(2) ? ONE : 1n + dice.far() * BigInt(1 + dice.roll(1_000))
  if (kind === 0) return () => centre
  if (kind === 1) return () => centre + BigInt(dice.roll(3))
  if (kind === 2) return () => 1n + dice.far()
  return () => centre + (centre * BigInt(dice.roll(200))) / 10_000n
}

/** A price, its venue's way: a last price, a book around it, or both; now and then after an older value, or twice. */
function sayHonestly(dice: Dice, venue: string, pair: string, price: bigint, values: VenueValue[]): void {
  const way = dice.roll(4)
  const half = price / 10_000n
  const book = way === 0 ? { bid: null, ask: null } : { bid: price - half, ask: price + half }
  const value = aValue(venue, pair, book.bid, book.ask, way === 1 ? null : price, NOW_MS - 100)
  values.push(value)
  if (dice.isOneIn(8)) values.push({ ...value })
  if (dice.isOneIn(8)) {
    values.push(aValue(venue, pair, price * 2n, price * 2n, price * 2n, NOW_MS - 200))
  }
}

/** What a liar wants: absurd, just outside, just inside, or what somebody else says. */
function lie(dice: Dice, { lowest, highest }: Range): bigint {
  switch (dice.roll(14)) {
    case 0:
      return 1n
    case 1:
      return MAX_VENUE_PRICE
    case 2:
      return MAX_VENUE_PRICE + 1n
    case 3:
      return 0n
    case 4:
      return -highest
    case 5:
      return lowest
    case 6:
      return highest
    case 7:
      return lowest - 1n
    case 8:
      return highest + 1n
    case 9:
      return (lowest + highest) / 2n
    case 10:
      return highest * 2n
    case 11:
      return lowest / 2n
    case 12:
      return (highest * BigInt(1 + dice.roll(20_000))) / 10_000n
    default:
      return dice.far()
  }
}

/** With whatever a liar may say besides. */
function lieOnce(dice: Dice, venue: string, pair: string, price: bigint, range: Range): VenueValue {
  const value = aValue(venue, pair, price, price, price, NOW_MS - 100)
  switch (dice.roll(12)) {
    case 0:
      return { ...value, bid: null, ask: null }
    case 1:
      return { ...value, last: null }
    case 2:
      return { ...value, bid: null, last: null }
    case 3:
      return { ...value, bid: lie(dice, range), ask: lie(dice, range) }
    case 4:
      return { ...value, receivedAtMs: NOW_MS - dice.roll(20_000) }
    case 5:
      return { ...value, exchangeTimeMs: NOW_MS + dice.roll(4_000) - dice.roll(70_000) }
    case 6:
      return { ...value, volume: 0n }
    default:
      return value
  }
}

function aValue(
  venue: string,
  pair: string,
  bid: bigint | null,
  ask: bigint | null,
  last: bigint | null,
  receivedAtMs: number,
): VenueValue {
  const times = { exchangeTimeMs: null, receivedAtMs, changedAtMs: receivedAtMs }
  return { venue, pair, bid, ask, last, volume: null, ...times }
}

/** Between which prices a route lies when each of its legs lies in its range; computed apart from the project's code. */
export function rangeOfRoute(route: readonly string[], honest: ReadonlyMap<string, Range>): Range {
  let held = 'IO'
  let range: Range = { lowest: ONE, highest: ONE }
  for (const pair of route) {
    const [base, quote] = pair.split('/')
    const leg = honest.get(pair) ?? { lowest: 1n, highest: 1n }
    range =
      base === held
        ? {
            lowest: mulDivDown(range.lowest, leg.lowest, ONE),
            highest: mulDivDown(range.highest, leg.highest, ONE),
          }
        : {
            lowest: mulDivDown(range.lowest, ONE, leg.highest),
            highest: mulDivDown(range.highest, ONE, leg.lowest),
          }
    held = (base === held ? quote : base) ?? ''
  }
  return range
}
