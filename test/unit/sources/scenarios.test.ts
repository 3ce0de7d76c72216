import { expect } from 'chai'
import type { RawTicker } from '../../../oracle-node/sources/exchange.ts'
import { TickerError } from '../../../oracle-node/sources/parse-ticker.ts'
import { createPipeline } from '../../../oracle-node/sources/pipeline.ts'
import type { SourcePlan } from '../../../protocol/sources/types.ts'
import { aLeg, NOW_MS } from '../../support/sources/build.ts'
import { type WholeOutcome, wholeOutcome } from '../../support/sources/whole-outcome.ts'

/** What each venue says on a calm day, when IO is worth 2.5 dollars. */
const CALM_QUOTES = {
  'IO/USDT': { binance: '2.500', okx: '2.502', gate: '2.498', bybit: '2.501', kucoin: '2.499' },
  'USDT/USD': { kraken: '1.0000', coinbase: '0.9999', bitstamp: '1.0001', cryptocom: '1.0000' },
  'IO/USDC': { binance: '2.501', okx: '2.502', bybit: '2.500' },
  'USDC/USD': { kraken: '1.0000', bitstamp: '1.0000', cryptocom: '1.0000' },
  'IO/KRW': { upbit: '3447', bithumb: '3448', coinone: '3446' },
  'USDT/KRW': { upbit: '1380', bithumb: '1380', coinone: '1381' },
} as const

const PEG = { bandBps: 200 }
const plan: SourcePlan = {
  feed: 'IO/USD',
  legs: Object.entries(CALM_QUOTES).map(([pair, quotes]) => ({
    ...aLeg(Object.keys(quotes), { pair }),
    ...(pair === 'IO/USDT' ? { frozenMs: 60_000 } : {}),
    ...(pair === 'USDT/USD' || pair === 'USDC/USD' ? { peg: PEG } : {}),
  })),
  routes: [
    ['IO/USDT', 'USDT/USD'],
    ['IO/USDC', 'USDC/USD'],
    ['IO/KRW', 'USDT/KRW', 'USDT/USD'],
  ],
}

interface Said {
  readonly venue: string
  readonly pair: string
  readonly ticker: RawTicker
}

const CALM: readonly Said[] = Object.entries(CALM_QUOTES).flatMap(([pair, quotes]) =>
  Object.entries(quotes).map(([venue, price]) => ({
    venue,
    pair,
    ticker: {
      symbol: pair,
      bid: price,
      ask: price,
      last: price,
      baseVolume: '1000',
      exchangeTimeMs: NOW_MS - 200,
      receivedAtMs: NOW_MS - 100,
    },
  })),
)

/** `venue` about `pair` says something else; `*` stands for all. */
function changed(venue: string, pair: string, change: (ticker: RawTicker) => RawTicker) {
  return (said: Said): Said =>
    (venue === '*' || said.venue === venue) && (pair === '*' || said.pair === pair)
      ? { ...said, ticker: change(said.ticker) }
      : said
}

const at = (price: string) => (ticker: RawTicker) => ({ ...ticker, bid: price, ask: price, last: price })

/** Through the same door and over the same board as what venues send. */
function outcomeOf(...rounds: readonly (readonly Said[])[]): WholeOutcome {
  const pipeline = createPipeline(plan)
  for (const said of rounds) {
    for (const one of said) pipeline.accept({ ...one, transport: 'websocket', requestedAtMs: null })
  }
  return wholeOutcome(plan.feed, pipeline.observe(NOW_MS).outcome, NOW_MS)
}

const USDT_WAY = 'IO →IO/USDT→ USDT →USDT/USD→ USD'
const USDC_WAY = 'IO →IO/USDC→ USDC →USDC/USD→ USD'
const KRW_WAY = 'IO →IO/KRW→ KRW →1/(USDT/KRW)→ USDT →USDT/USD→ USD'

const USDT_SAYS = '2.5 ±5 bps, weight 5'
const USDC_SAYS = '2.501 ±2 bps, weight 3'
/** 3447 won, over 1380 won, times a dollar, cut down. */
const KRW_SAYS = '2.497826086956521739 ±5 bps, weight 3'

