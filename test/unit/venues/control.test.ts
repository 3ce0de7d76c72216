import { expect } from 'chai'
import { AssetMoves, controlChange, VenueState } from '../../../devnet/venues/control.ts'

const apply = (state: VenueState, change: object, nowMs: number): void =>
  state.apply(controlChange.parse(change), nowMs)

describe('venue behaviour', () => {
  it('changes what is named and leaves the rest', () => {
    const state = new VenueState()
    apply(state, { rest: 'refused' }, 1)
    apply(state, { priceOffsetBps: 50 }, 2)
    expect(state.behaviour).to.deep.equal({ rest: 'refused', ws: 'ok', priceOffsetBps: 50, lagMs: 0 })
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

  it('refuses unknown venues, unknown words and impossible prices', () => {
    const changes = [
      { venue: 'mtgox' },
      { ws: 'loud' },
      { priceOffsetBps: -10_000 },
      { speed: 1 },
      { assetMoveBps: { DOGE: 1 } },
      { assetMoveBps: { USDC: -10_000 } },
    ]
    for (const change of changes) expect(controlChange.safeParse(change).success).to.equal(false)
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
