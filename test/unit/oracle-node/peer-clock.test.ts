import { expect } from 'chai'
import fc from 'fast-check'
import { PeerClock } from '../../../oracle-node/quoting/peer-clock.ts'

const WALL_MS = 1_800_000_000_000
const MAX_ROUND_TRIP_MS = 200

/** A machine whose wall clock is `aheadMs` ahead of the true time. */
function machine(aheadMs = 0) {
  let monotonicMs = 5_000
  let steppedMs = 0
  return {
    now: () => WALL_MS + monotonicMs + aheadMs + steppedMs,
    monotonic: () => monotonicMs,
    pass: (ms: number) => {
      monotonicMs += ms
    },
    step: (ms: number) => {
      steppedMs += ms
    },
  }
}

/** An exchange with a peer whose clock is `peerAheadMs` ahead of the true time. */
function exchange(own: ReturnType<typeof machine>, peerAheadMs: number, legs: [number, number] = [10, 10]) {
  const askedAtMs = own.monotonic()
  own.pass(legs[0])
  const peerMs = Math.floor(WALL_MS + own.monotonic() + peerAheadMs)
  own.pass(legs[1])
  return {
    askedAtMs,
    reply: { receivedAtMs: peerMs, sentAtMs: peerMs },
    answeredAtMs: own.monotonic(),
  }
}

describe('the peers’ median clock', () => {
  it('is unknown with fewer than 2f readings, for then liars could be a majority', () => {
    const own = machine()
    const peers = new PeerClock(MAX_ROUND_TRIP_MS)
    expect(peers.offsetMs(own, [1, 2, 3], 1)).to.equal(undefined)
    peers.note(1, exchange(own, 0))
    expect(peers.offsetMs(own, [1, 2, 3], 1)).to.equal(undefined)
    peers.note(2, exchange(own, 0))
    expect(peers.offsetMs(own, [1, 2, 3], 1)).to.equal(0)
  })

  it('says how far a clock is off when all others agree', () => {
    const own = machine(-500)
    const peers = new PeerClock(MAX_ROUND_TRIP_MS)
    for (const slot of [1, 2, 3]) peers.note(slot, exchange(own, 0))
    // Two of the middle: its own 500 behind, and theirs.
    expect(peers.offsetMs(own, [1, 2, 3], 1)).to.equal(500)
  })

  it('shows a step of the own clock at once, without another exchange', () => {
    const own = machine()
    const peers = new PeerClock(MAX_ROUND_TRIP_MS)
    for (const slot of [1, 2, 3, 4]) peers.note(slot, exchange(own, 0))
    expect(peers.offsetMs(own, [1, 2, 3, 4], 1)).to.equal(0)
    own.step(3_000)
    expect(peers.offsetMs(own, [1, 2, 3, 4], 1)).to.equal(-3_000)
  })

  it('forgets readings that are old, and members that are gone', () => {
    const own = machine()
    const peers = new PeerClock(MAX_ROUND_TRIP_MS)
    for (const slot of [1, 2, 3]) peers.note(slot, exchange(own, 0))
    expect(peers.offsetMs(own, [3], 1)).to.equal(undefined)
    for (const slot of [1, 2, 3]) peers.note(slot, exchange(own, 0))
    own.pass(60_001)
    expect(peers.offsetMs(own, [1, 2, 3], 1)).to.equal(undefined)
  })

  it('takes nothing from an exchange that was slow or contradicts itself', () => {
    const own = machine()
    const peers = new PeerClock(MAX_ROUND_TRIP_MS)
    expect(peers.note(1, exchange(own, 0, [100, 101]))).to.equal(false)
    expect(peers.note(1, exchange(own, 0, [100, 100]))).to.equal(true)
    const odd = exchange(own, 0)
    const back = { ...odd, reply: { receivedAtMs: 10, sentAtMs: 9 } }
    const longer = { ...odd, reply: { receivedAtMs: 10, sentAtMs: 10_000 } }
    expect([peers.note(2, back), peers.note(2, longer)]).to.deep.equal([false, false])
  })

  it('is off by no more than half the round trip, however uneven its legs', () => {
    const own = machine()
    const peers = new PeerClock(MAX_ROUND_TRIP_MS)
    peers.note(1, exchange(own, 0, [180, 0]))
    expect(Math.abs(peers.offsetMs(own, [1], 0) ?? Number.NaN)).to.be.at.most(90)
  })

  it('lies within honest clocks whatever f liars say', () => {
    const scene = fc.integer({ min: 1, max: 6 }).chain(f =>
      fc.record({
        f: fc.constant(f),
        honest: fc.array(fc.integer({ min: -90, max: 90 }), { minLength: f, maxLength: 3 * f }),
        liars: fc.array(fc.integer({ min: -10_000_000, max: 10_000_000 }), { maxLength: f }),
      }),
    )
    fc.assert(
      fc.property(scene, ({ f, honest, liars }) => {
        const own = machine()
        const peers = new PeerClock(MAX_ROUND_TRIP_MS)
        const all = [...honest, ...liars]
        for (const [index, aheadMs] of all.entries()) peers.note(index + 1, exchange(own, aheadMs, [0, 0]))
        const offsetMs = peers.offsetMs(
          own,
          all.map((_, index) => index + 1),
          f,
        )
        if (offsetMs !== undefined)
          expect(offsetMs).to.be.within(Math.min(0, ...honest), Math.max(0, ...honest))
      }),
    )
  })
})
