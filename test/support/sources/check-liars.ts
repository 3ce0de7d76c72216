import { aggregateSources } from '../../../protocol/sources/aggregate.ts'
import { BPS, ONE } from '../../../protocol/units.ts'
import { NOW_MS } from './build.ts'
import { Dice, type LiarsCase, liarsCase, type Range, rangeOfRoute } from './liars.ts'

/** Cases that have to hold, and how many of them are run with every test; `test/slow` runs the rest. */
export const LIARS_CASES = { all: 100_000, everyTime: 30_000 } as const

export interface LiarsResult {
  readonly cases: number
  /** Cases in which there was a price. */
  readonly priced: number
  /** The first cases that broke a rule: their seeds, and what was wrong. */
  readonly broken: readonly string[]
}

/**
 * Runs cases `from` to `from + cases`, each from its own seed, so that one that fails can be run alone.
 *
 * @param more liars in each leg than the rule allows
 */
export function runLiars(from: number, cases: number, more = 0): LiarsResult {
  const broken: string[] = []
  let priced = 0
  for (let seed = from; seed < from + cases && broken.length < 5; seed++) {
    const one = liarsCase(new Dice(seed), more)
    const { isPriced, wrong } = look(one)
    if (isPriced) priced++
    if (wrong !== undefined) broken.push(`seed ${seed}: ${wrong}`)
  }
  return { cases, priced, broken }
}

function look({ plan, values, honest }: LiarsCase): { isPriced: boolean; wrong?: string } {
  const outcome = aggregateSources(values, plan, NOW_MS)
  for (const leg of outcome.legs) {
    const range = honest.get(leg.pair)
    if (leg.kind === 'price' && range !== undefined && isOutside(leg.price, range)) {
      return {
        isPriced: true,
        wrong: `${leg.pair} at ${leg.price}, honest ${range.lowest} to ${range.highest}`,
      }
    }
  }
  for (const { pair } of outcome.depegs) {
    const { peg } = plan.legs.find(leg => leg.pair === pair) ?? {}
    const range = honest.get(pair)
    if (peg !== undefined && range !== undefined && isWithinPeg(range, BigInt(peg.bandBps))) {
      return { isPriced: false, wrong: `${pair} seems to have lost its peg` }
    }
  }
  if (outcome.kind === 'abstain') return { isPriced: false }
  const ranges = outcome.routes.flatMap(({ kind, steps }) =>
    kind === 'price'
      ? [
          rangeOfRoute(
            steps.map(({ pair }) => pair),
            honest,
          ),
        ]
      : [],
  )
  const lowest = ranges.reduce((least, range) => (range.lowest < least ? range.lowest : least), 1n << 512n)
  const highest = ranges.reduce((most, range) => (range.highest > most ? range.highest : most), 0n)
  if (!isOutside(outcome.price, { lowest, highest })) return { isPriced: true }
  return { isPriced: true, wrong: `${outcome.price}, honest ${lowest} to ${highest}` }
}

function isOutside(price: bigint, { lowest, highest }: Range): boolean {
  return price < lowest || price > highest
}

function isWithinPeg({ lowest, highest }: Range, bandBps: bigint): boolean {
  return (ONE - lowest) * BPS <= ONE * bandBps && (highest - ONE) * BPS <= ONE * bandBps
}
