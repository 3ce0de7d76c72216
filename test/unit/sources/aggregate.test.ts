import { expect } from 'chai'
import local from '../../../config/networks/sources.io-usd.json' with { type: 'json' }
import mainnet from '../../../config/networks/sources.mainnet.json' with { type: 'json' }
import { sourcesSchema, toSourcePlan } from '../../../config/sources.ts'
import { aggregateSources } from '../../../protocol/sources/aggregate.ts'
import type { VenueValue } from '../../../protocol/sources/types.ts'
import { halfInterquartileBps, median } from '../../../protocol/statistics.ts'
import { MAX_PRICE, parseDecimal } from '../../../protocol/units.ts'
import {
  aLeg,
  allVenues,
  aPlan,
  aValueAt,
  honestValues,
  IO_VENUES,
  NOW_MS,
  USDT_VENUES,
  WORTH,
  type Worth,
} from '../../support/sources/build.ts'

describe('a feed', () => {
  it('multiplies its legs and adds their confidences', () => {
    const values = [
      ...IO_VENUES.map((venue, i) => aValueAt(venue, ['2.49', '2.5', '2.5', '2.51'][i] ?? '')),
      ...USDT_VENUES.map((venue, i) =>
        aValueAt(venue, ['0.998', '0.999', '0.999', '1'][i] ?? '', {
          pair: 'USDT/USD',
          receivedAtMs: NOW_MS - 500,
        }),
      ),
    ]
    const outcome = aggregateSources(values, aPlan(), NOW_MS)
    expect(outcome).to.deep.include({
      kind: 'price',
      price: parseDecimal('2.4975'),
      confidenceBps: 13, // 10 for IO/USDT, 3 (rounded up) for USDT/USD
      observedAtMs: NOW_MS - 500,
      effectiveSources: 4,
    })
  })

  it('does not move when USDT loses its peg and IO keeps its value in dollars', () => {
    const outcome = aggregateSources(allVenues('5', '0.5'), aPlan(), NOW_MS)
    expect(outcome).to.deep.include({ price: parseDecimal('2.5') })
  })

  it('cuts the product down, never up', () => {
    const outcome = aggregateSources(allVenues('0.000000000000000003', '0.5'), aPlan(), NOW_MS)
    expect(outcome).to.deep.include({ price: 1n })
  })

  it('abstains when a leg has too few sources, and names the leg', () => {
    const values = allVenues().filter(({ venue }) => venue !== 'kraken' && venue !== 'coinbase')
    const outcome = aggregateSources(values, aPlan(), NOW_MS)
    expect(outcome).to.deep.include({ kind: 'abstain', reason: 'TOO_FEW_SOURCES', pair: 'USDT/USD' })
    expect(outcome.legs.map(({ kind }) => kind)).to.deep.equal(['price', 'abstain'])
  })

  it('abstains rather than clamp a price that does not fit a report', () => {
    const highest = { pair: 'USDT/USD', routes: [['USDT/USD']] }
    const plan = aPlan({ feed: 'USDT/USD', legs: [aLeg(USDT_VENUES, { pair: 'USDT/USD' })], ...highest })
    const at = (price: bigint) =>
      aggregateSources(
        USDT_VENUES.map(venue => aValueAt(venue, price, { pair: 'USDT/USD' })),
        plan,
        NOW_MS,
      )
    expect(at(MAX_PRICE)).to.deep.include({ kind: 'price', price: MAX_PRICE })
    expect(at(MAX_PRICE + 1n)).to.deep.include({ reason: 'PRICE_OUT_OF_RANGE', pair: 'USDT/USD' })
  })

  it('abstains when the product is too small to be a price', () => {
    const outcome = aggregateSources(allVenues('0.000000000000000001', '0.5'), aPlan(), NOW_MS)
    expect(outcome).to.deep.include({ kind: 'abstain', reason: 'PRICE_OUT_OF_RANGE' })
  })

  it('sets values of pairs that nobody asked for aside', () => {
    const stray = aValueAt('binance', '1', { pair: 'DOGE/USDT' })
    const outcome = aggregateSources([...allVenues(), stray], aPlan(), NOW_MS)
    expect(outcome.kind).to.equal('price')
    expect(outcome.unplanned).to.deep.equal([{ input: stray, reason: 'NOT_IN_PLAN' }])
  })
})

