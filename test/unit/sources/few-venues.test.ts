import { expect } from 'chai'
import mainnet from '../../../config/networks/sources.mainnet.json' with { type: 'json' }
import { sourcesSchema, toSourcePlan } from '../../../config/sources.ts'
import { aggregateSources } from '../../../protocol/sources/aggregate.ts'
import type { SourceOutcome, VenueValue } from '../../../protocol/sources/types.ts'
import { distanceBps } from '../../../protocol/units.ts'
import { aValueAt, honestValues, NOW_MS, WORTH } from '../../support/sources/build.ts'

/** What docs/operators/venues.md and docs/SECURITY.md say of the shipped plan: a change here is a change there. */
const DOLLAR_VENUES = ['kraken', 'coinbase', 'bitstamp', 'cryptocom', 'gemini', 'bitfinex']
const MOVE_IT = sets(3, DOLLAR_VENUES)
/** None: it takes four. */
const STOP_IT: string[][] = []
/** Larger sets are not tried. */
const MOST = 3

/**
 * Lies of their own about each rate in dollars, in thousandths: at the edge of a peg and beyond, where a leg still agrees
 * and where it does not, and where the price of IO itself still counts and where it does not.
 */
const RATES: Readonly<Record<string, readonly bigint[]>> = {
  'USDT/USD': [1_000n, 1_049n, 951n, 1_035n],
  'USDC/USD': [1_000n, 1_039n, 961n, 1_049n],
  'BTC/USD': [1_000n, 1_110n, 1_220n, 780n, 2_000n],
  'IO/USD': [1_000n, 1_190n, 1_250n, 1_490n, 670n, 2_000n, 10_000n],
}

function allOf(rates: readonly (readonly [string, readonly bigint[]])[]): Readonly<Record<string, bigint>>[] {
  const [first, ...others] = rates
  if (first === undefined) return [{}]
  const [pair, lies] = first
  return lies.flatMap(lie => allOf(others).map(rest => ({ [pair]: lie, ...rest })))
}

/** All choices of `size` of `items`, in their order. */
function sets(size: number, items: readonly string[]): string[][] {
  if (size === 0) return [[]]
  return items.flatMap((item, i) => sets(size - 1, items.slice(i + 1)).map(rest => [item, ...rest]))
}

/** In thousandths of what is true: within a peg's band, within a leg's band of half and half, at its edge, absurd. */
const LIES = [1_038n, 1_100n, 1_190n, 2_000n, 962n, 900n, 810n, 500n]
const ABOUT: readonly ((pair: string) => boolean)[] = [
  () => true,
  pair => pair.startsWith('IO/'),
  pair => !pair.startsWith('IO/'),
  pair => pair.endsWith('/USD'),
]

