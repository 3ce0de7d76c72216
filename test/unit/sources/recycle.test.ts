import { expect } from 'chai'
import { parseRetryAfter } from '../../../oracle-node/sources/adapters/rest-calls.ts'
import { DeadlineError, Pending } from '../../../oracle-node/sources/deadline.ts'
import { silentSourceMetrics } from '../../../oracle-node/sources/metrics.ts'
import { LOOK_MS, MAX_SESSION_FRAMES } from '../../../oracle-node/sources/recycle.ts'
import { createSources } from '../../../oracle-node/sources/service.ts'
import { DEFAULT_TIMING, retryDelayMs, type SourceTiming } from '../../../oracle-node/sources/timing.ts'
import { type Logger, silentLogger } from '../../../runtime/logger.ts'
import { aLeg, NOW_MS } from '../../support/sources/build.ts'
import { aVenueScript, FakeVenue, type VenueScript } from '../../support/sources/fake-exchange.ts'
import { ManualClock } from '../../support/sources/manual-clock.ts'

/** Longer than a fresh exchange takes to stream. */
const TAKE_OVER_MS = 1_000
const SESSION_MS = 60_000
const TIMING = { ...DEFAULT_TIMING, maxSessionMs: SESSION_MS }

function venuesUnder(
  scripts: Record<string, Partial<VenueScript>>,
  logger: Logger = silentLogger,
  timing: SourceTiming = TIMING,
  pairs: readonly string[] = ['IO/USDT'],
) {
  const clock = new ManualClock(NOW_MS)
  const venues = new Map(
    Object.entries(scripts).map(([id, change]) => [id, new FakeVenue(aVenueScript(change), clock)]),
  )
  const legs = pairs.map(pair => aLeg([...venues.keys()], { pair, minSources: 1 }))
  const failed: string[] = []
  const sources = createSources(
    { plan: { feed: 'IO/USDT', legs, routes: [['IO/USDT']] }, timing },
    {
      clock,
      logger,
      metrics: { ...silentSourceMetrics, recycleFailed: id => void failed.push(id) },
      createExchange: id => (venues.get(id) ?? new FakeVenue(aVenueScript(), clock)).create(),
      random: () => 0.999,
    },
  )
  const venue = (id: string): FakeVenue => {
    const found = venues.get(id)
    if (found === undefined) throw new Error(`no ${id}`)
    return found
  }
  const start = () => sources.start(new AbortController().signal)
  return { clock, sources, venue, start, failed }
}

