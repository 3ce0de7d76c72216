import { DAY_SEC } from './paths.ts'
import type { Random } from './random.ts'

/** Parts that a deviation is counted in: fine enough that rounding does not keep it from coming back. */
const PARTS = 10n ** 12n
/** How long a deviation takes to fade to a third when nothing new comes. */
const RETURN_SEC = 20n * DAY_SEC
/** What wanders never falls below a tenth of its path, nor rises above nineteen tenths. */
const FARTHEST = (9n * PARTS) / 10n

/** How far something has wandered from its path: steps of one size up or down, and a pull back. */
export class Wander {
  readonly #random: Random
  readonly #lengthSec: bigint
  readonly #step: bigint
  #deviation = 0n

  /** @param dailyBps standard deviation of a day's steps, of the path */
  constructor(random: Random, dailyBps: number, lengthSec: bigint) {
    this.#random = random
    this.#lengthSec = lengthSec
    const daily = (BigInt(dailyBps) * PARTS) / 10_000n
    // Steps are uniform within ±s, with variance s²/3; variances of a day's steps add up.
    this.#step = squareRoot((3n * daily * daily * lengthSec) / DAY_SEC)
  }

  /** Goes on by one epoch. */
  advance(): void {
    const pull = (this.#deviation * this.#lengthSec) / RETURN_SEC
    const moved = this.#deviation - pull + this.#random.within(this.#step)
    this.#deviation = moved > FARTHEST ? FARTHEST : moved < -FARTHEST ? -FARTHEST : moved
  }

  /** The value where the path has `value`, rounded towards it. */
  around(value: bigint): bigint {
    return value + (value * this.#deviation) / PARTS
  }
}

/** ⌊√value⌋, by Newton's method. */
export function squareRoot(value: bigint): bigint {
  if (value < 2n) return value
  let root = 1n << BigInt((value.toString(2).length + 1) >> 1)
  for (;;) {
    const closer = (root + value / root) >> 1n
    if (closer >= root) return root
    root = closer
  }
}