describe('the shipped plan of real money', () => {
  const plan = toSourcePlan(sourcesSchema.parse(mainnet))
  const honest = honestValues(plan)
  const venues = [...new Set(plan.legs.flatMap(leg => leg.venues.map(({ id }) => id)))]

  const aggregate = (values: readonly VenueValue[]): SourceOutcome => aggregateSources(values, plan, NOW_MS)
  const without = (silent: readonly string[]) => honest.filter(({ venue }) => !silent.includes(venue))
  const times = (value: VenueValue, thousandths: bigint): VenueValue =>
    aValueAt(value.venue, ((value.last ?? 0n) * thousandths) / 1_000n, { pair: value.pair })

  /** By how much the price is off when `liars` say the same lie about what `isAbout` and `silent` say nothing. */
  function offBps(
    liars: readonly string[],
    silent: readonly string[],
    lie: bigint,
    isAbout = ABOUT[0],
  ): number {
    const said = without(silent).map(value =>
      liars.includes(value.venue) && isAbout?.(value.pair) === true ? times(value, lie) : value,
    )
    const outcome = aggregate(said)
    return outcome.kind === 'price' ? Number(distanceBps(outcome.price, WORTH.IO)) : 0
  }

  /** Whether some of `set`, while the others of it are silent, move the price by more than a percent. */
  function isMovedBy(set: readonly string[]): boolean {
    if (LIES.some(lie => ABOUT.some(about => offBps(set, [], lie, about) > 100))) return true
    const parts = set.flatMap((_, i) => sets(i, set)).filter(silent => silent.length > 0)
    return parts.some(silent => {
      const liars = set.filter(venue => !silent.includes(venue))
      return LIES.some(lie => offBps(liars, silent, lie) > 100)
    })
  }

  const isStoppedBy = (set: readonly string[]): boolean => aggregate(without(set)).kind === 'abstain'

  /** The least sets of which `does` is true: none that contains another. */
  function least(does: (set: readonly string[]) => boolean): string[][] {
    // Venues of the same legs are the same to a plan.
    const legsOf = new Map(
      venues.map(id => [
        id,
        plan.legs.flatMap((leg, i) => (leg.venues.some(one => one.id === id) ? [i] : [])),
      ]),
    )
    const known = new Map<string, boolean>()
    const found: string[][] = []
    for (let size = 1; size <= MOST; size++) {
      for (const set of sets(size, venues)) {
        if (found.some(smaller => smaller.every(venue => set.includes(venue)))) continue
        const kind = set
          .map(venue => legsOf.get(venue)?.join())
          .sort()
          .join(' ')
        const isKnown = known.get(kind) ?? does(set)
        known.set(kind, isKnown)
        if (isKnown) found.push(set)
      }
    }
    return found
  }

  it(`is moved by a percent by none but these, of ${MOST} liars at most, some of them silent or not`, function () {
    this.timeout(30_000)
    expect(least(isMovedBy)).to.have.deep.members(MOVE_IT)
  })

  /** The most that these venues were found to move the price by, in basis points, with a lie for each rate. */
  function worstBps(liars: readonly string[]): number {
    const outcomes = allOf(Object.entries(RATES)).map(lies =>
      aggregate(
        honest.map(value => (liars.includes(value.venue) ? times(value, lies[value.pair] ?? 1_000n) : value)),
      ),
    )
    const moved = outcomes.flatMap(outcome => (outcome.kind === 'price' ? [outcome.price] : []))
    return Math.max(...moved.map(price => Number(distanceBps(price, WORTH.IO))))
  }

  it('is moved by less than a fifth by any three that price dollars, with a lie for each rate', function () {
    this.timeout(30_000)
    const worst = sets(3, DOLLAR_VENUES).map(worstBps)
    expect(Math.max(...worst)).to.be.within(1_500, 2_000)
    expect(Math.max(...sets(2, DOLLAR_VENUES).map(worstBps))).to.be.at.most(100)
  })

  it('is at the mercy of four that price dollars', () => {
    expect(worstBps(['kraken', 'coinbase', 'bitstamp', 'cryptocom'])).to.be.above(10_000)
  })

  it(`is stopped by the silence of none but these, of ${MOST} at most`, () => {
    expect(least(isStoppedBy)).to.have.deep.members(STOP_IT)
  })

  it('is stopped when fewer than three of those that price dollars are left', () => {
    for (const set of sets(4, DOLLAR_VENUES)) expect(isStoppedBy(set), set.join(' ')).to.equal(true)
  })

  it('moves only with markets of IO that have half of the venues, up as well as down', () => {
    const markets = plan.legs.filter(({ pair }) => pair.startsWith('IO/'))
    const all = markets.reduce((sum, market) => sum + market.venues.length, 0)
    const names = markets.map(({ pair }) => pair)
    for (const moved of names.flatMap((_, i) => sets(i + 1, names))) {
      const weight = markets
        .filter(({ pair }) => moved.includes(pair))
        .reduce((sum, market) => sum + market.venues.length, 0)
      for (const lie of [1_100n, 900n]) {
        const outcome = aggregate(
          honest.map(value => (moved.includes(value.pair) ? times(value, lie) : value)),
        )
        if (outcome.kind === 'abstain') throw new Error(`${outcome.reason} ${outcome.pair}`)
        // Each rate is cut to 18 decimals.
        const isMoved = distanceBps(outcome.price, WORTH.IO) > 1n
        expect(isMoved, `${moved.join(' ')} × ${lie}`).to.equal(weight * 2 >= all)
      }
    }
  })
})
