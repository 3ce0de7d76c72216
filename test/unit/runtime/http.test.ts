import { expect } from 'chai'
import { createHttpServer, type HttpServerOptions, PortInUseError } from '../../../runtime/http.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { createMetrics } from '../../../runtime/metrics.ts'

const signal = new AbortController().signal

function server(overrides: Partial<HttpServerOptions> = {}) {
  const metrics = createMetrics({ processMetrics: false })
  const options: HttpServerOptions = {
    name: 'test',
    host: '127.0.0.1',
    port: 0,
    cors: false,
    health: () => ({ healthy: true, details: {} }),
    ...overrides,
  }
  return { http: createHttpServer(options, { logger: silentLogger, metrics }), metrics }
}

describe('http server', () => {
  it('answers 200 on /health while healthy and 503 with the details when not', async () => {
    let healthy = true
    const { http } = server({ health: () => ({ healthy, details: { peers: 2 } }) })
    await http.start(signal)
    try {
      expect((await fetch(`${http.url}/health`)).status).to.equal(200)
      healthy = false
      const answer = await fetch(`${http.url}/health`)
      expect(answer.status).to.equal(503)
      expect(await answer.json()).to.deep.equal({ healthy: false, peers: 2 })
    } finally {
      await http.stop()
    }
  })

  it('serves metrics, and routes of its owner with bigints as decimal strings', async () => {
    const { http, metrics } = server({
      cors: true,
      routes: app => {
        app.get('/price', async () => ({ price: 2n ** 70n }))
      },
    })
    metrics.counter('reports_total', 'Reports.').inc()
    await http.start(signal)
    try {
      const answer = await fetch(`${http.url}/price`)
      expect(await answer.json()).to.deep.equal({ price: '1180591620717411303424' })
      expect(answer.headers.get('access-control-allow-origin')).to.equal('*')
      expect(await (await fetch(`${http.url}/metrics`)).text()).to.include('reports_total 1')
    } finally {
      await http.stop()
    }
  })

  it('says in one sentence which port is taken', async () => {
    const { http: first } = server()
    await first.start(signal)
    const { http: second } = server({ port: first.port })
    try {
      const error = await second.start(signal).catch((reason: unknown) => reason)
      expect(error).to.be.instanceOf(PortInUseError).with.property('port', first.port)
    } finally {
      await second.stop()
      await first.stop()
    }
  })

  it('stops although a client keeps a stream open', async () => {
    const { http } = server({
      routes: app => {
        app.get('/stream', (_request, reply) => {
          reply.hijack()
          reply.raw.writeHead(200).write('first')
        })
      },
    })
    await http.start(signal)
    const answer = await fetch(`${http.url}/stream`)
    await http.stop()
    expect(await answer.text().catch(() => 'cut off')).to.equal('cut off')
  })
})
