import { expect } from 'chai'
import type { PeerKey } from '../../../runtime/p2p/peer-key.ts'
import { HEAD_START_MS, RedialPlan, type RedialTarget } from '../../../runtime/p2p/redial.ts'

const SELF: PeerKey = '0x50'
const LOWER: RedialTarget = { peer: '0x10', address: '/ip4/127.0.0.1/tcp/1' }
const HIGHER: RedialTarget = { peer: '0x90', address: '/ip4/127.0.0.1/tcp/9' }
const nobody = (): boolean => false

describe('the redial plan', () => {
  const plan = (...targets: RedialTarget[]): RedialPlan => new RedialPlan(SELF, targets, 0, () => 1)

  it('dials larger keys at once and smaller ones after their head start, so that two peers do not cross', () => {
    const both = plan(LOWER, HIGHER)
    expect(both.take(0, nobody)).to.deep.equal([HIGHER])
    expect(both.take(HEAD_START_MS, nobody)).to.deep.equal([LOWER])
  })

  it('never dials itself, nor a peer that the caller skips', () => {
    expect(plan({ peer: SELF, address: '' }).take(9_999, nobody)).to.deep.equal([])
    expect(plan(HIGHER).take(0, peer => peer === HIGHER.peer)).to.deep.equal([])
  })

  it('has one dial to a target at a time', () => {
    const one = plan(HIGHER)
    one.take(0, nobody)
    expect(one.take(60_000, nobody)).to.deep.equal([])
  })

  it('waits twice as long after each failure, up to ten seconds', () => {
    const one = plan(HIGHER)
    let now = 0
    const waits = Array.from({ length: 8 }, () => {
      expect(one.take(now, nobody)).to.deep.equal([HIGHER])
      one.failed(HIGHER, now)
      let waited = 0
      while (one.take(now + waited, peer => peer !== HIGHER.peer).length === 0) waited += 100
      one.failed(HIGHER, now)
      now += 20_000
      return waited
    })
    expect(waits[0]).to.equal(200)
    expect(waits.at(-1)).to.equal(10_000)
    expect([...waits].sort((a, b) => a - b)).to.deep.equal(waits)
  })

  it('dials a lost peer soon, however often it had failed before', () => {
    const one = plan(HIGHER)
    for (let k = 0; k < 10; k++) {
      one.take(k * 20_000, nobody)
      one.failed(HIGHER, k * 20_000)
    }
    one.take(300_000, nobody)
    one.succeeded(HIGHER)
    one.lost(HIGHER.peer, 300_000)
    expect(one.take(300_199, nobody)).to.deep.equal([])
    expect(one.take(300_200, nobody)).to.deep.equal([HIGHER])
  })
})
