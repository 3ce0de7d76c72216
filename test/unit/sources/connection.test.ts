import { expect } from 'chai'
import { silentSourceMetrics } from '../../../oracle-node/sources/metrics.ts'
import { LOOK_MS, MAX_SESSION_FRAMES } from '../../../oracle-node/sources/recycle.ts'
import { createSources } from '../../../oracle-node/sources/service.ts'
import { DEFAULT_TIMING } from '../../../oracle-node/sources/timing.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { aLeg, NOW_MS } from '../../support/sources/build.ts'
import { aVenueScript, FakeVenue, type VenueScript } from '../../support/sources/fake-exchange.ts'
import { ManualClock } from '../../support/sources/manual-clock.ts'

const PAIRS = ['IO/USDT', 'IO/USDC', 'IO/BTC', 'BTC/USDT']

/** One venue with `pairs` of it in use. `openedS`: when its market list was asked for, in seconds. */
function connected(pairs: readonly string[], change: Partial<VenueScript>) {
  const clock = new ManualClock(NOW_MS)
  const venue = new FakeVenue(aVenueScript({ markets: [...pairs], ...change }), clock)
  const legs = pairs.map(pair => aLeg(['binance'], { pair, minSources: 1 }))
  const sources = createSources(
    { plan: { feed: 'IO/USDT', legs, routes: [['IO/USDT']] } },
    {
      clock,
      logger: silentLogger,
      metrics: silentSourceMetrics,
      createExchange: venue.create,
      // Waits are as long as they can be: what they would be without a share of chance.
      random: () => 1 - Number.EPSILON,
    },
  )
  const start = () => sources.start(new AbortController().signal)
  const openedS = () => venue.openedAtMs.map(ms => (ms - NOW_MS) / 1_000)
  return { clock, venue, sources, start, openedS }
}

describe('a venue with one pair or four', () => {
  for (const pairs of [PAIRS.slice(0, 1), PAIRS]) {
    const opened = async (change: Partial<VenueScript>, forMs: number): Promise<number[]> => {
      const { clock, sources, start, openedS } = connected(pairs, change)
      await start()
      await clock.advance(forMs)
      await sources.stop()
      expect(clock.sleeping).to.equal(0)
      return openedS()
    }

    it(`is asked equally often for its market list while it is down: ${pairs.length}`, async () => {
      expect(await opened({ markets: 'NETWORK' }, 100_000)).to.deep.equal([
        0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5, 61.5, 91.5,
      ])
    })

    it(`is left alone as it asks when its market list is asked for too often: ${pairs.length}`, async () => {
      const limited = { markets: 'RATE_LIMITED', retryAfterMs: 60_000 } as const
      expect(await opened(limited, 150_000)).to.deep.equal([0, 60, 120])
    })

    it(`is left alone as it asks whatever else it says: ${pairs.length}`, async () => {
      expect(await opened({ markets: 'NETWORK', retryAfterMs: 60_000 }, 150_000)).to.deep.equal([0, 60, 120])
    })

    it(`is asked again after minutes when it lists nothing that is wanted: ${pairs.length}`, async () => {
      expect(await opened({ markets: ['ETH/USDT'] }, 700_000)).to.deep.equal([0, 300, 600])
    })

    it(`is connected to equally often while its stream fails: ${pairs.length}`, async () => {
      const at = await opened({ watch: 'NETWORK' }, 100_000)
      expect(at).to.deep.equal([0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5, 61.5, 91.5])
    })
  }

  it('is not asked for a market list while it wants to be left alone, which it said of a ticker', async () => {
    const { clock, venue, sources, start, openedS } = connected(PAIRS, { fetch: 'RATE_LIMITED' })
    venue.script.retryAfterMs = 120_000
    await start()
    await clock.advance(1_000)
    expect(venue.fetched).to.equal(PAIRS.length)
    venue.script.retryAfterMs = 0
    venue.script.watch = 'NETWORK'
    await clock.advance(118_000)
    expect(openedS()).to.deep.equal([0])
    expect(venue.fetched).to.equal(PAIRS.length)
    venue.script.fetch = { price: '2.4' }
    await clock.advance(2_000)
    expect(openedS()[1]).to.equal(120)
    await sources.stop()
  })

  it('is asked over REST while its stream is made anew, and by the same exchange', async () => {
    const { clock, venue, sources, start } = connected(PAIRS, { watch: 'NETWORK' })
    await start()
    await clock.advance(70_000)
    const { created, fetched } = venue
    await clock.advance(20_000)
    expect(venue.created).to.equal(created)
    expect(venue.fetched - fetched).to.be.within(9 * PAIRS.length, 11 * PAIRS.length)
    expect(sources.status(clock.now()).map(({ state }) => state)).to.deep.equal(PAIRS.map(() => 'polling'))
    await sources.stop()
    expect(venue.closed).to.equal(venue.created)
  })

  it('streams as soon as an exchange for its age takes the place of one whose stream was lost', async () => {
    const heard = { frames: MAX_SESSION_FRAMES, framesUpTo: Number.POSITIVE_INFINITY }
    const { clock, venue, sources, start, openedS } = connected(PAIRS, { watch: 'NETWORK', ...heard })
    await start()
    // The streak would go on at 61.5 s.
    await clock.advance(LOOK_MS - 1)
    venue.script.watch = { price: '2.5', pushMs: 200 }
    await clock.advance(500)
    expect(sources.status(clock.now()).map(({ state }) => state)).to.deep.equal(PAIRS.map(() => 'streaming'))
    await clock.advance(10_000)
    expect(openedS()).to.deep.equal([0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5, LOOK_MS / 1_000])
    await sources.stop()
    expect(venue.closed).to.equal(venue.created)
    expect(clock.sleeping).to.equal(0)
  })

  it('streams as soon as that while the list for another hangs', async () => {
    const heard = { frames: MAX_SESSION_FRAMES, framesUpTo: Number.POSITIVE_INFINITY }
    const { clock, venue, sources, start } = connected(PAIRS, heard)
    await start()
    await clock.advance(LOOK_MS - 1_000)
    venue.script.watch = 'NETWORK'
    venue.script.markets = 'hang'
    await clock.advance(900)
    expect([venue.created, venue.closed]).to.deep.equal([2, 0])
    venue.script.watch = { price: '2.5', pushMs: 200 }
    venue.script.markets = [...PAIRS]
    await clock.advance(5_000)
    for (const { state, ageMs } of sources.status(clock.now())) {
      expect(state).to.equal('streaming')
      expect(ageMs).to.be.below(500)
    }
    expect([venue.created, venue.closed]).to.deep.equal([3, 2])
    await sources.stop()
    expect(venue.closed).to.equal(venue.created)
    expect(clock.sleeping).to.equal(0)
  })

  it('is served by the old exchange when a fresh one cannot be had', async () => {
    const { clock, venue, sources, start } = connected(PAIRS, {})
    await start()
    await clock.advance(1_000)
    venue.script.watch = 'NETWORK'
    venue.script.markets = 'GEO_BLOCKED'
    await clock.advance(DEFAULT_TIMING.hopelessMs)
    expect(venue.created - venue.closed).to.equal(1)
    for (const { state, ageMs } of sources.status(clock.now())) {
      expect(state).to.equal('polling')
      expect(ageMs).to.be.below(DEFAULT_TIMING.silentMs + 1)
    }
    await sources.stop()
  })
})