const CALM_OUTCOME: WholeOutcome = {
  result: '2.5 ±5 bps, 3 sources',
  ageMs: 100,
  routes: { [USDT_WAY]: USDT_SAYS, [USDC_WAY]: USDC_SAYS, [KRW_WAY]: KRW_SAYS },
  legs: {
    'IO/USDT': '2.5 ±4 bps, 5 sources',
    'USDT/USD': '1 ±1 bps, 4 sources',
    'IO/USDC': '2.501 ±2 bps, 3 sources',
    'USDC/USD': '1 ±0 bps, 3 sources',
    'IO/KRW': '3447 ±2 bps, 3 sources',
    'USDT/KRW': '1380 ±2 bps, 3 sources',
  },
  kept: {
    'IO/USDT': 'binance bybit gate kucoin okx',
    'USDT/USD': 'bitstamp coinbase cryptocom kraken',
    'IO/USDC': 'binance bybit okx',
    'USDC/USD': 'bitstamp cryptocom kraken',
    'IO/KRW': 'bithumb coinone upbit',
    'USDT/KRW': 'bithumb coinone upbit',
  },
  dropped: [],
  depegs: [],
}
const { routes, legs, kept } = CALM_OUTCOME

describe('a quote', () => {
  it('on a calm day follows the widest market, and keeps every value', () => {
    expect(outcomeOf(CALM)).to.deep.equal(CALM_OUTCOME)
  })

  it('does not follow one venue that is off by 35%', () => {
    const off = changed('binance', 'IO/USDT', at('3.375'))
    expect(outcomeOf(CALM.map(off))).to.deep.equal({
      ...CALM_OUTCOME,
      result: '2.501 ±6 bps, 3 sources',
      routes: { ...routes, [USDT_WAY]: '2.501 ±6 bps, weight 4' },
      legs: { ...legs, 'IO/USDT': '2.501 ±5 bps, 4 sources' },
      kept: { ...kept, 'IO/USDT': 'bybit gate kucoin okx' },
      dropped: ['OUT_OF_BAND binance IO/USDT'],
    })
  })

  describe('when a stablecoin is worth 0.88', () => {
    // Its holders want more of it for one IO.
    const usdc = CALM.map(changed('*', 'USDC/USD', at('0.88'))).map(changed('*', 'IO/USDC', at('2.84')))
    const usdt = (said: readonly Said[]) =>
      said
        .map(changed('*', 'USDT/USD', at('0.88')))
        .map(changed('*', 'IO/USDT', at('2.84')))
        .map(changed('*', 'USDT/KRW', at('1214')))

    it('goes on without USDC', () => {
      expect(outcomeOf(usdc)).to.deep.equal({
        ...CALM_OUTCOME,
        result: '2.5 ±5 bps, 3 sources',
        routes: { ...routes, [USDC_WAY]: 'DEPEGGED USDC/USD' },
        legs: { ...legs, 'IO/USDC': '2.84 ±0 bps, 3 sources', 'USDC/USD': '0.88 ±0 bps, 3 sources' },
        depegs: ['USDC/USD 0.88'],
      })
    })

    it('goes on without USDT, and so without won', () => {
      expect(outcomeOf(usdt(CALM))).to.deep.equal({
        ...CALM_OUTCOME,
        result: '2.501 ±2 bps, 3 sources',
        routes: { [USDT_WAY]: 'DEPEGGED USDT/USD', [USDC_WAY]: USDC_SAYS, [KRW_WAY]: 'DEPEGGED USDT/USD' },
        legs: {
          ...legs,
          'IO/USDT': '2.84 ±0 bps, 5 sources',
          'USDT/USD': '0.88 ±0 bps, 4 sources',
          'USDT/KRW': '1214 ±0 bps, 3 sources',
        },
        depegs: ['USDT/USD 0.88'],
      })
    })

    it('is not made when nothing else is left, and says which peg', () => {
      const noWon = usdt(usdc).map(
        changed('*', 'IO/KRW', ticker => ({ ...ticker, receivedAtMs: NOW_MS - 60_000 })),
      )
      expect(outcomeOf(noWon)).to.deep.equal({
        ...CALM_OUTCOME,
        result: 'DEPEGGED USDT/USD',
        ageMs: null,
        routes: {
          [USDT_WAY]: 'DEPEGGED USDT/USD',
          [USDC_WAY]: 'DEPEGGED USDC/USD',
          [KRW_WAY]: 'LEG_ABSTAINED IO/KRW',
        },
        legs: {
          'IO/USDT': '2.84 ±0 bps, 5 sources',
          'USDT/USD': '0.88 ±0 bps, 4 sources',
          'IO/USDC': '2.84 ±0 bps, 3 sources',
          'USDC/USD': '0.88 ±0 bps, 3 sources',
          'IO/KRW': 'TOO_FEW_SOURCES, 0 of 3',
          'USDT/KRW': '1214 ±0 bps, 3 sources',
        },
        kept: { ...kept, 'IO/KRW': '' },
        dropped: ['STALE bithumb IO/KRW', 'STALE coinone IO/KRW', 'STALE upbit IO/KRW'],
        depegs: ['USDT/USD 0.88', 'USDC/USD 0.88'],
      })
    })

    it('blames the peg even when a market that comes first has too few venues', () => {
      const silent = (ticker: RawTicker) => ({ ...ticker, receivedAtMs: NOW_MS - 60_000 })
      const thin = usdc.map(changed('*', 'IO/USDT', silent)).map(changed('*', 'IO/KRW', silent))
      expect(outcomeOf(thin)).to.deep.equal({
        ...CALM_OUTCOME,
        result: 'DEPEGGED USDC/USD',
        ageMs: null,
        routes: {
          [USDT_WAY]: 'LEG_ABSTAINED IO/USDT',
          [USDC_WAY]: 'DEPEGGED USDC/USD',
          [KRW_WAY]: 'LEG_ABSTAINED IO/KRW',
        },
        legs: {
          ...legs,
          'IO/USDT': 'TOO_FEW_SOURCES, 0 of 3',
          'IO/USDC': '2.84 ±0 bps, 3 sources',
          'USDC/USD': '0.88 ±0 bps, 3 sources',
          'IO/KRW': 'TOO_FEW_SOURCES, 0 of 3',
        },
        kept: { ...kept, 'IO/USDT': '', 'IO/KRW': '' },
        dropped: [
          'STALE binance IO/USDT',
          'STALE bybit IO/USDT',
          'STALE gate IO/USDT',
          'STALE kucoin IO/USDT',
          'STALE okx IO/USDT',
          'STALE bithumb IO/KRW',
          'STALE coinone IO/KRW',
          'STALE upbit IO/KRW',
        ],
        depegs: ['USDC/USD 0.88'],
      })
    })

    it('keeps the route as long as the coin is within its band, and not a wei further', () => {
      expect(outcomeOf(CALM.map(changed('*', 'USDC/USD', at('0.98'))))).to.deep.include({ depegs: [] })
      expect(outcomeOf(CALM.map(changed('*', 'USDC/USD', at('1.02'))))).to.deep.include({ depegs: [] })
      const below = outcomeOf(CALM.map(changed('*', 'USDC/USD', at('0.979999999999999999'))))
      expect(below).to.deep.include({ depegs: ['USDC/USD 0.979999999999999999'] })
      const above = outcomeOf(CALM.map(changed('*', 'USDC/USD', at('1.020000000000000001'))))
      expect(above).to.deep.include({ depegs: ['USDC/USD 1.020000000000000001'] })
    })
  })

  it('follows a flash crash that all venues show', () => {
    const crash = CALM.map(changed('*', 'IO/USDT', at('1.25')))
      .map(changed('*', 'IO/USDC', at('1.25')))
      .map(changed('*', 'IO/KRW', at('1725')))
    expect(outcomeOf(crash)).to.deep.equal({
      ...CALM_OUTCOME,
      result: '1.25 ±3 bps, 3 sources',
      routes: {
        [USDT_WAY]: '1.25 ±1 bps, weight 5',
        [USDC_WAY]: '1.25 ±0 bps, weight 3',
        [KRW_WAY]: '1.25 ±3 bps, weight 3',
      },
      legs: {
        ...legs,
        'IO/USDT': '1.25 ±0 bps, 5 sources',
        'IO/USDC': '1.25 ±0 bps, 3 sources',
        'IO/KRW': '1725 ±0 bps, 3 sources',
      },
    })
  })

  it('says in its confidence that a flash crash has reached only one market', () => {
    expect(outcomeOf(CALM.map(changed('*', 'IO/USDT', at('1.25'))))).to.deep.equal({
      ...CALM_OUTCOME,
      result: '2.497826086956521739 ±1253 bps, 3 sources',
      routes: { ...routes, [USDT_WAY]: '1.25 ±1 bps, weight 5' },
      legs: { ...legs, 'IO/USDT': '1.25 ±0 bps, 5 sources' },
    })
  })

  it('takes no market of which one half has crashed and the other not', () => {
    const half = CALM.map(changed('okx', 'IO/USDT', at('1.25')))
      .map(changed('gate', 'IO/USDT', at('1.25')))
      .map(changed('kucoin', 'IO/USDT', ticker => ({ ...ticker, receivedAtMs: NOW_MS - 60_000 })))
    expect(outcomeOf(half)).to.deep.equal({
      ...CALM_OUTCOME,
      result: '2.499413043478260869 ±5 bps, 3 sources',
      routes: { ...routes, [USDT_WAY]: 'LEG_ABSTAINED IO/USDT' },
      legs: { ...legs, 'IO/USDT': 'NO_AGREEMENT, 0 of 3' },
      kept: { ...kept, 'IO/USDT': '' },
      dropped: [
        'OUT_OF_BAND binance IO/USDT',
        'OUT_OF_BAND bybit IO/USDT',
        'OUT_OF_BAND gate IO/USDT',
        'STALE kucoin IO/USDT',
        'OUT_OF_BAND okx IO/USDT',
      ],
    })
  })

  it('leaves out prices that are frozen, though they keep arriving', () => {
    const minuteAgo = CALM.map(
      changed('*', '*', ticker => ({ ...ticker, exchangeTimeMs: null, receivedAtMs: NOW_MS - 60_001 })),
    )
    const moved = minuteAgo
      .map(changed('gate', 'IO/USDT', at('2.4')))
      .map(changed('bybit', 'IO/USDT', ticker => ({ ...ticker, ask: '2.52' })))
      // Of 24 hours: yesterday's trades leave it while nobody trades.
      .map(changed('okx', 'IO/USDT', ticker => ({ ...ticker, baseVolume: '999' })))
      .map(changed('kucoin', 'IO/USDT', ticker => ({ ...ticker, bid: '2.4985' })))
    const now = CALM.map(changed('*', '*', ticker => ({ ...ticker, exchangeTimeMs: null })))
    // Stablecoins and won stand still too, and may.
    expect(outcomeOf(moved, now)).to.deep.equal({
      ...CALM_OUTCOME,
      result: '2.499 ±5 bps, 3 sources',
      routes: { ...routes, [USDT_WAY]: '2.499 ±5 bps, weight 3' },
      legs: { ...legs, 'IO/USDT': '2.499 ±4 bps, 3 sources' },
      kept: { ...kept, 'IO/USDT': 'bybit gate kucoin' },
      dropped: ['FROZEN binance IO/USDT', 'FROZEN okx IO/USDT'],
    })
  })

  it('leaves out a crossed book', () => {
    const crossed = changed('gate', 'IO/USDT', ticker => ({ ...ticker, bid: '2.52', ask: '2.48' }))
    expect(outcomeOf(CALM.map(crossed))).to.deep.equal({
      ...CALM_OUTCOME,
      result: '2.5005 ±5 bps, 3 sources',
      routes: { ...routes, [USDT_WAY]: '2.5005 ±4 bps, weight 4' },
      legs: { ...legs, 'IO/USDT': '2.5005 ±3 bps, 4 sources' },
      kept: { ...kept, 'IO/USDT': 'binance bybit kucoin okx' },
      dropped: ['CROSSED gate IO/USDT'],
    })
  })

  it('leaves out markets where nothing is traded', () => {
    const idle = CALM.map(changed('okx', '*', ticker => ({ ...ticker, baseVolume: '0.000' })))
    expect(outcomeOf(idle)).to.deep.equal({
      ...CALM_OUTCOME,
      result: '2.4995 ±5 bps, 3 sources',
      routes: {
        ...routes,
        [USDT_WAY]: '2.4995 ±5 bps, weight 4',
        [USDC_WAY]: 'LEG_ABSTAINED IO/USDC',
      },
      legs: { ...legs, 'IO/USDT': '2.4995 ±4 bps, 4 sources', 'IO/USDC': 'TOO_FEW_SOURCES, 2 of 3' },
      kept: { ...kept, 'IO/USDT': 'binance bybit gate kucoin', 'IO/USDC': 'binance bybit' },
      dropped: ['ZERO_VOLUME okx IO/USDT', 'ZERO_VOLUME okx IO/USDC'],
    })
  })

  it('leaves out venues whose clocks are minutes off, on either side', () => {
    const by = (ms: number) => (ticker: RawTicker) => ({ ...ticker, exchangeTimeMs: NOW_MS + ms })
    const skewed = CALM.map(changed('binance', 'IO/USDT', by(180_000))).map(
      changed('okx', 'IO/USDT', by(-180_000)),
    )
    expect(outcomeOf(skewed)).to.deep.equal({
      ...CALM_OUTCOME,
      result: '2.499 ±5 bps, 3 sources',
      routes: { ...routes, [USDT_WAY]: '2.499 ±5 bps, weight 3' },
      legs: { ...legs, 'IO/USDT': '2.499 ±4 bps, 3 sources' },
      kept: { ...kept, 'IO/USDT': 'bybit gate kucoin' },
      dropped: ['FUTURE binance IO/USDT', 'STALE okx IO/USDT'],
    })
  })

  it('leaves out negative prices and zeros, on whichever side', () => {
    const wrong = CALM.map(changed('binance', 'IO/USDT', ticker => ({ ...ticker, bid: '-2.5' })))
      .map(changed('okx', 'IO/USDT', ticker => ({ ...ticker, last: '0' })))
      .map(changed('upbit', 'USDT/KRW', at('-0')))
    expect(outcomeOf(wrong)).to.deep.equal({
      ...CALM_OUTCOME,
      result: '2.5 ±5 bps, 3 sources',
      routes: {
        ...routes,
        [USDT_WAY]: '2.499 ±5 bps, weight 3',
        [KRW_WAY]: 'LEG_ABSTAINED USDT/KRW',
      },
      legs: {
        ...legs,
        'IO/USDT': '2.499 ±4 bps, 3 sources',
        'USDT/KRW': 'TOO_FEW_SOURCES, 2 of 3',
      },
      kept: { ...kept, 'IO/USDT': 'bybit gate kucoin', 'USDT/KRW': 'bithumb coinone' },
      dropped: ['NON_POSITIVE binance IO/USDT', 'NON_POSITIVE okx IO/USDT', 'NON_POSITIVE upbit USDT/KRW'],
    })
  })

  it('is exact to the 18th decimal, and reads scientific notation', () => {
    const exact = CALM.map(changed('binance', 'IO/USDT', at('2.500000000000000007')))
      .map(changed('okx', 'IO/USDT', at('2502E-3')))
      .map(changed('gate', 'IO/USDT', at('0.002498e+3')))
      .map(changed('*', 'USDT/USD', at('1e0')))
      // Past the 18th decimal digits are cut.
      .map(changed('*', 'USDC/USD', at('1.0000000000000000019')))
    expect(outcomeOf(exact)).to.deep.equal({
      ...CALM_OUTCOME,
      result: '2.500000000000000007 ±4 bps, 3 sources',
      routes: {
        [USDT_WAY]: '2.500000000000000007 ±4 bps, weight 5',
        [USDC_WAY]: '2.501000000000000002 ±2 bps, weight 3',
        [KRW_WAY]: '2.497826086956521739 ±4 bps, weight 3',
      },
      legs: {
        ...legs,
        'IO/USDT': '2.500000000000000007 ±4 bps, 5 sources',
        'USDT/USD': '1 ±0 bps, 4 sources',
        'USDC/USD': '1.000000000000000001 ±0 bps, 3 sources',
      },
    })
  })

  it('does without a pair that is delisted: on one venue, or on all', () => {
    // A venue that no longer lists the pair answers with nothing; or not at all.
    const empty = ({ symbol, receivedAtMs }: RawTicker): RawTicker => ({
      symbol,
      receivedAtMs,
      exchangeTimeMs: null,
    })
    const delisted = CALM.map(changed('kucoin', 'IO/USDT', empty)).filter(({ pair }) => pair !== 'IO/KRW')
    expect(outcomeOf(delisted)).to.deep.equal({
      ...CALM_OUTCOME,
      result: '2.5005 ±5 bps, 3 sources',
      routes: {
        ...routes,
        [USDT_WAY]: '2.5005 ±5 bps, weight 4',
        [KRW_WAY]: 'LEG_ABSTAINED IO/KRW',
      },
      legs: { ...legs, 'IO/USDT': '2.5005 ±4 bps, 4 sources', 'IO/KRW': 'TOO_FEW_SOURCES, 0 of 3' },
      kept: { ...kept, 'IO/USDT': 'binance bybit gate okx', 'IO/KRW': '' },
      dropped: ['MISSING_VALUE kucoin IO/USDT'],
    })
  })

  it('is not made when storms have silenced the venues for too long', () => {
    const old = CALM.map(changed('*', '*', ticker => ({ ...ticker, receivedAtMs: NOW_MS - 10_001 })))
    expect(outcomeOf(old)).to.deep.equal({
      result: 'TOO_FEW_SOURCES IO/USDT',
      ageMs: null,
      routes: {
        [USDT_WAY]: 'LEG_ABSTAINED IO/USDT',
        [USDC_WAY]: 'LEG_ABSTAINED IO/USDC',
        [KRW_WAY]: 'LEG_ABSTAINED IO/KRW',
      },
      legs: Object.fromEntries(Object.keys(legs).map(pair => [pair, 'TOO_FEW_SOURCES, 0 of 3'])),
      kept: Object.fromEntries(Object.keys(legs).map(pair => [pair, ''])),
      dropped: Object.entries(kept).flatMap(([pair, venues]) =>
        venues.split(' ').map(venue => `STALE ${venue} ${pair}`),
      ),
      depegs: [],
    })
  })

  it('counts venues that copy one another once', () => {
    const owner = new Map([
      ['binance', 'one'],
      ['okx', 'one'],
      ['gate', 'one'],
    ])
    const grouped: SourcePlan = {
      ...plan,
      legs: plan.legs.map(leg => ({
        ...leg,
        venues: leg.venues.map(({ id }) => ({ id, group: owner.get(id) ?? id })),
      })),
    }
    const pipeline = createPipeline(grouped)
    for (const one of CALM.map(said =>
      owner.has(said.venue) ? changed('*', 'IO/USDT', at('3'))(said) : said,
    ))
      pipeline.accept({ ...one, transport: 'rest', requestedAtMs: 0 })
    expect(wholeOutcome('IO/USD', pipeline.observe(NOW_MS).outcome, NOW_MS)).to.deep.equal({
      ...CALM_OUTCOME,
      // Three venues of five say 3, but one voice of three; and two venues of three are one source of two.
      result: '2.499413043478260869 ±502 bps, 3 sources',
      routes: {
        ...routes,
        [USDT_WAY]: '2.501 ±502 bps, weight 3',
        [USDC_WAY]: 'LEG_ABSTAINED IO/USDC',
      },
      legs: { ...legs, 'IO/USDT': '2.501 ±501 bps, 3 sources', 'IO/USDC': 'TOO_FEW_SOURCES, 2 of 3' },
    })
  })
})

