import { expect } from 'chai'
import { silentSourceMetrics } from '../../../oracle-node/sources/metrics.ts'
import { createSources } from '../../../oracle-node/sources/service.ts'
import { DEFAULT_TIMING } from '../../../oracle-node/sources/timing.ts'
import { MARKET_LIST_TURNS, Turns } from '../../../oracle-node/sources/turns.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { aLeg, NOW_MS } from '../../support/sources/build.ts'
import { aVenueScript, FakeVenue, type VenueScript } from '../../support/sources/fake-exchange.ts'
import { ManualClock } from '../../support/sources/manual-clock.ts'

const { signal: never } = new AbortController()

function turns(places: number) {
  const clock = new ManualClock(0)
  const events: string[] = []
  const all = new Turns({ places, patienceMs: 3_000 }, clock)
  const work = (name: string, ms: number, signal = never) =>
    all.take(async () => {
      events.push(`${name} begins`)
      await clock.sleep(ms)
      events.push(`${name} ends`)
      if (name === 'bad') throw new Error(name)
    }, signal)
  return { clock, events, work }
}

describe('turns', () => {
  it('are taken in the order of asking, and work that fails ends its own', async () => {
    const { clock, events, work } = turns(1)
    const all = Promise.allSettled([work('bad', 10), work('b', 10), work('c', 10)])
    await clock.advance(30)
    await all
    expect(events).to.deep.equal(['bad begins', 'bad ends', 'b begins', 'b ends', 'c begins', 'c ends'])
    expect(clock.sleeping).to.equal(0)
  })

  it('are had by as many together as there are places', async () => {
    const { clock, events, work } = turns(2)
    const all = Promise.all([work('a', 10), work('b', 20), work('c', 30)])
    await clock.advance(100)
    await all
    expect(events).to.deep.equal(['a begins', 'b begins', 'a ends', 'c begins', 'b ends', 'c ends'])
  })

  it('go to the next when somebody takes long, who goes on', async () => {
    const { clock, events, work } = turns(1)
    const all = Promise.all([work('slow', 10_000), work('b', 10), work('c', 10)])
    await clock.advance(2_999)
    expect(events).to.deep.equal(['slow begins'])
    await clock.advance(10_000)
    await all
    expect(events).to.deep.equal(['slow begins', 'b begins', 'b ends', 'c begins', 'c ends', 'slow ends'])
    expect(clock.sleeping).to.equal(0)
  })

  it('are as many afterwards as they were, whoever took long', async () => {
    const { clock, events, work } = turns(1)
    const slow = work('slow', 10_000)
    await clock.advance(10_000)
    await slow
    const all = Promise.all([work('b', 10), work('c', 10)])
    await clock.advance(20)
    await all
    expect(events.slice(2)).to.deep.equal(['b begins', 'b ends', 'c begins', 'c ends'])
  })

  it('are not waited for by who gives up', async () => {
    const { clock, events, work } = turns(1)
    const abort = new AbortController()
    const first = work('a', 10)
    const second = work('b', 10, abort.signal).catch((reason: unknown) => reason)
    const third = work('c', 10)
    abort.abort('enough')
    expect(await second).to.equal('enough')
    await clock.advance(20)
    await Promise.all([first, third])
    expect(events).to.deep.equal(['a begins', 'a ends', 'c begins', 'c ends'])
  })
})

/** Venues that are all asked at once for their markets, the first of them with `change`. */
function starting(count: number, changed: number, change: Partial<VenueScript>, listMs: number) {
  const clock = new ManualClock(NOW_MS)
  const loads = { now: 0, most: 0 }
  const ids = Array.from({ length: count }, (_, i) => `venue${i}`)
  const sources = createSources(
    { plan: { feed: 'IO/USDT', legs: [aLeg(ids, { minSources: count - changed })], routes: [['IO/USDT']] } },
    {
      clock,
      logger: silentLogger,
      metrics: silentSourceMetrics,
      random: () => 0,
      createExchange: id => {
        const script = aVenueScript(ids.indexOf(id) < changed ? change : {})
        const exchange = new FakeVenue(script, clock).create()
        const loadMarkets = async () => {
          loads.now += 1
          loads.most = Math.max(loads.most, loads.now)
          await clock.sleep(listMs)
          loads.now -= 1
          return exchange.loadMarkets()
        }
        return { ...exchange, loadMarkets }
      },
    },
  )
  return { clock, sources, loads }
}

describe('the market lists of all venues', () => {
  it('are loaded two at a time', async () => {
    const { clock, sources, loads } = starting(19, 0, {}, 100)
    await sources.start(never)
    await clock.advance(2_000)
    expect(sources.observe(clock.now()).outcome.kind).to.equal('price')
    expect(loads.most).to.equal(2)
    await sources.stop()
  })

  it('are there within seconds though five of nineteen hang', async () => {
    const { clock, sources } = starting(19, 5, { markets: 'hang' }, 100)
    await sources.start(never)
    // Those behind them begin after twice the patience, one at a time while the fifth has the other place.
    await clock.advance(2 * MARKET_LIST_TURNS.patienceMs)
    expect(sources.status(clock.now()).map(({ transport }) => transport)).to.not.include('websocket')
    await clock.advance(14 * 100 + 300)
    expect(sources.observe(clock.now()).outcome.kind).to.equal('price')
    await sources.stop()
    expect(clock.sleeping).to.equal(0)
  })

  it('may each take their time, which begins when their turn does', async () => {
    const { clock, sources } = starting(6, 0, {}, DEFAULT_TIMING.listMs - 1_000)
    await sources.start(never)
    // The last ones begin when the clock shows twice the patience.
    await clock.advance(DEFAULT_TIMING.listMs + 2 * MARKET_LIST_TURNS.patienceMs)
    expect(sources.observe(clock.now()).outcome.kind).to.equal('price')
    await sources.stop()
  })
})
