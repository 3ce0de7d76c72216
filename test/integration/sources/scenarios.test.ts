import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { commonPrice } from '../../../devnet/venues/market.ts'
import { shippedScenario, shippedScenarios } from '../../../devnet/venues/scenario.ts'
import { createVenueSimulator, type VenueSimulator } from '../../../devnet/venues/simulator.ts'
import { silentSourceMetrics } from '../../../oracle-node/sources/metrics.ts'
import { createSources, type Sources } from '../../../oracle-node/sources/service.ts'
import { DEFAULT_TIMING } from '../../../oracle-node/sources/timing.ts'
import { venueExchanges } from '../../../oracle-node/sources/venue-exchanges.ts'
import type { LegPlan, SourcePlan } from '../../../protocol/sources/types.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { aLeg } from '../../support/sources/build.ts'
import { outcomeTable } from '../../support/sources/outcome-table.ts'

const SEED = 'scenarios'
/** Prices are those of this moment all along, so that results are the same to the last digit. */
const T = Date.UTC(2026, 0, 2, 3, 4, 5)
const LATER = T + 10_000

/** Quicker to call a value stale than a network would be, so that tests need not wait ten seconds. */
const leg = (pair: string, venues: readonly string[], change: Partial<LegPlan> = {}): LegPlan =>
  aLeg(venues, { pair, staleMs: 2_000, ...change })
const PEGGED = { peg: { bandBps: 500 } }
const WON = ['upbit', 'bithumb', 'coinone']

/** Fourteen venues; dollars directly, by two stablecoins, and by won. */
const PLAN: SourcePlan = {
  feed: 'IO/USD',
  legs: [
    leg('IO/USDT', ['binance', 'okx', 'gate', 'bybit', 'kucoin', 'bitget', 'htx']),
    leg('USDT/USD', ['kraken', 'coinbase', 'bitstamp', 'cryptocom'], PEGGED),
    leg('IO/USDC', ['binance', 'okx', 'bybit']),
    leg('USDC/USD', ['kraken', 'bitstamp', 'cryptocom'], PEGGED),
    leg('IO/KRW', WON),
    leg('USDT/KRW', WON),
    leg('IO/USD', ['kraken', 'coinbase', 'cryptocom']),
  ],
  routes: [['IO/USDT', 'USDT/USD'], ['IO/USDC', 'USDC/USD'], ['IO/KRW', 'USDT/KRW', 'USDT/USD'], ['IO/USD']],
}
/** Where a price that stands still is noticed. */
const WATCHFUL: SourcePlan = {
  feed: 'IO/USDT',
  legs: [leg('IO/USDT', ['binance', 'okx', 'gate', 'bitget'], { frozenMs: 1_500 })],
  routes: [['IO/USDT']],
}
const TIMING = {
  ...DEFAULT_TIMING,
  silentMs: 500,
  watchDeadMs: 2_000,
  callMs: 1_500,
  retryMinMs: 50,
  retryMaxMs: 300,
  hopelessMs: 300,
}

/** Venues that were told to be left alone are, for a while: this one comes last. */
const LAST = 'too-many-requests'
const NEEDS_TIME = 'frozen-prices'
const OVER_IN_A_MINUTE = 'flash-crash'
/** They change the way that values come, not the values: seen only from where all stream. */
const CHANGE_THE_WAY = ['garbage-frames', 'half-open-sockets']
/** What IO is worth at the venues, beside what the model says. */
const MOVED: Record<string, number> = { 'flash-crash': 0.5 }

describe('scenarios over the real adapters', function () {
  this.timeout(30_000)
  let jumpAtMs = Number.POSITIVE_INFINITY
  let simulator: VenueSimulator
  let sources: Sources

  before(async () => {
    simulator = createVenueSimulator({
      host: '127.0.0.1',
      port: 0,
      seed: SEED,
      clock: systemClock,
      pricesAt: tMs => (tMs < jumpAtMs ? T : LATER),
    })
    await simulator.start(new AbortController().signal)
    sources = await startSources(PLAN)
  })
  after(async () => {
    await sources?.stop()
    await simulator?.stop()
  })

  async function startSources(plan: SourcePlan): Promise<Sources> {
    const endpoint = `http://127.0.0.1:${simulator.port}`
    const started = createSources(
      { plan, timing: TIMING },
      {
        clock: systemClock,
        logger: silentLogger,
        metrics: silentSourceMetrics,
        createExchange: venueExchanges(plan, { endpoint, timeoutMs: 1_500, clock: systemClock }),
        random: Math.random,
      },
    )
    await started.start(new AbortController().signal)
    return started
  }

  const observe = (of: Sources) => of.observe(systemClock.now()).outcome
  const tableOf = (of: Sources): string[] => outcomeTable(observe(of), of.status(systemClock.now()))

  /** Waits for exactly what is written down; what there is at the end, when that does not come, is shown. */
  async function expectOutcome(name: string, of: Sources): Promise<void> {
    const expected = readFileSync(join(import.meta.dirname, 'outcomes', `${name}.txt`), 'utf8').trimEnd()
    const givenUpAtMs = systemClock.monotonic() + 20_000
    while (tableOf(of).join('\n') !== expected && systemClock.monotonic() < givenUpAtMs) {
      await systemClock.sleep(20)
    }
    expect(tableOf(of).join('\n')).to.equal(expected)
  }

  it(`${OVER_IN_A_MINUTE}: it is over with the last step`, async () => {
    const crash = shippedScenario(OVER_IN_A_MINUTE)
    expect(crash.steps.at(-1)?.atMs).to.equal(60_000)
    simulator.play(crash)
    await expectOutcome(OVER_IN_A_MINUTE, sources)
    // The same, a hundred times as fast: calm comes by its last step, or never.
    simulator.play({ ...crash, steps: crash.steps.map(step => ({ ...step, atMs: step.atMs / 100 })) })
    await expectOutcome('calm', sources)
  })

  const ordered = shippedScenarios().filter(name => name !== LAST && name !== NEEDS_TIME)
  for (const name of ['calm', ...ordered.filter(each => each !== 'calm'), LAST]) {
    it(`${name}: ${shippedScenario(name).about}`, async () => {
      if (CHANGE_THE_WAY.includes(name)) {
        simulator.play(shippedScenario('calm'))
        await expectOutcome('calm', sources)
      }
      simulator.play(shippedScenario(name))
      await expectOutcome(name, sources)
      const outcome = observe(sources)
      if (outcome.kind === 'abstain') throw new Error('no scenario takes the price away')
      const worth = commonPrice(SEED, 'IO/USD', T) * (MOVED[name] ?? 1)
      expect(Number(outcome.price) / 1e18 / worth).to.be.closeTo(1, 0.003)
    })
  }

  it(`${NEEDS_TIME}: ${shippedScenario(NEEDS_TIME).about}`, async () => {
    await sources.stop()
    simulator.play(shippedScenario(NEEDS_TIME))
    const watchful = await startSources(WATCHFUL)
    try {
      // While all stand still, all are frozen; then the others move.
      const givenUpAtMs = systemClock.monotonic() + 10_000
      while (
        observe(watchful).legs.some(
          ({ dropped }) => dropped.filter(is => is.reason === 'FROZEN').length < 4,
        ) &&
        systemClock.monotonic() < givenUpAtMs
      ) {
        await systemClock.sleep(20)
      }
      jumpAtMs = systemClock.now()
      await expectOutcome(NEEDS_TIME, watchful)
    } finally {
      await watchful.stop()
    }
  })
})
