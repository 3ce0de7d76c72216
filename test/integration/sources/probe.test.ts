import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { FORMATS } from '../../../devnet/venues/formats/index.ts'
import { createVenueSimulator } from '../../../devnet/venues/simulator.ts'
import { SIMULATED_VENUES } from '../../../devnet/venues/venue-list.ts'
import { createExchange } from '../../../oracle-node/sources/exchange.ts'
import { systemClock } from '../../../runtime/clock.ts'

describe('a venue that is probed', function () {
  this.timeout(30_000)
  const simulator = createVenueSimulator({ host: '127.0.0.1', port: 0, seed: 'probe', clock: systemClock })
  before(() => simulator.start(new AbortController().signal))
  after(() => simulator.stop())

  for (const venueId of SIMULATED_VENUES) {
    it(`tells what it lists, how far its clock is off, and how long it takes: ${venueId}`, async () => {
      const symbols = FORMATS[venueId].listings.map(({ symbol }) => symbol)
      const exchange = createExchange(venueId, {
        endpoint: `http://127.0.0.1:${simulator.port}`,
        timeoutMs: 5_000,
        clock: systemClock,
        pairs: symbols.slice(0, 1),
      })
      const { listed, skewMs, restMs } = await exchange.probe()
      await exchange.close()
      expect([...listed]).to.have.members(symbols)
      expect(restMs).to.be.within(0, 1_000)
      if (skewMs !== null) expect(skewMs).to.be.within(-1_500, 1_500)
    })
  }

  for (const [status, code] of [
    [451, 'GEO_BLOCKED'],
    [403, 'GEO_BLOCKED'],
    [429, 'RATE_LIMITED'],
    [503, 'NETWORK'],
  ] as const) {
    it(`says ${code} when it answers ${status}`, async () => {
      const server = createServer((_request, response) => {
        response.writeHead(status, { 'retry-after': '77' }).end('{}')
      })
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
      const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const exchange = createExchange('gate', { endpoint, timeoutMs: 2_000, clock: systemClock })
      const error = await exchange.probe().catch((reason: unknown) => reason)
      await exchange.close()
      await new Promise(resolve => server.close(resolve))
      expect(error).to.deep.include({ code, retryAfterMs: 77_000 })
    })
  }
})
