import { expect } from 'chai'
import { AssetMoves, CALM, controlChange, VenueState } from '../../../devnet/venues/control.ts'

const apply = (state: VenueState, change: object, nowMs: number): void =>
  state.apply(controlChange.parse(change), nowMs)

describe('venue behaviour', () => {
  it('changes what is named and leaves the rest', () => {
    const state = new VenueState()
    const before = state.behaviour
    apply(state, { rest: 'refused' }, 1)
    apply(state, { priceOffsetBps: 50 }, 2)
    expect(state.behaviour).to.deep.equal({ ...before, rest: 'refused', priceOffsetBps: 50 })
  })

  it('is calmed by one change, whatever it was', () => {
    const state = new VenueState()
    const before = state.behaviour
    const wild = {
      rest: 'error',
      errorStatus: 500,
      errorShare: 0.5,
      retryAfterSec: 3,
      ws: 'garbage',
      priceOffsetBps: 9,
      lagMs: 9,
      clockSkewMs: 9,
      freeze: 'all',
      tickerPatch: { '*': { bid: '0' } },
      delisted: ['IO/USDT'],
      junkMarkets: 9,
    }
    apply(state, wild, 1)
    expect(state.behaviour).to.deep.equal(wild)
    apply(state, CALM, 2)
    expect(state.behaviour).to.deep.equal(before)
    expect([state.clockAt(9), state.pricesOf(9), state.offsetAt(9)]).to.deep.equal([9, 9, 0])
  })

  it('keeps the prices of the past when the offset changes', () => {
    const state = new VenueState()
    apply(state, { priceOffsetBps: 50 }, 100)
    apply(state, { priceOffsetBps: -20 }, 200)
    expect([99, 100, 199, 200, 999].map(at => state.offsetAt(at))).to.deep.equal([0, 50, 50, -20, -20])
  })

  it('remembers a bounded number of offsets', () => {
    const state = new VenueState()
    for (let i = 1; i <= 100; i += 1) apply(state, { priceOffsetBps: i }, i)
    expect(state.offsetAt(50)).to.equal(0)
    expect(state.offsetAt(69)).to.equal(69)
    expect(state.offsetAt(100)).to.equal(100)
  })

  it('skews the clock and not the prices', () => {
    const state = new VenueState()
    apply(state, { clockSkewMs: 180_000 }, 1_000)
    expect(state.clockAt(2_000)).to.equal(182_000)
    expect(state.pricesOf(182_000)).to.equal(2_000)
  })

  it('freezes the prices alone, or the times as well, where they were when it began', () => {
    const state = new VenueState()
    apply(state, { freeze: 'prices', clockSkewMs: 10 }, 1_000)
    expect([state.clockAt(5_000), state.pricesOf(5_010), state.pricesOf(500)]).to.deep.equal([
      5_010, 1_000, 490,
    ])
    apply(state, { freeze: 'all' }, 6_000)
    expect([state.clockAt(9_000), state.pricesOf(1_010)]).to.deep.equal([1_010, 1_000])
    apply(state, { freeze: 'off' }, 7_000)
    expect([state.clockAt(9_000), state.pricesOf(9_010)]).to.deep.equal([9_010, 9_000])
  })

  it('refuses unknown venues, unknown words and impossible prices', () => {
    const changes = [
      { venue: 'mtgox' },
      { ws: 'loud' },
      { priceOffsetBps: -10_000 },
      { speed: 1 },
      { assetMoveBps: { DOGE: 1 } },
      { assetMoveBps: { USDC: -10_000 } },
      { errorStatus: 200 },
      { errorShare: 1.1 },
      { retryAfterSec: -1 },
      { clockSkewMs: 3_600_001 },
      { freeze: 'some' },
      { tickerPatch: { 'DOGE/USD': { bid: '1' } } },
      { tickerPatch: { '*': { bid: 1 } } },
      { tickerPatch: { '*': { high: '1' } } },
      { delisted: ['DOGE/USD'] },
      { junkMarkets: 1e9 },
    ]
    for (const change of changes) {
      expect(controlChange.safeParse(change).success, JSON.stringify(change)).to.equal(false)
    }
  })
})

describe('the worth of assets', () => {
  const move = (moves: AssetMoves, assetMoveBps: object, nowMs: number): void =>
    moves.apply(controlChange.parse({ assetMoveBps }), nowMs)

  it('moves a pair with its base and against its quote, and no other', () => {
    const moves = new AssetMoves()
    move(moves, { USDC: -1_200 }, 100)
    expect(moves.factorAt('USDC', 'USD', 100)).to.equal(0.88)
    expect(moves.factorAt('IO', 'USDC', 100)).to.equal(1 / 0.88)
    expect(moves.factorAt('IO', 'USDT', 100)).to.equal(1)
  })

  it('keeps the past, and the assets that are not named', () => {
    const moves = new AssetMoves()
    move(moves, { USDC: -1_200, BTC: 500 }, 100)
    move(moves, { USDC: 0 }, 200)
    expect([99, 100, 200].map(at => moves.factorAt('USDC', 'USD', at))).to.deep.equal([1, 0.88, 1])
    expect(moves.factorAt('BTC', 'USD', 200)).to.equal(1.05)
  })
})