describe('a feed with two routes', () => {
  const THIN = ['upbit', 'bithumb', 'mexc']
  const plan = aPlan({
    legs: [...aPlan().legs, aLeg(THIN, { pair: 'IO/USD' })],
    routes: [['IO/USDT', 'USDT/USD'], ['IO/USD']],
  })
  const direct = (price: string) => THIN.map(venue => aValueAt(venue, price, { pair: 'IO/USD' }))

  it('follows the one that more venues of the base speak for', () => {
    const outcome = aggregateSources([...allVenues('2.5', '1'), ...direct('9')], plan, NOW_MS)
    expect(outcome).to.deep.include({ price: parseDecimal('2.5'), effectiveSources: 3 })
  })

  it('shows in its confidence that the routes disagree', () => {
    const outcome = aggregateSources([...allVenues('2.5', '1'), ...direct('2.6')], plan, NOW_MS)
    expect(outcome).to.deep.include({ confidenceBps: 100 })
  })

  it('takes the mean when both have as many', () => {
    const values = [...allVenues('2.5', '1').slice(1), ...direct('2.6')]
    expect(aggregateSources(values, plan, NOW_MS)).to.deep.include({ price: parseDecimal('2.55') })
  })

  it('goes on with the other when one has no price', () => {
    expect(aggregateSources(direct('2.6'), plan, NOW_MS)).to.deep.include({ price: parseDecimal('2.6') })
    expect(aggregateSources(allVenues('2.5', '1'), plan, NOW_MS)).to.deep.include({
      price: parseDecimal('2.5'),
    })
  })
})

describe('a market of the base', () => {
  const MANY = ['binance', 'okx', 'gate', 'bybit', 'kucoin', 'bitget', 'htx']
  const leg = (pair: string, venues: readonly string[]) => aLeg(venues, { pair })
  const say = (pair: string, venues: readonly string[], price: string) =>
    venues.map(venue => aValueAt(venue, price, { pair }))

  it('is the price alone only with more than a quarter of all venues that price the base', () => {
    const direct = USDT_VENUES.slice(0, 3)
    const plan = aPlan({
      legs: [leg('IO/USDT', [...MANY, 'kraken', 'coinbase']), leg('USDT/USD', direct), leg('IO/USD', direct)],
      routes: [['IO/USDT', 'USDT/USD'], ['IO/USD']],
    })
    // Nobody says what USDT is worth.
    const outcomeWith = (venues: readonly string[]) =>
      aggregateSources([...say('IO/USD', direct, '2.6'), ...say('IO/USDT', venues, '9')], plan, NOW_MS)
    const price = parseDecimal('2.6')
    expect(outcomeWith([])).to.deep.include({ price })
    expect(outcomeWith([...MANY, 'kraken'])).to.deep.include({ price })
    const few = outcomeWith([...MANY, 'kraken', 'coinbase'])
    expect(few).to.deep.include({ kind: 'abstain', reason: 'TOO_FEW_SOURCES', pair: 'IO/USD' })
    expect(few.routes.map(({ kind }) => kind)).to.deep.equal(['dropped', 'price'])
  })

  it('weighs by its own venues, however few convert it', () => {
    const plan = aPlan({
      legs: [
        leg('IO/USDT', MANY),
        leg('USDT/USD', USDT_VENUES.slice(0, 3)),
        leg('IO/USD', USDT_VENUES.slice(0, 3)),
        leg('IO/KRW', MANY.slice(0, 3)),
        leg('USDT/KRW', MANY.slice(0, 3)),
      ],
      routes: [['IO/USDT', 'USDT/USD'], ['IO/USD'], ['IO/KRW', 'USDT/KRW', 'USDT/USD']],
    })
    const outcomeAt = (ioUsdt: string) =>
      aggregateSources(
        [
          ...say('IO/USDT', MANY, ioUsdt),
          ...say('USDT/USD', USDT_VENUES.slice(0, 3), '1'),
          ...say('IO/USD', USDT_VENUES.slice(0, 3), '2.75'),
          ...say('IO/KRW', MANY.slice(0, 3), '3575'),
          ...say('USDT/KRW', MANY.slice(0, 3), '1300'),
        ],
        plan,
        NOW_MS,
      )
    // Seven venues against six, though all of them hang on three for what USDT is worth: those are the sources.
    expect(outcomeAt('2.5')).to.deep.include({ price: parseDecimal('2.5'), effectiveSources: 3 })
    const weights = outcomeAt('2.5').routes.map(route => (route.kind === 'price' ? route.weight : 0))
    expect(weights).to.deep.equal([7, 3, 3])
  })
})

