import { expect } from 'chai'
import fc from 'fast-check'
import local from '../../../config/networks/sources.io-usd.json' with { type: 'json' }
import mainnet from '../../../config/networks/sources.mainnet.json' with { type: 'json' }
import { sourcesSchema, toSourcePlan } from '../../../config/sources.ts'
import { aggregateSources } from '../../../protocol/sources/aggregate.ts'
import { sourcesRoot } from '../../../protocol/sources/commitment.ts'
import { aggregateLeg } from '../../../protocol/sources/leg.ts'
import { decodeTrace, encodeTrace } from '../../../protocol/sources/trace.ts'
import type { VenueValue } from '../../../protocol/sources/types.ts'
import { formatDecimal, ONE, parseDecimal } from '../../../protocol/units.ts'
import {
  aLeg,
  aPlan,
  aValueAt,
  honestValues,
  IO_VENUES,
  NOW_MS,
  USDT_VENUES,
} from '../../support/sources/build.ts'

const anyPrice = fc.oneof(
  fc.bigInt({ min: -5n, max: 10n ** 19n }),
  fc.bigInt({ min: 2n * 10n ** 18n, max: 3n * 10n ** 18n }),
  fc.bigInt({ min: 0n, max: 1n << 140n }),
)
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null, freq: 8 })
const anyTime = fc.integer({ min: NOW_MS - 100_000, max: NOW_MS + 5_000 })

/** Anything that a venue might say, the absurd included. */
const anyValue: fc.Arbitrary<VenueValue> = fc.record({
  venue: fc.constantFrom(...IO_VENUES, ...USDT_VENUES, 'nowhere'),
  pair: fc.constantFrom('IO/USDT', 'USDT/USD', 'DOGE/USD'),
  bid: maybe(anyPrice),
  ask: maybe(anyPrice),
  last: maybe(anyPrice),
  volume: maybe(anyPrice),
  exchangeTimeMs: maybe(anyTime),
  receivedAtMs: anyTime,
  changedAtMs: anyTime,
})
const anyValues = fc.array(anyValue, { maxLength: 30 })

describe('the outcome of venue values', () => {
  it('never depends on their order', () => {
    const shuffled = anyValues.chain(values =>
      fc.tuple(fc.constant(values), fc.shuffledSubarray(values, { minLength: values.length })),
    )
    fc.assert(
      fc.property(shuffled, ([values, other]) => {
        const outcome = aggregateSources(values, aPlan(), NOW_MS)
        const again = aggregateSources(other, aPlan(), NOW_MS)
        expect(again).to.deep.equal(outcome)
        expect(sourcesRoot(again)).to.equal(sourcesRoot(outcome))
      }),
    )
  })

  it('accounts for every value exactly once', () => {
    fc.assert(
      fc.property(anyValues, values => {
        const { legs, unplanned } = aggregateSources(values, aPlan(), NOW_MS)
        const accounted = [
          ...unplanned.map(({ input }) => input),
          ...legs.flatMap(({ kept, dropped }) => [...kept, ...dropped].map(({ input }) => input)),
        ]
        expect(accounted).to.have.members(values)
      }),
    )
  })

  it('survives the way through JSON', () => {
    fc.assert(
      fc.property(anyValues, values => {
        const trace = { feed: 'IO/USD', nowMs: NOW_MS, values }
        expect(decodeTrace(JSON.parse(JSON.stringify(encodeTrace(trace))))).to.deep.equal(trace)
      }),
    )
  })

  it('scales with its leg: twice the price everywhere is twice the price', () => {
    fc.assert(
      fc.property(
        fc.array(fc.bigInt({ min: 10n ** 18n, max: 11n * 10n ** 17n }), { minLength: 3, maxLength: 4 }),
        prices => {
          const at = (factor: bigint) =>
            aggregateLeg(
              prices.map((price, i) => aValueAt(IO_VENUES[i] ?? '', price * 2n * factor)),
              aLeg(IO_VENUES),
              NOW_MS,
            )
          const [once, twice] = [at(1n), at(2n)]
          if (once.kind === 'abstain' || twice.kind === 'abstain') throw new Error('abstained')
          expect(twice.price).to.equal(once.price * 2n)
        },
      ),
    )
  })
})

