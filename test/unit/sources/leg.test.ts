import { expect } from 'chai'
import { aggregateLeg } from '../../../protocol/sources/leg.ts'
import { venuePrice } from '../../../protocol/sources/screen.ts'
import type { DropReason, LegPlan, VenueValue } from '../../../protocol/sources/types.ts'
import { parseDecimal } from '../../../protocol/units.ts'
import { aLeg, aValue, aValueAt, NOW_MS } from '../../support/sources/build.ts'

const VENUES = ['binance', 'okx', 'gate', 'bybit', 'kucoin']
const plan = aLeg(VENUES)

/** Four good venues and one that a test spoils. */
function withOne(change: Partial<VenueValue>): VenueValue[] {
  return [...VENUES.slice(1).map(venue => aValueAt(venue, '2.5')), aValue(change)]
}

function reasons(values: readonly VenueValue[], leg: LegPlan = plan): DropReason[] {
  return aggregateLeg(values, leg, NOW_MS).dropped.map(({ reason }) => reason)
}

describe('the price of a venue', () => {
  const price = (bid: string | null, ask: string | null, last: string | null) => {
    const parse = (text: string | null) => (text === null ? null : parseDecimal(text))
    return venuePrice({ bid: parse(bid), ask: parse(ask), last: parse(last) })
  }

  it('is the median of bid, ask and last', () => {
    expect(price('1', '3', '2.5')).to.equal(parseDecimal('2.5'))
    expect(price('1', '3', '9')).to.equal(parseDecimal('3'))
  })

  it('is the same when bid and ask change places', () => {
    expect(price('1.01', '1', '1.005')).to.equal(price('1', '1.01', '1.005'))
  })

  it('is the floor of the mean when one of the three is missing', () => {
    expect(price('1', null, '2')).to.equal(parseDecimal('1.5'))
    expect(price(null, '0.000000000000000002', '0.000000000000000001')).to.equal(1n)
    expect(price('1', '2', null)).to.equal(parseDecimal('1.5'))
  })

  it('is the last trade when there is no book', () => {
    expect(price(null, null, '2')).to.equal(parseDecimal('2'))
  })

  it('is missing when there is one side of a book and nothing else', () => {
    expect(price('1', null, null)).to.equal(null)
    expect(price(null, '1', null)).to.equal(null)
    expect(price(null, null, null)).to.equal(null)
  })
})

describe('a venue value', () => {
  it('counts when nothing is wrong with it', () => {
    expect(reasons(withOne({}))).to.deep.equal([])
  })

  const spoilt: [DropReason, string, Partial<VenueValue>][] = [
    ['NOT_IN_PLAN', 'comes from a venue that the plan does not name', { venue: 'nowhere' }],
    ['NOT_IN_PLAN', 'is about another pair', { pair: 'IO/USDC' }],
    ['MISSING_VALUE', 'says nothing', { bid: null, ask: null, last: null }],
    ['MISSING_VALUE', 'is a lone bid', { ask: null, last: null }],
    ['NON_POSITIVE', 'has a bid of zero', { bid: 0n }],
    ['NON_POSITIVE', 'has a negative last price', { last: -1n }],
    ['TOO_LARGE', 'has an ask beyond 128 bits', { ask: 1n << 128n }],
    ['FUTURE', 'bears a venue time too far ahead', { exchangeTimeMs: NOW_MS + 2_001 }],
    ['FUTURE', 'arrived in the future', { receivedAtMs: NOW_MS + 2_001 }],
    ['STALE', 'arrived too long ago', { receivedAtMs: NOW_MS - 10_001 }],
    ['STALE', 'was old when it arrived', { exchangeTimeMs: NOW_MS - 60_001 }],
    ['ZERO_VOLUME', 'comes from a market where nobody trades', { volume: 0n }],
    ['CROSSED', 'has a grossly crossed book', { bid: parseDecimal('2.6') }],
    ['OUT_OF_BAND', 'is far from the others', aValueAt('binance', '3.01')],
  ]
  for (const [reason, what, change] of spoilt) {
    it(`is dropped as ${reason} when it ${what}`, () => {
      expect(reasons(withOne(change))).to.deep.equal([reason])
    })
  }

  const edge: [string, Partial<VenueValue>][] = [
    ['its venue sends no time', { exchangeTimeMs: null }],
    ['its venue says nothing about volume', { volume: null }],
    ['it is just young enough', { receivedAtMs: NOW_MS - 10_000, exchangeTimeMs: NOW_MS - 60_000 }],
    ['its venue is ahead as far as tolerated', { exchangeTimeMs: NOW_MS + 2_000 }],
    ['its book is crossed by a hair', { bid: parseDecimal('2.502'), ask: parseDecimal('2.5') }],
    ['it is at the edge of the band', aValueAt('binance', '3')],
  ]
  for (const [what, change] of edge) {
    it(`counts when ${what}`, () => {
      expect(reasons(withOne(change))).to.deep.equal([])
    })
  }

  it('is FROZEN when nothing in it has changed for too long, where the plan sets a bound', () => {
    const frozen = withOne({ changedAtMs: NOW_MS - 60_001 })
    expect(reasons(frozen)).to.deep.equal([])
    expect(reasons(frozen, { ...plan, frozenMs: 60_000 })).to.deep.equal(['FROZEN'])
    expect(reasons(frozen, { ...plan, frozenMs: 60_001 })).to.deep.equal([])
  })

  it('that is there twice is judged as the one that changed last, in whatever order', () => {
    const leg = { ...plan, frozenMs: 60_000 }
    const twice = [...withOne({ changedAtMs: NOW_MS - 90_000 }), aValue()]
    const dropped = [{ input: aValue({ changedAtMs: NOW_MS - 90_000 }), reason: 'DUPLICATE' }]
    expect(aggregateLeg(twice, leg, NOW_MS).dropped).to.deep.equal(dropped)
    expect(aggregateLeg(twice.reverse(), leg, NOW_MS).dropped).to.deep.equal(dropped)
  })

  it('is a DUPLICATE when a newer one of its venue is there', () => {
    const old = aValueAt('binance', '9', { receivedAtMs: NOW_MS - 200 })
    const outcome = aggregateLeg([old, ...withOne({})], plan, NOW_MS)
    expect(outcome.dropped).to.deep.equal([{ input: old, reason: 'DUPLICATE' }])
    expect(outcome.kept.find(({ input }) => input.venue === 'binance')?.input).to.deep.equal(aValue())
  })
})

