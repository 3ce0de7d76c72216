import { expect } from 'chai'
import type { FastifyInstance } from 'fastify'
import { encodeAcceptedHold } from '../../../protocol/usage/hold.ts'
import { createHttpServer, type HttpServer } from '../../../runtime/http.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { createRelayerClient, RelayerError } from '../../../sdk/relayer-client.ts'
import { DOMAIN } from '../../support/network/cast.ts'
import { Customer } from '../../support/worker/customer.ts'

const ADDRESS = `0x${'11'.repeat(20)}` as const
const HASH = `0x${'22'.repeat(32)}` as const
const OF = { worker: ADDRESS, device: HASH }

describe('the client of a relayer', () => {
  let server: HttpServer
  let routes: (app: FastifyInstance) => void

  const client = async (timeoutMs = 5_000) => {
    server = createHttpServer(
      {
        ...{ name: 'relayer', host: '127.0.0.1', port: 0, cors: false },
        health: () => ({ healthy: true, details: {} }),
        routes: app => {
          app.addContentTypeParser(
            'application/octet-stream',
            { parseAs: 'buffer' },
            (_request, body, done) => done(null, body),
          )
          routes(app)
        },
      },
      { logger: silentLogger, metrics: createMetrics({ processMetrics: false }) },
    )
    await server.start(new AbortController().signal)
    return createRelayerClient({ url: `${server.url}/`, timeoutMs })
  }
  const failure = async (work: Promise<unknown>): Promise<RelayerError> => {
    const error = await work.then(
      () => undefined,
      (reason: unknown) => reason,
    )
    if (!(error instanceof RelayerError)) throw new Error(`no relayer error: ${error}`)
    return error
  }

  afterEach(() => server.stop())

  it('sends a hold with its signature in 176 bytes and reads the acceptance back', async () => {
    const accepted = new Customer('payer', DOMAIN).hold(ADDRESS)
    let body = Buffer.alloc(0)
    routes = app => {
      app.post('/v1/holds', async (request, reply) => {
        body = request.body as typeof body
        return reply.send(Buffer.from(encodeAcceptedHold(accepted)))
      })
    }
    const relayer = await client()
    expect(await relayer.acceptHold(accepted.hold, accepted.payerSignature)).to.deep.equal(accepted)
    // 112 in the layout's comment: 20 + 20 + 1 + 1 + 32 + 6 + 32.
    expect(body).to.have.length(112 + 64)
  })

  it('turns problem details into an error with code, status and sentence, and knows what a retry may heal', async () => {
    routes = app => {
      app.post('/v1/batches', async (_request, reply) =>
        reply
          .code(409)
          .type('application/problem+json')
          .send(
            JSON.stringify({ code: 'OVERLAPS', title: 't', status: 409, detail: 'ask for the next number' }),
          ),
      )
      app.post('/v1/receipts', async (_request, reply) => reply.code(503).send('down for a moment'))
    }
    const relayer = await client()
    const refused = await failure(relayer.postBatch(Uint8Array.of(1)))
    expect(refused).to.include({ code: 'OVERLAPS', status: 409, message: 'ask for the next number' })
    expect(refused.retryable).to.equal(false)
    const customer = new Customer('payer', DOMAIN)
    const receipt = customer.receipt({
      ...{ worker: ADDRESS, gateway: ADDRESS, kind: 2, id: HASH, version: 1 },
      ...{ cumulativeUnits: 1n, cumulativeCeiling: 1n, validUntilEpoch: 1 },
    })
    const down = await failure(relayer.postReceipt(receipt))
    expect(down).to.include({ code: 'BAD_ANSWER', status: 503, retryable: true })
  })

  it('takes a missing window or account for undefined, and one that will never come for an error', async () => {
    let code = 'NOT_CLOSED'
    routes = app => {
      app.get('/v1/*', async (_request, reply) =>
        reply.code(404).type('application/problem+json').send(JSON.stringify({ code })),
      )
    }
    const relayer = await client()
    expect(await relayer.windowOf(7, OF)).to.equal(undefined)
    expect(await relayer.account(ADDRESS)).to.equal(undefined)
    for (code of ['WINDOW_MISSED', 'NO_COMMITMENT'])
      expect(await failure(relayer.windowOf(7, OF))).to.include({ code })
  })

  it('believes no answer of another shape or length', async () => {
    const good = { window: 7, root: HASH, count: 1, index: 0, proof: [HASH] }
    let answer: unknown = good
    routes = app => {
      app.get('/v1/windows/:window', async () => answer)
    }
    const relayer = await client()
    expect(await relayer.windowOf(7, OF)).to.deep.equal(good)
    const bad = [
      { ...good, root: '0x12' },
      { ...good, proof: Array.from({ length: 65 }, () => HASH) },
      { ...good, count: 1.5 },
      { ...good, count: -1 },
      [good],
      { ...good, padding: 'x'.repeat(2 ** 21) },
    ]
    for (answer of bad) expect(await failure(relayer.windowOf(7, OF))).to.include({ code: 'BAD_ANSWER' })
  })

  it('reads wei as bigint', async () => {
    routes = app => {
      app.get('/v1/accounts/:address', async () => ({
        ...{ account: ADDRESS, epoch: 3, root: HASH, proof: [] },
        cumulativeWei: (10n ** 30n).toString(),
      }))
    }
    expect((await (await client()).account(ADDRESS))?.cumulative).to.equal(10n ** 30n)
  })

  it('says when nobody answers, in time or at all, and passes the abort of its caller on', async () => {
    routes = app => {
      app.get('/v1/workers/:address', () => new Promise(() => {}))
    }
    const relayer = await client(100)
    expect(await failure(relayer.worker(ADDRESS))).to.include({ code: 'TIMEOUT', retryable: true })
    const stop = new AbortController()
    const asked = relayer.worker(ADDRESS, stop.signal).catch((error: unknown) => error)
    const reason = new Error('stopping')
    stop.abort(reason)
    expect(await asked).to.equal(reason)
    await server.stop()
    expect(await failure(relayer.worker(ADDRESS))).to.include({ code: 'UNREACHABLE', retryable: true })
  })
})