describe('an exchange that has served for long', () => {
  it('is closed only when a fresh one streams, and no price is missed', async () => {
    const { clock, sources, venue, start } = venuesUnder({ binance: {} })
    const binance = venue('binance')
    await start()
    let together = 0
    for (let elapsedMs = 0; elapsedMs < 3.5 * SESSION_MS; elapsedMs += 100) {
      await clock.advance(100)
      if (binance.created - binance.closed === 2) together += 1
      expect(binance.created - binance.closed).to.be.within(1, 2)
      if (elapsedMs < 1_000) continue
      const [status] = sources.status(clock.now())
      expect(status).to.deep.include({ state: 'streaming', transport: 'websocket' })
      expect(status?.ageMs).to.be.below(2 * 200 + DEFAULT_TIMING.mergeMs)
    }
    expect(binance.created).to.equal(4)
    expect(together).to.be.at.least(3)
    expect(binance.fetched).to.equal(1)
    await sources.stop()
    expect(binance.closed).to.equal(binance.created)
    expect(clock.sleeping).to.equal(0)
  })

  it('serves on when the fresh one cannot be had', async () => {
    const { clock, sources, venue, start, failed } = venuesUnder({ binance: {} })
    const binance = venue('binance')
    await start()
    await clock.advance(1_000)
    binance.script.markets = 'hang'
    await clock.advance(SESSION_MS + DEFAULT_TIMING.listMs)
    expect(binance.created).to.equal(2)
    expect(binance.closed).to.equal(1)
    expect(sources.status(clock.now())[0]).to.deep.include({ state: 'streaming' })
    expect(failed).to.deep.equal(['binance'])
    await sources.stop()
    expect(clock.sleeping).to.equal(0)
  })

  it('serves on when the fresh one does not stream', async () => {
    const { clock, sources, venue, start, failed } = venuesUnder({ binance: { streamingUpTo: 1 } })
    const binance = venue('binance')
    await start()
    await clock.advance(SESSION_MS + TIMING.watchDeadMs)
    expect(binance.created).to.equal(2)
    expect(binance.closed).to.equal(1)
    expect(binance.fetched).to.equal(1)
    expect(sources.status(clock.now())[0]).to.deep.include({ state: 'streaming' })
    expect(failed).to.deep.equal(['binance'])
    await sources.stop()
  })

  it('is replaced when one of its pairs streams from the fresh one, though another says nothing', async () => {
    const pairs = ['IO/USDT', 'IO/BTC']
    const { clock, sources, venue, start, failed } = venuesUnder(
      { binance: { markets: pairs } },
      silentLogger,
      TIMING,
      pairs,
    )
    const binance = venue('binance')
    await start()
    await clock.advance(SESSION_MS - 1_000)
    binance.script.silent = ['IO/BTC']
    await clock.advance(2_000)
    expect(binance.created).to.equal(2)
    expect(binance.closed).to.equal(1)
    await clock.advance(TIMING.watchDeadMs)
    const ways = sources.status(clock.now()).map(({ pair, state }) => [pair, state])
    expect(ways).to.deep.equal([
      ['IO/USDT', 'streaming'],
      ['IO/BTC', 'polling'],
    ])
    expect(failed).to.deep.equal([])
    await sources.stop()
    expect(clock.sleeping).to.equal(0)
  })

  it('serves on when the fresh one loses its stream by one pair, though another streams', async () => {
    const pairs = ['IO/USDT', 'IO/BTC']
    const { clock, sources, venue, start, failed } = venuesUnder(
      { binance: { markets: pairs } },
      silentLogger,
      TIMING,
      pairs,
    )
    const binance = venue('binance')
    await start()
    await clock.advance(1_000)
    binance.script.refused = ['IO/BTC']
    await clock.advance(SESSION_MS + TAKE_OVER_MS)
    expect([binance.created, binance.closed]).to.deep.equal([2, 1])
    expect(failed).to.deep.equal(['binance'])
    expect(binance.fetched).to.equal(pairs.length)
    for (const { state, ageMs } of sources.status(clock.now())) {
      expect(state).to.equal('streaming')
      expect(ageMs).to.be.below(500)
    }
    await sources.stop()
    expect(clock.sleeping).to.equal(0)
  })

  it('is replaced although it only polls', async () => {
    const { clock, sources, venue, start } = venuesUnder({ mexc: { streams: false } })
    await start()
    await clock.advance(1_000)
    expect(sources.status(clock.now())[0]).to.deep.include({ state: 'polling' })
    await clock.advance(SESSION_MS)
    expect(venue('mexc').created).to.equal(2)
    expect(venue('mexc').closed).to.equal(1)
    await clock.advance(3_000)
    expect(sources.status(clock.now())[0]).to.deep.include({ state: 'polling' })
    await sources.stop()
    expect(clock.sleeping).to.equal(0)
  })
})

describe('an exchange that has heard much', () => {
  it('is replaced long before its age says so, once', async () => {
    const { clock, sources, venue, start } = venuesUnder({ binance: {} }, silentLogger, DEFAULT_TIMING)
    const binance = venue('binance')
    await start()
    binance.script.frames = MAX_SESSION_FRAMES - 1
    await clock.advance(5 * LOOK_MS)
    expect(binance.created).to.equal(1)
    binance.script.frames = MAX_SESSION_FRAMES
    await clock.advance(LOOK_MS + TAKE_OVER_MS)
    expect([binance.created, binance.closed]).to.deep.equal([2, 1])
    await clock.advance(5 * LOOK_MS)
    expect(binance.created).to.equal(2)
    expect(sources.status(clock.now())[0]).to.deep.include({ state: 'streaming' })
    await sources.stop()
    expect(clock.sleeping).to.equal(0)
  })

  it('is replaced once a look at most, however much its successors hear', async () => {
    const { clock, sources, venue, start } = venuesUnder({ binance: {} }, silentLogger, DEFAULT_TIMING)
    const binance = venue('binance')
    binance.script.frames = MAX_SESSION_FRAMES
    binance.script.framesUpTo = Number.POSITIVE_INFINITY
    await start()
    await clock.advance(5 * (LOOK_MS + TAKE_OVER_MS))
    expect(binance.created).to.equal(6)
    expect(binance.created - binance.closed).to.equal(1)
    await sources.stop()
  })
})