describe('routes that begin with the same leg', () => {
  const IO_BTC = ['binance', 'okx', 'gate']
  const BTC = ['kraken', 'coinbase', 'bitstamp']
  const leg = (pair: string, venues: readonly string[]) => aLeg(venues, { pair })
  const plan = aPlan({
    legs: [
      leg('IO/USDT', IO_BTC),
      leg('USDT/USD', BTC),
      leg('IO/BTC', IO_BTC),
      leg('BTC/USD', BTC),
      leg('BTC/USDT', IO_BTC),
    ],
    routes: [
      ['IO/USDT', 'USDT/USD'],
      ['IO/BTC', 'BTC/USD'],
      ['IO/BTC', 'BTC/USDT', 'USDT/USD'],
    ],
  })
  const say = (pair: string, venues: readonly string[], price: string) =>
    venues.map(venue => aValueAt(venue, price, { pair }))
  const outcomeAt = (ioBtc: string, btcUsdt = '50000') =>
    aggregateSources(
      [
        ...say('IO/USDT', IO_BTC, '2.5'),
        ...say('USDT/USD', BTC, '1'),
        ...say('IO/BTC', IO_BTC, ioBtc),
        ...say('BTC/USD', BTC, '50000'),
        ...say('BTC/USDT', IO_BTC, btcUsdt),
      ],
      plan,
      NOW_MS,
    )

  it('have one voice together, not one for every way on', () => {
    // IO/BTC says 3: two routes of three, but one market of two.
    expect(outcomeAt('0.00006')).to.deep.include({ price: parseDecimal('2.75'), effectiveSources: 3 })
  })

  it('agree among themselves by their own median', () => {
    // 2.5 over BTC/USD, 2.55 over BTC/USDT: the voice says 2.525, beside 2.5.
    expect(outcomeAt('0.00005', '51000')).to.deep.include({ price: parseDecimal('2.5125') })
  })

  it('show in the confidence that they disagree', () => {
    expect(outcomeAt('0.00005')).to.deep.include({ confidenceBps: 0 })
    // Half the interquartile range of 2.5 and 2.55, over 2.525.
    expect(outcomeAt('0.00005', '51000')).to.deep.include({ confidenceBps: 50 })
  })
})

describe('a route through an inverted leg', () => {
  const leg = (pair: string, change = {}) => aLeg(USDT_VENUES, { pair, ...change })
  const plan = aPlan({
    legs: [leg('IO/KRW'), leg('USDT/KRW'), leg('USDT/USD')],
    routes: [['IO/KRW', 'USDT/KRW', 'USDT/USD']],
  })
  const say = (pair: string, price: string) => USDT_VENUES.map(venue => aValueAt(venue, price, { pair }))
  const outcomeAt = (ioKrw: string, usdtKrw: string, usdt: string) =>
    aggregateSources(
      [...say('IO/KRW', ioKrw), ...say('USDT/KRW', usdtKrw), ...say('USDT/USD', usdt)],
      plan,
      NOW_MS,
    )

  it('is divided by it, and tells so', () => {
    expect(outcomeAt('3450', '1380', '0.999').routes).to.deep.equal([
      {
        kind: 'price',
        steps: [
          { pair: 'IO/KRW', inverted: false },
          { pair: 'USDT/KRW', inverted: true },
          { pair: 'USDT/USD', inverted: false },
        ],
        price: parseDecimal('2.4975'),
        confidenceBps: 0,
        weight: 4,
      },
    ])
  })

  it('is cut down once a step, not before', () => {
    // A reciprocal of 3, cut down, would make this 0.999999999999999999.
    expect(outcomeAt('3', '3', '1')).to.deep.include({ price: parseDecimal('1') })
    expect(outcomeAt('2', '3', '1')).to.deep.include({ price: 666_666_666_666_666_666n })
  })

  it('is as unsure as all its legs together', () => {
    const off = [...say('IO/KRW', '3450'), ...say('USDT/USD', '1')]
    const unsure = ['1373.1', '1380', '1380', '1386.9'].map((price, i) =>
      aValueAt(USDT_VENUES[i] ?? '', price, { pair: 'USDT/KRW' }),
    )
    // Half the interquartile range of the divisor: 1.725 of 1380.
    expect(aggregateSources([...off, ...unsure], plan, NOW_MS)).to.deep.include({
      price: parseDecimal('2.5'),
      confidenceBps: 13,
    })
  })
})

