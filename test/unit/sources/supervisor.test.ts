import { expect } from 'chai'
import { type SourceMetrics, silentSourceMetrics } from '../../../oracle-node/sources/metrics.ts'
import { createSources } from '../../../oracle-node/sources/service.ts'
import { DEFAULT_TIMING } from '../../../oracle-node/sources/timing.ts'
import type { SourcePlan } from '../../../protocol/sources/types.ts'
import { formatDecimal } from '../../../protocol/units.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { aLeg, NOW_MS } from '../../support/sources/build.ts'
import { aVenueScript, FakeVenue, type VenueScript } from '../../support/sources/fake-exchange.ts'
import { ManualClock } from '../../support/sources/manual-clock.ts'

const PLAN = { feed: 'IO/USDT', legs: [aLeg(['binance'], { minSources: 1 })], routes: [['IO/USDT']] }

/** Its wall clock can be set. */
class SetClock extends ManualClock {
  setMs = 0
  override now(): number {
    return super.now() + this.setMs
  }
}

/** One venue under supervision on a clock that the test moves. */
function supervised(change: Partial<VenueScript> = {}, plan: SourcePlan = PLAN) {
  const clock = new SetClock(NOW_MS)
  const venue = new FakeVenue(aVenueScript(change), clock)
  const failures: string[] = []
  /** Failures that were told of, and how many in a row each made; the second list is for who debugs. */
  const told: string[] = []
  const debugged: string[] = []
  const writeTo = (lines: string[]) => (_text: string, fields?: object) => {
    if (fields === undefined || !('transport' in fields && 'code' in fields && 'failures' in fields)) return
    lines.push(`${fields.transport} ${fields.code} ${fields.failures}`)
  }
  const logger = { ...silentLogger, info: writeTo(told), debug: writeTo(debugged) }
  const metrics: SourceMetrics = {
    ...silentSourceMetrics,
    failure: (_venue, transport, code) => void failures.push(`${transport} ${code}`),
  }
  const sources = createSources(
    { plan },
    { clock, logger, metrics, createExchange: venue.create, random: () => 0.999 },
  )
  const held = () => sources.observe(clock.now()).trace.values.map(({ last }) => formatDecimal(last ?? 0n))
  const start = () => sources.start(new AbortController().signal)
  return { clock, venue, failures, told, debugged, sources, held, start }
}

