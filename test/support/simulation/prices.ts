/** What the market says: a walk that everybody sees a little differently. */
import type { QuoterDeps } from '../../../oracle-node/quoting/quoter.ts'
import { type Bps, type Price, parseDecimal } from '../../../protocol/units.ts'
import type { Random } from './random.ts'

const MIDDLE = parseDecimal('0.25')

/** A member's price in a slot follows from seed, member and slot: it does not matter who asks first. */
export function priceOf(random: Random, slot: number, round: number): Price {
  const drift = BigInt(random.fork(`market ${Math.floor(round / 50)}`).int(-2_000, 2_000))
  const own = BigInt(random.fork(`price ${slot} ${round}`).int(-300, 300))
  return (MIDDLE + (MIDDLE * (drift + own)) / 100_000n) as Price
}

export function observationOf(
  random: Random,
  slot: number,
  nowMs: number,
  roundMs: number,
): ReturnType<QuoterDeps['sources']['observe']> {
  return {
    outcome: {
      kind: 'price',
      price: priceOf(random, slot, Math.floor(nowMs / roundMs)),
      confidenceBps: 10 as unknown as Bps,
      observedAtMs: nowMs,
      effectiveSources: 3,
      legs: [],
      routes: [],
      depegs: [],
      unplanned: [],
    },
    root: `0x${'22'.repeat(32)}`,
    trace: { feed: 'IO/USD', nowMs, values: [] },
  }
}
