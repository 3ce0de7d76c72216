import { expect } from 'chai'
import fastify from 'fastify'
import { traceRoutes } from '../../../oracle-node/quoting/trace-routes.ts'
import { FakeClock } from '../../support/runtime/fake-clock.ts'

describe('the route of traces', () => {
  it('is read so often and no more by all together, and by one /64', async () => {
    const app = fastify()
    traceRoutes(app, {
      clock: new FakeClock(1_000),
      traces: { bodyOf: () => '{}', range: () => undefined },
    })
    const served = async (count: number, addressOf: (index: number) => string): Promise<number> => {
      let allowed = 0
      for (let index = 0; index < count; index += 1) {
        const request = { url: '/v1/rounds/5/trace', remoteAddress: addressOf(index) }
        const { statusCode, headers } = await app.inject(request)
        if (statusCode === 200) allowed += 1
        else expect([statusCode, headers['cache-control']]).to.deep.equal([429, 'no-store'])
      }
      return allowed
    }
    expect(await served(150, index => `2001:db8::${index + 1}`)).to.equal(100)
    expect(await served(300, index => `10.0.${index >> 8}.${index & 255}`)).to.equal(200)
    await app.close()
  })
})