for (const [name, section] of Object.entries({ 'the local network': local, 'real money': mainnet })) {
  describe(`the shipped plan of ${name}`, () => {
    const plan = toSourcePlan(sourcesSchema.parse(section))
    const outcomeAt = (worth: Partial<Worth>, spoil = (value: VenueValue) => value) =>
      aggregateSources(honestValues(plan, { ...WORTH, ...worth }).map(spoil), plan, NOW_MS)
    const priceAt = (worth: Partial<Worth>, spoil = (value: VenueValue) => value) => {
      const outcome = outcomeAt(worth, spoil)
      if (outcome.kind === 'abstain') throw new Error(`${outcome.reason} ${outcome.pair}`)
      return outcome
    }
    /** Each rate is cut to 18 decimals, which is a millionth of a millionth of a bitcoin's worth of IO. */
    const isWorthOfIo = (price: bigint) => price <= WORTH.IO && WORTH.IO - price < 10n ** 6n

    it('does not move when bitcoin is worth half: its routes are converted by its own rate', () => {
      const { price, confidenceBps, routes } = priceAt({ BTC: parseDecimal('32000') })
      expect(isWorthOfIo(price), `${price}`).to.equal(true)
      expect(confidenceBps).to.be.at.most(1)
      expect(routes.every(({ kind }) => kind === 'price')).to.equal(true)
    })

    for (const [asset, dollars] of [
      ['USDC', '0.88'],
      ['USDT', '0.6'],
      ['USDT', '1.03'],
    ] as const) {
      it(`drops every route over ${asset} when that is worth ${dollars} dollars, and does not move`, () => {
        const pair = `${asset}/USD`
        const { price, routes, depegs } = priceAt({ [asset]: parseDecimal(dollars) })
        expect(isWorthOfIo(price), `${price}`).to.equal(true)
        expect(depegs).to.deep.equal([{ pair, price: parseDecimal(dollars) }])
        for (const route of routes) {
          const isOver = route.steps.some(step => step.pair === pair)
          expect(route.kind, JSON.stringify(route.steps)).to.equal(isOver ? 'dropped' : 'price')
          if (isOver) expect(route).to.include({ reason: 'DEPEGGED', pair })
        }
      })
    }

    it('does not move when one market of IO is worth more than the others', () => {
      for (const pair of ['IO/USDC', 'IO/BTC', 'IO/USDT']) {
        const raised = (value: VenueValue) =>
          value.pair === pair ? aValueAt(value.venue, (value.last ?? 0n) * 2n, { pair }) : value
        const { price, confidenceBps } = priceAt({}, raised)
        expect(isWorthOfIo(price), pair).to.equal(true)
        expect(confidenceBps, pair).to.be.above(0)
      }
    })

    it('goes on with what is left when any one venue is gone', () => {
      for (const gone of new Set(plan.legs.flatMap(({ venues }) => venues.map(({ id }) => id)))) {
        const silent = (value: VenueValue) =>
          value.venue === gone ? { ...value, receivedAtMs: NOW_MS - 60_000 } : value
        expect(isWorthOfIo(priceAt({}, silent).price), gone).to.equal(true)
      }
    })

    it('abstains, rather than take a rate of one, when no asset has a rate in dollars', () => {
      const values = honestValues(plan).filter(({ pair }) => !pair.endsWith('/USD'))
      expect(aggregateSources(values, plan, NOW_MS)).to.deep.include({
        kind: 'abstain',
        reason: 'TOO_FEW_SOURCES',
        pair: 'USDT/USD',
      })
    })
  })
}

describe('order statistics', () => {
  it('refuse to make a median out of nothing', () => {
    expect(() => median([])).to.throw(RangeError)
  })

  it('interpolate quartiles exactly', () => {
    // Quartiles of 10, 20, 30, 40 are 17.5 and 32.5: half their distance is 7.5, a tenth of 75.
    expect(halfInterquartileBps([40n, 10n, 30n, 20n], 75n)).to.equal(1_000)
    expect(halfInterquartileBps([7n], 7n)).to.equal(0)
  })

  it('round a confidence up and stop it at 16 bits', () => {
    expect(halfInterquartileBps([10_000_000n, 10_000_001n], 10_000_000n)).to.equal(1)
    expect(halfInterquartileBps([1n, 1n, 1n, 10n ** 9n, 10n ** 9n], 1n)).to.equal(65_535)
  })
})