/** Absurd, or so near an honest value that a band would take it for one. */
type Lie = { readonly near: number; readonly permille: bigint } | { readonly value: bigint }
const lie: fc.Arbitrary<Lie> = fc.oneof(
  fc.record({ near: fc.nat({ max: 35 }), permille: fc.bigInt({ min: 500n, max: 1_500n }) }),
  fc.record({ value: fc.bigInt({ min: 1n, max: 1n << 127n }) }),
)

function tell(lie: Lie | undefined, honest: readonly bigint[]): bigint {
  if (lie === undefined) return 1n
  if ('value' in lie) return lie.value
  return ((honest[lie.near % honest.length] ?? 1n) * lie.permille) / 1_000n
}

/** Close together or far apart. */
const truePrice = fc.oneof(
  fc.bigInt({ min: 10n ** 18n, max: 3n * 10n ** 18n }),
  fc.bigInt({ min: 10n ** 15n, max: 10n ** 20n }),
)

/** k groups of one to three venues; fewer than half of the groups lie, each with all its venues, as they like. */
const minorityOfLiars = fc.integer({ min: 1, max: 12 }).chain(groups =>
  fc.record({
    liars: fc.integer({ min: 0, max: Math.floor((groups - 1) / 2) }),
    sizes: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: groups, maxLength: groups }),
    honest: fc.array(truePrice, {
      minLength: groups * 3,
      maxLength: groups * 3,
    }),
    lies: fc.array(lie, { minLength: groups * 3, maxLength: groups * 3 }),
    bandBps: fc.integer({ min: 1, max: 9_999 }),
  }),
)

describe('a minority of lying groups', () => {
  it('never moves the price out of the honest range, however far the honest lie apart', () => {
    fc.assert(
      fc.property(minorityOfLiars, ({ liars, sizes, honest, lies, bandBps }) => {
        const truth: bigint[] = []
        const venues = sizes.flatMap((size, group) =>
          Array.from({ length: size }, (_, i) => ({ id: `${group}-${i}`, group: String(group) })),
        )
        const values = venues.map(({ id, group }, i) => {
          if (Number(group) < liars) return aValueAt(id, tell(lies[i], honest))
          const price = honest[i] ?? 1n
          truth.push(price)
          return aValueAt(id, price)
        })
        const outcome = aggregateLeg(values, aLeg([], { venues, bandBps, minSources: 1 }), NOW_MS)
        if (outcome.kind === 'abstain') return
        const [lowest = 0n] = [...truth].sort((a, b) => (a < b ? -1 : 1))
        const [highest = 0n] = [...truth].sort((a, b) => (a > b ? -1 : 1))
        expect(outcome.price >= lowest && outcome.price <= highest, `${outcome.price}`).to.equal(true)
      }),
      { numRuns: 2_000 },
    )
  })

  it('cannot keep a node from a price while the honest agree', () => {
    fc.assert(
      fc.property(minorityOfLiars, ({ liars, sizes, lies, honest }) => {
        const venues = sizes.map((_, i) => ({ id: `v${i}`, group: `v${i}` }))
        const price = parseDecimal('2.5')
        const values = venues.map(({ id }, i) =>
          aValueAt(id, i < liars ? tell(lies[i], honest) : price + BigInt(i)),
        )
        const minSources = venues.length - liars
        expect(aggregateLeg(values, aLeg([], { venues, minSources }), NOW_MS).kind).to.equal('price')
      }),
    )
  })
})

const dollars = (from: string, to: string) => fc.bigInt({ min: parseDecimal(from), max: parseDecimal(to) })