describe('at the door', () => {
  const [first] = CALM
  const spoilt: [string, Partial<RawTicker>][] = [
    ['bid', { bid: 'NaN' }],
    ['ask', { ask: '2.5 USDT' }],
    ['last', { last: '1e999' }],
    ['last', { last: '3.5e20' }],
    ['volume', { baseVolume: '' }],
    ['time', { exchangeTimeMs: 0.5 }],
    ['symbol', { symbol: 'IO/USDC' }],
  ]
  for (const [field, change] of spoilt) {
    it(`a ticker with the ${field} of ${JSON.stringify(change)} is refused, and what was there before stays`, () => {
      if (first === undefined) throw new Error('nobody said anything')
      const pipeline = createPipeline(plan)
      for (const one of CALM) pipeline.accept({ ...one, transport: 'websocket', requestedAtMs: null })
      const bad = { ...first, ticker: { ...first.ticker, ...change } }
      expect(() => pipeline.accept({ ...bad, transport: 'websocket', requestedAtMs: null }))
        .to.throw(TickerError)
        .that.includes({ code: 'BAD_TICKER', field, venue: 'binance' })
      const { outcome } = pipeline.observe(NOW_MS)
      expect(wholeOutcome(plan.feed, outcome, NOW_MS)).to.deep.equal(CALM_OUTCOME)
    })
  }
})
