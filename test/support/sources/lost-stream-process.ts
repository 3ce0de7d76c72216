/** Watches all pairs of some venues, and sees the venues go while subscriptions still wait for their turn. */

import { FORMATS } from '../../../devnet/venues/formats/index.ts'
import { createVenueSimulator } from '../../../devnet/venues/simulator.ts'
import { SIMULATED_VENUES } from '../../../devnet/venues/venue-list.ts'
import { createExchange } from '../../../oracle-node/sources/exchange.ts'
import { systemClock } from '../../../runtime/clock.ts'

const simulator = createVenueSimulator({ host: '127.0.0.1', port: 0, seed: 'lost', clock: systemClock })
await simulator.start(new AbortController().signal)
const endpoint = `http://127.0.0.1:${simulator.port}`
const exchanges = SIMULATED_VENUES.map(id => ({
  exchange: createExchange(id, { endpoint, timeoutMs: 5_000, clock: systemClock }),
  symbols: FORMATS[id].listings.map(({ symbol }) => symbol),
}))
await Promise.all(exchanges.map(({ exchange }) => exchange.loadMarkets()))
const streaming = exchanges.filter(({ exchange }) => exchange.streams)
const watched = streaming.flatMap(({ exchange, symbols }) => symbols.map(symbol => exchange.watch(symbol)))
const updates = Promise.allSettled(watched)
// One update means that a socket is open and the rest of the subscriptions are on their way.
await Promise.race(watched)
await simulator.stop()
await Promise.all(exchanges.map(({ exchange }) => exchange.close()))
await updates
process.stdout.write('all streams have ended\n')
