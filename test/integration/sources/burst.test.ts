import { expect } from 'chai'
import { FORMATS } from '../../../devnet/venues/formats/index.ts'
import { SIMULATED_VENUES } from '../../../devnet/venues/venue-list.ts'
import { createExchange, type RawTicker } from '../../../oracle-node/sources/exchange.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { pushingVenue } from '../../support/sources/pushing-venue.ts'

describe('frames that come together', function () {
  this.timeout(30_000)

  for (const id of SIMULATED_VENUES) {
    const [listing] = FORMATS[id].listings
    if (FORMATS[id].wsPath === undefined || listing === undefined) continue

    it(`of ${id} are read to the last, with the time at which they came`, async () => {
      const venue = await pushingVenue(id)
      let aheadMs = 0
      const clock = { ...systemClock, now: () => systemClock.now() + aheadMs }
      const { endpoint } = venue
      const { symbol } = listing
      const exchange = createExchange(id, { endpoint, timeoutMs: 5_000, clock, pairs: [symbol] })
      try {
        await exchange.loadMarkets()
        if (!exchange.streams) return
        const started = exchange.watch(symbol)
        await venue.subscribed
        venue.push('2.6')
        // Whatever was sent before that has come, too.
        let first = await started
        while (priceOf(first) !== 2.6) first = await exchange.watch(symbol)
        const heard = exchange.frames()
        venue.push('2.5', '2.4', '1.2')
        while (exchange.frames() < heard + 3) await turns(1)
        // Nobody waits for a while.
        aheadMs = 60_000
        const last = await exchange.watch(symbol)
        expect(priceOf(last)).to.equal(1.2)
        expect(last.receivedAtMs - first.receivedAtMs).to.be.within(0, 30_000)
        const next = exchange.watch(symbol)
        venue.push('1.3')
        expect(priceOf(await next)).to.equal(1.3)
        expect((await next).receivedAtMs).to.be.at.least(first.receivedAtMs + 60_000)
      } finally {
        await exchange.close()
        await venue.close()
      }
    })
  }
})

describe('an exchange that is closed while it loads', () => {
  it('leaves no socket open, whenever that is', async () => {
    const venue = await pushingVenue('binance')
    const { endpoint } = venue
    const whole = createExchange('binance', { endpoint, timeoutMs: 5_000, clock: systemClock })
    await whole.loadMarkets()
    await whole.close()
    for (const wait of [() => Promise.resolve(), () => turns(1)]) {
      for (let steps = 0; steps < 40; steps += 1) {
        const exchange = createExchange('binance', { endpoint, timeoutMs: 5_000, clock: systemClock })
        const loading = exchange.loadMarkets().catch(() => {})
        for (let step = 0; step < steps; step += 1) await wait()
        await exchange.close()
        await loading
        await turns(5)
        expect(venue.sockets.open, `after ${steps} steps`).to.equal(0)
      }
    }
    await venue.close()
  })
})

/** All fields of a frame say the same here. */
function priceOf({ last, bid }: RawTicker): number {
  return Number(last ?? bid)
}

/** Turns of the event loop. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise(resolve => setImmediate(resolve))
}