describe('the first look at the venues', () => {
  it('is told in one line, and in the state of each, and none of it ends anything', async () => {
    const lines: [string, object | undefined][] = []
    const logger = {
      ...silentLogger,
      info: (text: string, fields?: object) => void lines.push([text, fields]),
    }
    const { clock, sources, start } = venuesUnder(
      {
        binance: {},
        okx: { markets: ['BTC/USDT'] },
        bybit: { markets: 'GEO_BLOCKED' },
        gate: { markets: 'NETWORK' },
        htx: { markets: 'hang' },
        mexc: { streams: false },
      },
      logger,
    )
    await start()
    await clock.advance(10_000)
    const reports = lines.filter(([text]) => text === 'these venues can be used from here')
    expect(reports.map(([, fields]) => fields)).to.deep.equal([
      {
        listed: ['binance IO/USDT', 'mexc IO/USDT'],
        notListed: ['okx IO/USDT'],
        geoBlocked: ['bybit IO/USDT'],
        unreachable: ['gate IO/USDT', 'htx IO/USDT'],
      },
    ])
    await clock.advance(DEFAULT_TIMING.listMs)
    const states = sources.status(clock.now()).map(({ venue, state }) => [venue, state])
    expect(Object.fromEntries(states)).to.deep.equal({
      binance: 'streaming',
      okx: 'not-listed',
      bybit: 'geo-blocked',
      gate: 'unreachable',
      htx: 'unreachable',
      mexc: 'polling',
    })
    await sources.stop()
    expect(clock.sleeping).to.equal(0)
  })
})

describe('a venue that asks to be left alone', () => {
  it('is left alone for as long as it asks, up to a bound', () => {
    const wait = (retryAfterMs: number) => retryDelayMs('RATE_LIMITED', 1, 0, DEFAULT_TIMING, retryAfterMs)
    expect([0, 60_000, 86_400_000].map(wait)).to.deep.equal([5_000, 60_000, DEFAULT_TIMING.hopelessMs])
  })

  it('may say so in seconds or by a date', () => {
    expect(parseRetryAfter('120', NOW_MS)).to.equal(120_000)
    expect(parseRetryAfter(new Date(NOW_MS + 5_000).toUTCString(), NOW_MS)).to.equal(5_000)
    expect(parseRetryAfter('soon', NOW_MS)).to.equal(undefined)
    expect(parseRetryAfter(undefined, NOW_MS)).to.equal(undefined)
  })

  it('is not asked by its other tasks either', async () => {
    const { clock, sources, venue, start } = venuesUnder({ binance: { watch: 'hang' } })
    const binance = venue('binance')
    binance.script.fetch = 'RATE_LIMITED'
    binance.script.retryAfterMs = 60_000
    await start()
    await clock.advance(50_000)
    expect(binance.fetched).to.equal(1)
    binance.script.fetch = { price: '2.4' }
    await clock.advance(15_000)
    expect(binance.fetched).to.be.above(1)
    await sources.stop()
  })
})

describe('work that is waited for again and again', () => {
  it('comes to whoever waits when it is done, and to whoever waits later', async () => {
    const clock = new ManualClock(0)
    const { signal } = new AbortController()
    const { promise, resolve } = Promise.withResolvers<number>()
    const pending = new Pending(promise)
    for (let i = 0; i < 3; i += 1) {
      const late = pending.wait(10, clock, signal).catch((error: unknown) => error)
      await clock.advance(10)
      expect(await late).to.be.instanceOf(DeadlineError)
    }
    const inTime = pending.wait(10, clock, signal)
    resolve(7)
    expect(await inTime).to.equal(7)
    expect(await pending.wait(10, clock, signal)).to.equal(7)
    expect(clock.sleeping).to.equal(0)
  })
})