describe('a venue supervisor', () => {
  it('has a first price from REST before the stream says anything', async () => {
    const { clock, sources, held, start } = supervised()
    await start()
    await clock.advance(0)
    expect(held()).to.deep.equal(['2.4'])
    await sources.stop()
  })

  it('follows the stream and leaves REST alone while it speaks', async () => {
    const { clock, venue, sources, held, start } = supervised()
    await start()
    await clock.advance(60_000)
    expect(held()).to.deep.equal(['2.5'])
    expect(venue.fetched).to.equal(1)
    expect(venue.created).to.equal(1)
    expect(sources.status(clock.now())[0]).to.deep.include({ venue: 'binance', transport: 'websocket' })
    await sources.stop()
  })

  it('holds the last update of a burst when the venue says nothing more', async () => {
    const { clock, venue, sources, held, start } = supervised()
    await start()
    await clock.advance(1_000)
    // The update that is waited for still says 2.5; the next comes 5 ms later, within the time of merging.
    venue.script.watch = { price: '1.2', pushMs: 5 }
    do await clock.advance(1)
    while (sources.status(clock.now())[0]?.ageMs !== 0)
    expect(held()).to.deep.equal(['2.5'])
    await clock.advance(6)
    venue.script.watch = 'hang'
    await clock.advance(2 * DEFAULT_TIMING.mergeMs)
    expect(held()).to.deep.equal(['1.2'])
    await sources.stop()
  })

  it('asks REST when the stream goes silent, often enough that the value never gets stale', async () => {
    const { clock, venue, sources, held, start } = supervised()
    await start()
    await clock.advance(5_000)
    venue.script.watch = 'hang'
    for (let second = 0; second < 120; second++) {
      await clock.advance(1_000)
      expect(sources.observe(clock.now()).outcome.kind, `second ${second}`).to.equal('price')
    }
    expect(held()).to.deep.equal(['2.4'])
    expect(sources.status(clock.now())[0]).to.deep.include({ transport: 'rest' })
    await sources.stop()
  })

  it('makes the connection anew when the stream is silent for too long', async () => {
    const { clock, venue, sources, start } = supervised({ watch: 'hang' })
    await start()
    await clock.advance(DEFAULT_TIMING.watchDeadMs - 1)
    expect(venue.created).to.equal(1)
    await clock.advance(1_000)
    expect(venue.created).to.equal(2)
    expect(venue.closed).to.equal(1)
    await sources.stop()
  })

  it('loses no answer of a slow REST to streams that are refused again and again', async () => {
    const pairs = ['IO/USDT', 'IO/USDC', 'IO/BTC']
    const legs = pairs.map(pair => aLeg(['binance'], { pair, minSources: 1 }))
    const { clock, failures, sources, start } = supervised(
      { watch: 'STREAM_LOST', answersInMs: 900, markets: pairs },
      { feed: 'IO/USDT', legs, routes: [['IO/USDT']] },
    )
    await start()
    await clock.advance(5_000)
    for (let second = 0; second < 120; second++) {
      await clock.advance(1_000)
      const ages = sources
        .status(clock.now())
        .map(({ ageMs, transport }) => [transport, (ageMs ?? 1e9) < 5_000])
      expect(ages, `second ${second}`).to.deep.equal(pairs.map(() => ['rest', true]))
    }
    expect(failures.filter(failure => failure.startsWith('rest'))).to.deep.equal([])
    await sources.stop()
    expect(clock.sleeping).to.equal(0)
  })

  it('has one exchange left after streams were refused again and again', async () => {
    const { clock, venue, sources, start } = supervised({ watch: 'STREAM_LOST', answersInMs: 100 })
    await start()
    await clock.advance(300_000)
    expect(venue.created).to.be.above(10)
    expect(venue.created - venue.closed).to.be.within(1, 2)
    await sources.stop()
    expect(venue.closed).to.equal(venue.created)
  })

  it('polls on while a fresh exchange cannot be had', async () => {
    const { clock, venue, failures, sources, start } = supervised({ watch: 'STREAM_LOST' })
    await start()
    await clock.advance(200)
    venue.script.markets = 'NETWORK'
    await clock.advance(120_000)
    const [status] = sources.status(clock.now())
    expect(status).to.deep.include({ transport: 'rest', state: 'polling' })
    expect(failures.filter(failure => failure.startsWith('rest'))).to.deep.equal([])
    venue.script.markets = ['IO/USDT']
    venue.script.watch = { price: '2.6', pushMs: 100 }
    await clock.advance(DEFAULT_TIMING.retryMaxMs + 1_000)
    expect(sources.status(clock.now())[0]).to.deep.include({ transport: 'websocket', state: 'streaming' })
    await sources.stop()
  })

  it('goes back to the stream when it works again', async () => {
    const { clock, venue, sources, held, start } = supervised({ watch: 'NETWORK' })
    await start()
    await clock.advance(60_000)
    expect(held()).to.deep.equal(['2.4'])
    venue.script.watch = { price: '2.6', pushMs: 100 }
    await clock.advance(DEFAULT_TIMING.retryMaxMs + 1_000)
    expect(held()).to.deep.equal(['2.6'])
    await sources.stop()
  })

  it('keeps the stream going while REST is refused', async () => {
    const { clock, venue, sources, held, start } = supervised({ fetch: 'NETWORK' })
    await start()
    await clock.advance(60_000)
    expect(held()).to.deep.equal(['2.5'])
    expect(venue.created).to.equal(1)
    await sources.stop()
  })

  it('waits longer after each failure, up to a limit', async () => {
    const { clock, venue, sources, start } = supervised({ watch: 'NETWORK', fetch: 'hang' })
    await start()
    await clock.advance(300_000)
    // Doubling from half a second to thirty: six short waits, then one every thirty seconds.
    expect(venue.created).to.be.within(12, 20)
    await sources.stop()
  })

  it('does not call a venue twice a second that always says one thing and hangs up', async () => {
    const { clock, venue, told, debugged, sources, start } = supervised()
    await start()
    for (let i = 0; i < 600; i++) {
      venue.script.watch = { price: '2.5', pushMs: 50 }
      await clock.advance(250)
      venue.script.watch = 'CLOSED'
      await clock.advance(250)
    }
    expect(venue.created).to.be.below(30)
    // Nor does it tell of each time, but of the next that comes after it went well for long.
    expect(told).to.deep.equal(['websocket CLOSED 1'])
    expect(debugged.length).to.be.above(10)
    venue.script.watch = { price: '2.5', pushMs: 50 }
    await clock.advance(2 * DEFAULT_TIMING.retryMaxMs + 1_000)
    venue.script.watch = 'CLOSED'
    await clock.advance(1_000)
    expect(told.slice(1)).to.deep.equal(['websocket CLOSED 1'])
    await sources.stop()
  })

  it('leaves a venue alone that complains of too many requests', async () => {
    const { clock, venue, sources, start } = supervised({ markets: 'RATE_LIMITED' })
    await start()
    await clock.advance(9_000)
    expect(venue.openedAtMs).to.deep.equal([NOW_MS])
    await sources.stop()
  })

  it('tries again when the list of markets could not be had', async () => {
    const { clock, venue, sources, held, start } = supervised({ markets: 'hang' })
    await start()
    await clock.advance(2 * DEFAULT_TIMING.listMs)
    venue.script.markets = ['IO/USDT']
    await clock.advance(DEFAULT_TIMING.retryMaxMs)
    expect(held()).to.deep.equal(['2.5'])
    expect(venue.closed).to.equal(venue.created - 1)
    await sources.stop()
  })

  for (const markets of ['hang', 'GEO_BLOCKED', 'NETWORK'] as const) {
    it(`is told of once a streak, however long the waits within it are: ${markets}`, async () => {
      const { clock, venue, told, debugged, sources, start } = supervised({ markets })
      const code = markets === 'hang' ? 'TIMEOUT' : markets
      await start()
      await clock.advance(7_200_000)
      expect(told).to.have.members([`websocket ${code} 1`, `rest ${code} 1`])
      const attempts = venue.created
      expect(attempts).to.be.above(20)
      expect(debugged.length).to.be.within(2 * attempts - 4, 2 * attempts - 2)
      const inARow = (line: string) => line.split(' ')[2]
      expect(new Set(debugged.map(inARow)).size).to.equal(debugged.length / 2)
      venue.script.markets = ['IO/USDT']
      await clock.advance(2 * DEFAULT_TIMING.hopelessMs)
      expect(sources.status(clock.now())[0]).to.deep.include({ state: 'streaming' })
      venue.script.watch = 'NETWORK'
      await clock.advance(1_000)
      expect(told.slice(2)).to.deep.equal(['websocket NETWORK 1'])
      await sources.stop()
    })
  }

  it('is told of once while its stream is lost again and again, whatever REST answers meanwhile', async () => {
    const { clock, venue, told, debugged, sources, start } = supervised({ watch: 'NETWORK' })
    await start()
    await clock.advance(3_600_000)
    expect(told).to.deep.equal(['websocket NETWORK 1'])
    const { length } = debugged
    expect(length).to.be.above(100)
    expect(debugged.at(-1)).to.equal(`websocket NETWORK ${length + 1}`)
    venue.script.fetch = 'NETWORK'
    await clock.advance(60_000)
    expect(told.slice(1)).to.deep.equal(['rest NETWORK 1'])
    await sources.stop()
  })

  it('asks again only after minutes for a pair that is not listed', async () => {
    const { clock, venue, failures, sources, start } = supervised({ markets: ['BTC/USDT'] })
    await start()
    await clock.advance(140_000)
    expect(new Set(failures)).to.deep.equal(new Set(['websocket NOT_LISTED', 'rest NOT_LISTED']))
    expect(venue.created).to.equal(1)
    await sources.stop()
  })

  it('counts an unreadable ticker, keeps what it had, and does not reconnect', async () => {
    const { clock, venue, failures, sources, held, start } = supervised()
    await start()
    await clock.advance(1_000)
    venue.script.ticker = { bid: 'a lot' }
    await clock.advance(1_000)
    expect(held()).to.deep.equal(['2.5'])
    expect(failures).to.include('websocket BAD_TICKER')
    expect(venue.created).to.equal(1)
    await sources.stop()
  })

  it('never stamps a time of its own on a value', async () => {
    const times = { exchangeTimeMs: NOW_MS - 7_000, receivedAtMs: NOW_MS - 5 }
    const { clock, sources, start } = supervised({ ticker: times })
    await start()
    await clock.advance(1_000)
    expect(sources.observe(clock.now()).trace.values[0]).to.deep.include(times)
    await sources.stop()
  })

  it('polls on at the same pace when the wall clock is set back by an hour', async () => {
    const { clock, venue, sources, start } = supervised({ streams: false })
    await start()
    await clock.advance(21_000)
    const { fetched } = venue
    clock.setMs = -3_600_000
    expect(sources.status(clock.now())[0]?.state).to.equal('unreachable')
    await clock.advance(DEFAULT_TIMING.silentMs)
    expect(venue.fetched).to.equal(fetched + 1)
    expect(sources.status(clock.now())[0]?.state).to.equal('polling')
    await clock.advance(10 * DEFAULT_TIMING.silentMs)
    expect(venue.fetched).to.equal(fetched + 11)
    await sources.stop()
  })

  it('asks REST at its pace when the stream ends as the wall clock is set back', async () => {
    const { clock, venue, sources, start } = supervised()
    await start()
    await clock.advance(5_000)
    venue.script.watch = 'hang'
    await clock.advance(1_000)
    const { fetched } = venue
    clock.setMs = -3_600_000
    await clock.advance(8 * DEFAULT_TIMING.silentMs)
    expect(venue.fetched - fetched).to.be.within(8, 9)
    await sources.stop()
  })

  it('asks REST once, and the stream is as before, when the wall clock is set back by a little', async () => {
    const { clock, venue, sources, start } = supervised({ watch: { price: '2.5', pushMs: 1_500 } })
    await start()
    // What was pushed last is half a second old whenever that is looked at: at 3.5 s, at 5 s, and so on.
    await clock.advance(4_900)
    const { fetched } = venue
    clock.setMs = -600
    await clock.advance(200)
    expect(venue.fetched).to.equal(fetched + 1)
    await clock.advance(60_000)
    expect(venue.fetched).to.equal(fetched + 1)
    expect(venue.created).to.equal(1)
    await sources.stop()
  })

  it('stops while everything hangs, and leaves nothing running', async () => {
    for (const script of [
      { markets: 'hang' as const },
      { watch: 'hang' as const, fetch: 'hang' as const },
      {},
    ]) {
      const { clock, venue, sources, start } = supervised(script)
      await start()
      await clock.advance(3_000)
      await sources.stop()
      expect(clock.sleeping).to.equal(0)
      expect(venue.closed).to.equal(venue.created)
    }
  })

  it('can be started again after a stop', async () => {
    const { clock, sources, held, start } = supervised()
    await start()
    await sources.stop()
    await start()
    await clock.advance(1_000)
    expect(held()).to.deep.equal(['2.5'])
    await sources.stop()
  })
})

