import { expect } from 'chai'
import section from '../../../config/networks/sources.io-usd.json' with { type: 'json' }
import { sourcesSchema, toSourcePlan } from '../../../config/sources.ts'
import { createVenueSimulator, type VenueSimulator } from '../../../devnet/venues/simulator.ts'
import { createSourceMetrics } from '../../../oracle-node/sources/metrics.ts'
import { createSources, type Sources } from '../../../oracle-node/sources/service.ts'
import { DEFAULT_TIMING } from '../../../oracle-node/sources/timing.ts'
import { venueExchanges } from '../../../oracle-node/sources/venue-exchanges.ts'
import { productOf } from '../../../protocol/sources/route.ts'
import type { PricedFeed, SourcePlan } from '../../../protocol/sources/types.ts'
import { distanceBps } from '../../../protocol/units.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { recordLogger } from '../../support/network/record-logger.ts'

/** As shipped, but quicker to call a value stale, so that tests need not wait ten seconds. */
const shipped = toSourcePlan(sourcesSchema.parse(section))
const plan: SourcePlan = { ...shipped, legs: shipped.legs.map(leg => ({ ...leg, staleMs: 1_500 })) }
const TIMING = { ...DEFAULT_TIMING, silentMs: 400, watchDeadMs: 3_000, retryMinMs: 100, retryMaxMs: 500 }

