/** What a scenario says over time: figures between key days, and spans of days. Exact, at any second. */

export const DAY_SEC = 86_400n

/** A figure at the start of a day after t0. */
export interface KeyDay {
  readonly day: number
  readonly value: bigint
}

/** Ascending by day, the first one of day 0. */
export type Path = readonly KeyDay[]

/** From the start of a day on, for so many days. */
export interface Span {
  readonly fromDay: number
  readonly days: number
}

/** In a straight line from key day to key day, towards zero; after the last one as it was there. */
export function valueAt(path: Path, elapsedSec: bigint): bigint {
  let before = path[0]
  if (before === undefined) throw new RangeError('a path needs a first day')
  for (const after of path) {
    const [fromSec, toSec] = [startOf(before.day), startOf(after.day)]
    if (elapsedSec < toSec) {
      return before.value + ((after.value - before.value) * (elapsedSec - fromSec)) / (toSec - fromSec)
    }
    before = after
  }
  return before.value
}

export function isWithin(spans: readonly Span[], elapsedSec: bigint): boolean {
  return spans.some(
    ({ fromDay, days }) => elapsedSec >= startOf(fromDay) && elapsedSec < startOf(fromDay + days),
  )
}

function startOf(day: number): bigint {
  return BigInt(day) * DAY_SEC
}