describe('a venue with two pairs', function () {
  // A quarter of an hour of a virtual clock.
  this.timeout(30_000)
  const PAIRS = ['IO/USDT', 'IO/BTC']
  const plan = {
    feed: 'IO/USDT',
    legs: PAIRS.map(pair => aLeg(['binance'], { pair, minSources: 1 })),
    routes: [['IO/USDT']],
  }

  it('keeps its stream while one of them is silent, and asks REST for that one', async () => {
    const { clock, venue, sources, start } = supervised({ markets: PAIRS, silent: ['IO/BTC'] }, plan)
    await start()
    await clock.advance(10 * DEFAULT_TIMING.watchDeadMs)
    expect(venue.created).to.equal(1)
    const ways = () => sources.status(clock.now()).map(({ pair, transport }) => [pair, transport])
    expect(ways()).to.deep.equal([
      ['IO/USDT', 'websocket'],
      ['IO/BTC', 'rest'],
    ])
    venue.script.silent = []
    await clock.advance(DEFAULT_TIMING.watchDeadMs)
    expect(ways()).to.deep.equal(PAIRS.map(pair => [pair, 'websocket']))
    await sources.stop()
  })

  it('waits for one answer of each stream, not for one more each time that it is silent', async () => {
    const { clock, venue, sources, start } = supervised({ markets: PAIRS, silent: ['IO/BTC'] }, plan)
    await start()
    await clock.advance(10 * DEFAULT_TIMING.watchDeadMs)
    expect(venue.hanging).to.equal(PAIRS.length)
    await sources.stop()
  })

  it('makes the connection anew when both are silent', async () => {
    const { clock, venue, sources, start } = supervised({ markets: PAIRS, silent: PAIRS }, plan)
    await start()
    await clock.advance(2 * DEFAULT_TIMING.watchDeadMs)
    expect(venue.created).to.be.at.least(2)
    await sources.stop()
  })

  it('makes the connection anew when both are silent since before the wall clock was set back', async () => {
    const { clock, venue, sources, start } = supervised({ markets: PAIRS, fetch: 'hang' }, plan)
    await start()
    await clock.advance(5_000)
    venue.script.watch = 'hang'
    await clock.advance(1_000)
    clock.setMs = -3_600_000
    await clock.advance(DEFAULT_TIMING.watchDeadMs)
    expect(venue.created).to.equal(2)
    await sources.stop()
  })

  it('keeps its stream when it does not list one of them', async () => {
    const { clock, venue, failures, sources, held, start } = supervised({ markets: ['IO/USDT'] }, plan)
    await start()
    await clock.advance(3 * DEFAULT_TIMING.hopelessMs)
    expect(venue.created).to.equal(1)
    expect(held()).to.deep.equal(['2.5'])
    expect(new Set(failures)).to.deep.equal(new Set(['websocket NOT_LISTED', 'rest NOT_LISTED']))
    await sources.stop()
  })
})

describe('sources of several venues', () => {
  it('give a price while one venue hangs for ever', async () => {
    const clock = new ManualClock(NOW_MS)
    const hanging = { watch: 'hang', fetch: 'hang', markets: 'hang' } as const
    const venues = new Map(
      ['okx', 'gate', 'bybit', 'binance'].map(id => [
        id,
        new FakeVenue(aVenueScript(id === 'okx' ? hanging : {}), clock),
      ]),
    )
    const sources = createSources(
      { plan: { ...PLAN, legs: [aLeg([...venues.keys()])] } },
      {
        clock,
        logger: silentLogger,
        metrics: silentSourceMetrics,
        createExchange: id => (venues.get(id) ?? new FakeVenue(aVenueScript(), clock)).create(),
        random: () => 0,
      },
    )
    await sources.start(new AbortController().signal)
    await clock.advance(1_000)
    const { outcome, trace } = sources.observe(clock.now())
    expect(outcome).to.deep.include({ kind: 'price', effectiveSources: 3 })
    expect(trace.values.map(({ venue }) => venue)).to.have.members(['gate', 'bybit', 'binance'])
    await sources.stop()
  })
})