describe('a leg', () => {
  it('gives the median, its confidence, its time and its sources', () => {
    const values = VENUES.map((venue, i) =>
      aValueAt(venue, ['2.49', '2.495', '2.5', '2.505', '2.51'][i] ?? '', { receivedAtMs: NOW_MS - i * 10 }),
    )
    const outcome = aggregateLeg(values, plan, NOW_MS)
    expect(outcome).to.deep.include({
      kind: 'price',
      pair: 'IO/USDT',
      price: parseDecimal('2.5'),
      confidenceBps: 20, // half of 2.505 − 2.495, over 2.5
      observedAtMs: NOW_MS - 20,
      effectiveSources: 5,
      dropped: [],
    })
    expect(outcome.kept.map(({ input }) => input.venue)).to.deep.equal([...VENUES].sort())
  })

  it('takes the floor of the mean of the middle two', () => {
    const values = [1n, 2n, 3n, 4n].map((wei, i) => aValueAt(VENUES[i] ?? '', 10n ** 18n + wei))
    expect(aggregateLeg(values, plan, NOW_MS)).to.deep.include({ price: 10n ** 18n + 2n })
  })

  it('gives dependent venues one voice together', () => {
    const venues = ['a1', 'a2', 'a3', 'b', 'c'].map(id => ({ id, group: id.slice(0, 1) }))
    const prices = ['3', '3', '3', '2.5', '2.51']
    const values = venues.map(({ id }, i) => aValueAt(id, prices[i] ?? ''))
    const outcome = aggregateLeg(values, aLeg([], { venues }), NOW_MS)
    expect(outcome).to.deep.include({ price: parseDecimal('2.51'), effectiveSources: 3 })
  })

  it('does not let the band move the price', () => {
    const prices = ['0.6', '0.6', '0.65', '1', '1']
    const values = prices.map((price, i) => aValueAt(VENUES[i] ?? '', price))
    expect(aggregateLeg(values, plan, NOW_MS)).to.deep.include({ price: parseDecimal('0.65') })
  })

  it('leaves what is out of band out of its confidence', () => {
    const values = ['2.5', '2.5', '9'].map((price, i) => aValueAt(VENUES[i] ?? '', price))
    const outcome = aggregateLeg(values, aLeg(VENUES, { minSources: 2 }), NOW_MS)
    expect(outcome).to.deep.include({ kind: 'price', confidenceBps: 0, effectiveSources: 2 })
  })

  it('abstains below the minimum of sources and says how many there are', () => {
    const outcome = aggregateLeg([aValueAt('okx', '2.5'), aValueAt('gate', '2.5')], plan, NOW_MS)
    expect(outcome).to.deep.include({
      kind: 'abstain',
      reason: 'TOO_FEW_SOURCES',
      effectiveSources: 2,
      minSources: 3,
    })
  })

  it('abstains on nothing at all', () => {
    expect(aggregateLeg([], plan, NOW_MS)).to.deep.include({ kind: 'abstain', reason: 'TOO_FEW_SOURCES' })
  })

  it('counts groups, not venues, towards the minimum', () => {
    const venues = ['a1', 'a2', 'b'].map(id => ({ id, group: id.slice(0, 1) }))
    const values = venues.map(({ id }) => aValueAt(id, '2.5'))
    expect(aggregateLeg(values, aLeg([], { venues }), NOW_MS)).to.deep.include({ kind: 'abstain' })
  })

  it('does not count what is out of band towards the minimum', () => {
    const values = [aValueAt('okx', '2.5'), aValueAt('gate', '2.5'), aValueAt('bybit', '5')]
    expect(aggregateLeg(values, plan, NOW_MS)).to.deep.include({ reason: 'TOO_FEW_SOURCES' })
  })

  it('abstains when fewer than half agree', () => {
    const prices = ['1', '1', '2', '2']
    const values = prices.map((price, i) => aValueAt(VENUES[i] ?? '', price))
    const outcome = aggregateLeg(values, aLeg(VENUES, { minSources: 1 }), NOW_MS)
    expect(outcome).to.deep.include({ kind: 'abstain', reason: 'NO_AGREEMENT' })
    expect(outcome.dropped).to.have.length(4)
  })
})