describe('sources over the real adapters', function () {
  this.timeout(60_000)
  let simulator: VenueSimulator
  let sources: Sources
  const logger = recordLogger()
  const metrics = createMetrics({ processMetrics: false })

  before(async () => {
    const { signal } = new AbortController()
    simulator = createVenueSimulator({ host: '127.0.0.1', port: 0, seed: 'sources', clock: systemClock })
    await simulator.start(signal)
    const endpoint = `http://127.0.0.1:${simulator.port}`
    sources = createSources(
      { plan, timing: TIMING },
      {
        clock: systemClock,
        logger,
        metrics: createSourceMetrics(metrics, plan),
        createExchange: venueExchanges(plan, { endpoint, timeoutMs: 3_000, clock: systemClock }),
        random: Math.random,
      },
    )
    await sources.start(signal)
    await until('all venues stream', () => statuses().every(({ transport }) => transport === 'websocket'))
  })

  beforeEach(() =>
    simulator.control({
      venue: '*',
      rest: 'ok',
      ws: 'ok',
      priceOffsetBps: 0,
      lagMs: 0,
      assetMoveBps: { USDT: 0, USDC: 0, BTC: 0 },
    }),
  )

  after(async () => {
    await sources?.stop()
    await simulator?.stop()
  })

  const observe = () => sources.observe(systemClock.now())
  /** The price there is now, when it is as asked. */
  const priced = (isSo: (outcome: PricedFeed) => boolean): PricedFeed | false => {
    const { outcome } = observe()
    return outcome.kind === 'price' && isSo(outcome) && outcome
  }
  const gauges = async (): Promise<Record<string, string>> => {
    const lines = (await metrics.render()).matchAll(/^ionet_source_depegged\{pair="(.+)"\} (.+)$/gm)
    return Object.fromEntries([...lines].map(([, pair, value]) => [pair, value]))
  }
  const pegLines = () =>
    logger.lines
      .filter(({ sentence }) => sentence.includes('pegged pair'))
      .map(({ level, sentence, fields }) => [level, sentence, fields['pair'], fields['bandBps']])
  const statuses = () => sources.status(systemClock.now())
  const isBy = (venue: string, transport: string): boolean =>
    statuses().every(one => one.venue !== venue || one.transport === transport)
  const status = (venue: string) => statuses().find(one => one.venue === venue)
  const priceOf = (pair: string): number => {
    const leg = observe().outcome.legs.find(one => one.pair === pair)
    return leg?.kind === 'price' ? Number(leg.price) / 1e18 : 0
  }
  const sourcesOf = (pair: string) => observe().outcome.legs.find(leg => leg.pair === pair)?.effectiveSources
  const dropsOf = (venue: string) =>
    observe().outcome.legs.flatMap(leg =>
      leg.dropped.flatMap(({ input, reason }) => (input.venue === venue ? [reason] : [])),
    )

  it('take a price from every venue of the shipped plan', async () => {
    await until('every venue of every leg counts', () =>
      plan.legs.every(({ pair, venues }) => sourcesOf(pair) === venues.length),
    )
    const { outcome } = observe()
    expect(outcome).to.deep.include({ kind: 'price', effectiveSources: 3 })
    expect(outcome.kind === 'price' && outcome.confidenceBps).to.be.below(100)
  })

  it('go over to REST when a venue closes its stream, and back', async () => {
    simulator.control({ venue: 'okx', ws: 'closed' })
    await until('okx is asked by REST for all its pairs', () => isBy('okx', 'rest'))
    await until('okx counts', () => sourcesOf('IO/USDT') === 4)
    simulator.control({ venue: 'okx', ws: 'ok' })
    await until('okx streams again', () => isBy('okx', 'websocket'))
  })

  it('go over to REST when a stream says nothing', async () => {
    simulator.control({ venue: 'gate', ws: 'silent' })
    await until('gate is asked by REST', () => status('gate')?.transport === 'rest')
    await until('gate counts, as all do', () => sourcesOf('IO/USDT') === 4)
  })

  it('notice a venue whose connection stands and says nothing, ask it by REST, and connect anew', async () => {
    const connections = (): number => simulator.report().gate.wsConnections
    const before = connections()
    simulator.control({ venue: 'gate', ws: 'half-open' })
    await until('gate is asked by REST for all its pairs', () => isBy('gate', 'rest'))
    const { outcome } = observe()
    expect(outcome).to.deep.include({ kind: 'price', effectiveSources: 3 })
    expect(
      outcome.legs.flatMap(({ dropped }) => dropped.filter(({ input }) => input.venue === 'gate')),
    ).to.deep.equal([])
    // Nobody closes the old one: that nothing comes is all there is to see.
    await until('gate is connected to anew', () => connections() > before)
    expect(isBy('gate', 'rest')).to.equal(true)
    simulator.control({ venue: 'gate', ws: 'ok' })
    await until('gate streams again', () => isBy('gate', 'websocket'))
  })

  it('do without a venue that is gone, and take it back', async () => {
    simulator.control({ venue: 'bybit', ws: 'closed', rest: 'refused' })
    await until('bybit is stale', () => dropsOf('bybit').includes('STALE'))
    expect(observe().outcome).to.deep.include({ kind: 'price', effectiveSources: 3 })
    simulator.control({ venue: 'bybit', ws: 'ok', rest: 'ok' })
    await until('bybit is back', () => sourcesOf('IO/USDT') === 4)
  })

  it('hold the price when one venue shows something else', async () => {
    const before = observe().outcome
    simulator.control({ venue: 'binance', priceOffsetBps: 5_000 })
    await until('binance is out of band', () => dropsOf('binance').includes('OUT_OF_BAND'))
    const after = observe().outcome
    if (before.kind === 'abstain' || after.kind === 'abstain') throw new Error('abstained')
    expect(Number(distanceBps(after.price, before.price))).to.be.below(100)
  })

  it('hold the price when USDC is worth 88 cents: what is quoted in USDC does not count, and that is said', async () => {
    const before = await until('all pegs hold', () => priced(({ depegs }) => depegs.length === 0))
    expect(await gauges()).to.deep.equal({ 'USDT/USD': '0', 'USDC/USD': '0' })
    expect(pegLines()).to.deep.equal([])
    simulator.control({ assetMoveBps: { USDC: -1_200 } })
    // On the way, venues disagree and a leg may have no price at all.
    const after = await until('USDC has lost its peg, IO costs more of it, and all else is as ever', () =>
      priced(
        ({ depegs, routes }) =>
          depegs.length > 0 &&
          priceOf('IO/USDC') > priceOf('IO/USDT') * 1.1 &&
          routes.every(route => route.kind === 'price' || route.reason === 'DEPEGGED'),
      ),
    )
    expect(after.depegs.map(({ pair }) => pair)).to.deep.equal(['USDC/USD'])
    expect(priceOf('USDC/USD')).to.be.closeTo(0.88, 0.01)
    expect(after.routes.map(({ kind, steps }) => [productOf(steps), kind])).to.deep.equal([
      ['IO/USDT × USDT/USD', 'price'],
      ['IO/USDC × USDC/USD', 'dropped'],
      ['IO/BTC × BTC/USD', 'price'],
      ['IO/BTC × BTC/USDT × USDT/USD', 'price'],
    ])
    expect(Number(distanceBps(after.price, before.price))).to.be.below(100)
    expect(await gauges()).to.deep.equal({ 'USDT/USD': '0', 'USDC/USD': '1' })

    simulator.control({ assetMoveBps: { USDC: 0 } })
    const back = await until('USDC is a dollar again', () => priced(({ depegs }) => depegs.length === 0))
    await until('its routes count again', () =>
      priced(({ routes }) => routes.every(is => is.kind === 'price')),
    )
    expect(Number(distanceBps(back.price, before.price))).to.be.below(100)
    expect(await gauges()).to.deep.equal({ 'USDT/USD': '0', 'USDC/USD': '0' })
    expect(pegLines()).to.deep.equal([
      ['warn', 'a pegged pair has left its band; routes over it are dropped', 'USDC/USD', 200],
      ['info', 'a pegged pair is back in its band; routes over it count again', 'USDC/USD', 200],
    ])
  })

  it('go on with the other markets when one has too few venues', async () => {
    simulator.control({ venue: 'gate', ws: 'closed', rest: 'refused' })
    await until(
      'both of its pairs are without gate',
      () => sourcesOf('IO/BTC') === 2 && sourcesOf('IO/USDT') === 3,
    )
    const { outcome } = observe()
    expect(outcome.legs.find(({ pair }) => pair === 'IO/BTC')).to.deep.include({ kind: 'abstain' })
    expect(outcome).to.deep.include({ kind: 'price', effectiveSources: 3 })
    simulator.control({ venue: 'gate', ws: 'ok', rest: 'ok' })
    await until('gate is back', () => sourcesOf('IO/BTC') === 3)
  })

  it('abstain when too few venues of a leg are left, and say which leg', async () => {
    for (const venue of ['kraken', 'coinbase'] as const) {
      simulator.control({ venue, ws: 'closed', rest: 'refused' })
    }
    await until('the node abstains', () => observe().outcome.kind === 'abstain')
    expect(observe().outcome).to.deep.include({ reason: 'TOO_FEW_SOURCES', pair: 'USDT/USD' })
    simulator.control({ venue: '*', ws: 'ok', rest: 'ok' })
    await until('there is a price again', () => observe().outcome.kind === 'price')
  })
})

/** Looks again and again until there is something; the deadline is the test's. */
async function until<T>(what: string, look: () => T | undefined | false): Promise<T> {
  const givenUpAtMs = systemClock.monotonic() + 20_000
  for (;;) {
    const found = look()
    if (found !== undefined && found !== false) return found
    if (systemClock.monotonic() > givenUpAtMs) throw new Error(`it never happened: ${what}`)
    await systemClock.sleep(20)
  }
}