/** Any worth of the assets, stablecoins near a dollar, and honest venues that are up to a percent off. */
const anyMarket = (venues: readonly string[], values: number) =>
  fc.record({
    worth: fc.record({
      IO: dollars('0.01', '1000'),
      USDT: dollars('0.99', '1.0095'),
      USDC: dollars('0.99', '1.0095'),
      BTC: dollars('1000', '1000000'),
      KRW: dollars('0.0001', '0.01'),
    }),
    offBps: fc.array(fc.bigInt({ min: -100n, max: 100n }), { minLength: values, maxLength: values }),
    liar: fc.constantFrom(...venues),
    silent: fc.option(fc.constantFrom(...venues), { nil: null }),
    /** null: what is true, for a liar may lie of IO alone, of dollars alone, or of one pair. */
    lies: fc.array(fc.option(lie, { nil: null, freq: 2 }), { minLength: values, maxLength: values }),
  })

describe('a venue that lies about some or all of its pairs', () => {
  for (const [name, section] of Object.entries({ 'the local network': local, 'real money': mainnet })) {
    const shipped = toSourcePlan(sourcesSchema.parse(section))
    const venues = [...new Set(shipped.legs.flatMap(leg => leg.venues.map(({ id }) => id)))]

    it(`never moves the plan of ${name} out of what the honest say, another one silent or not`, () => {
      fc.assert(
        fc.property(
          anyMarket(venues, honestValues(shipped).length),
          ({ worth, offBps, liar, silent, lies }) => {
            const honest = honestValues(shipped, worth).map((value, i) =>
              aValueAt(value.venue, ((value.last ?? 0n) * (10_000n + (offBps[i] ?? 0n))) / 10_000n, {
                pair: value.pair,
              }),
            )
            const said = honest.map((value, i) => {
              const told = lies[i] ?? null
              if (value.venue !== liar || told === null) return value
              const ofPair = honest.filter(({ pair }) => pair === value.pair).map(({ last }) => last ?? 1n)
              return aValueAt(value.venue, tell(told, ofPair), { pair: value.pair })
            })
            const heard = said.filter(({ venue }) => venue !== silent)
            const outcome = aggregateSources(heard, shipped, NOW_MS)
            if (outcome.kind === 'abstain') {
              // One alone never stops a plan, be it by silence or by lies.
              if (silent === null || silent === liar) throw new Error(`${outcome.reason} ${outcome.pair}`)
              return
            }
            // At most three legs, each up to a percent off, and the last of their decimals cut.
            const bound = (worth.IO * 304n) / 10_000n + 10n ** 6n
            const distance = outcome.price > worth.IO ? outcome.price - worth.IO : worth.IO - outcome.price
            expect(distance <= bound, `${liar}: ${outcome.price} for ${worth.IO}`).to.equal(true)
          },
        ),
        { numRuns: 600 },
      )
    })
  }
})

/** Markets of IO in currencies whose worth in dollars only three venues say, and what of them moves, up or down. */
const anyMarkets = fc.record({
  sizes: fc.array(fc.integer({ min: 3, max: 12 }), { minLength: 1, maxLength: 6 }),
  moved: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
  permille: fc.oneof(fc.bigInt({ min: 500n, max: 990n }), fc.bigInt({ min: 1_010n, max: 2_000n })),
})

describe('markets of the base', () => {
  it('move the price with half of their venues, never with fewer, and all of the way with more', () => {
    fc.assert(
      fc.property(anyMarkets, ({ sizes, moved, permille }) => {
        const legs = sizes.flatMap((size, i) => [
          aLeg(
            Array.from({ length: size }, (_, venue) => `v${venue}`),
            { pair: `IO/C${i}` },
          ),
          aLeg(['d0', 'd1', 'd2'], { pair: `C${i}/USD` }),
        ])
        const plan = { feed: 'IO/USD', legs, routes: sizes.map((_, i) => [`IO/C${i}`, `C${i}/USD`]) }
        const isMoved = ({ pair }: { pair: string }) =>
          sizes.some((_, i) => moved[i] === true && pair === `IO/C${i}`)
        const values = legs.flatMap(leg =>
          leg.venues.map(({ id }) =>
            aValueAt(id, isMoved(leg) ? (ONE * permille) / 1_000n : ONE, { pair: leg.pair }),
          ),
        )
        const outcome = aggregateSources(values, plan, NOW_MS)
        const weightOf = (some: readonly number[]) => some.reduce((sum, size) => sum + size, 0)
        const [part, all] = [weightOf(sizes.filter((_, i) => moved[i])), weightOf(sizes)]
        const far = (ONE * permille) / 1_000n
        const expected = part * 2 < all ? ONE : part * 2 > all ? far : (ONE + far) / 2n
        expect(outcome).to.include({ kind: 'price', price: expected, effectiveSources: 3 })
      }),
      { numRuns: 500 },
    )
  })
})

const aRate = fc.oneof(
  fc.bigInt({ min: 10n ** 12n, max: 10n ** 24n }),
  fc.bigInt({ min: 9n * 10n ** 17n, max: 11n * 10n ** 17n }),
)

/** The price of a feed over legs that all venues agree about. */
function priceOver(route: readonly string[], rates: Readonly<Record<string, bigint>>): bigint {
  const legs = route.map(pair => aLeg(USDT_VENUES, { pair }))
  const values = Object.entries(rates).flatMap(([pair, rate]) =>
    USDT_VENUES.map(venue => aValueAt(venue, rate, { pair })),
  )
  const outcome = aggregateSources(values, { feed: 'IO/USD', legs, routes: [route] }, NOW_MS)
  const [walked] = outcome.routes
  if (walked?.kind !== 'price') throw new Error(`${walked?.reason}`)
  return walked.price
}

describe('a leg that stands the other way round', () => {
  it('says what it would say the right way round, but for the digits of its own rate', () => {
    fc.assert(
      fc.property(aRate, aRate, (io, usdt) => {
        const straight = priceOver(['IO/USDT', 'USDT/USD'], { 'IO/USDT': io, 'USDT/USD': usdt })
        const reverse = (ONE * ONE) / usdt
        const inverted = priceOver(['IO/USDT', 'USD/USDT'], { 'IO/USDT': io, 'USD/USDT': reverse })
        // The reverse rate is cut down by less than 1: divided by, that is up to 1/rate of the price more.
        expect(inverted >= straight, `${inverted} < ${straight}`).to.equal(true)
        expect(inverted <= straight + straight / reverse + 2n, `${inverted} ≫ ${straight}`).to.equal(true)
      }),
      { numRuns: 500 },
    )
  })

  it('taken once each way gives back what was held, to the last digits', () => {
    fc.assert(
      fc.property(aRate, aRate, (io, won) => {
        const there = priceOver(['IO/USDT', 'USDT/KRW', 'USD/KRW'], {
          'IO/USDT': io,
          'USDT/KRW': won,
          'USD/KRW': won,
        })
        expect(there <= io, `${there} > ${io}`).to.equal(true)
        // One cut of less than 1 in won, worth 1/rate, and one at the end.
        expect(io - there <= ONE / won + 1n, `${there} ≪ ${io}`).to.equal(true)
      }),
      { numRuns: 500 },
    )
  })

  it('takes the currency out: whatever a won is worth, IO is worth the same', () => {
    fc.assert(
      fc.property(aRate, aRate, fc.bigInt({ min: 1n, max: 10n ** 6n }), (io, usdt, factor) => {
        const at = (scale: bigint) =>
          priceOver(['IO/KRW', 'USDT/KRW', 'USDT/USD'], {
            'IO/KRW': io * scale,
            'USDT/KRW': usdt * scale,
            'USDT/USD': ONE,
          })
        expect(at(factor)).to.equal(at(1n))
      }),
      { numRuns: 500 },
    )
  })

  it('turns its own movement round: dearer dollars in won are fewer dollars for one IO', () => {
    fc.assert(
      fc.property(aRate, aRate, aRate, (io, usdt, more) => {
        const at = (usdtKrw: bigint) =>
          priceOver(['IO/KRW', 'USDT/KRW', 'USDT/USD'], {
            'IO/KRW': io,
            'USDT/KRW': usdtKrw,
            'USDT/USD': ONE,
          })
        expect(at(usdt + more) <= at(usdt)).to.equal(true)
      }),
      { numRuns: 500 },
    )
  })
})

describe('decimals', () => {
  it('come back from their text', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(1n << 128n), max: 1n << 128n }), value => {
        expect(parseDecimal(formatDecimal(value))).to.equal(value)
      }),
    )
  })
})
