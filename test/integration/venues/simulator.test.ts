import { expect } from 'chai'
import { WebSocket } from 'ws'
import type { VenueId } from '../../../config/venue-ids.ts'
import { createVenueSimulator, type VenueSimulator } from '../../../devnet/venues/simulator.ts'
import { createExchange, type Exchange } from '../../../oracle-node/sources/exchange.ts'
import { systemClock } from '../../../runtime/clock.ts'

const SYMBOL = 'IO/USDT'

describe('venue simulator', () => {
  let simulator: VenueSimulator
  let endpoint: string
  const exchanges: Exchange[] = []

  beforeEach(async () => {
    simulator = createVenueSimulator({ host: '127.0.0.1', port: 0, seed: 'control', clock: systemClock })
    await simulator.start(new AbortController().signal)
    endpoint = `http://127.0.0.1:${simulator.port}`
  })
  afterEach(async () => {
    await Promise.all(exchanges.splice(0).map(exchange => exchange.close()))
    await simulator.stop()
  })

  async function connect(venueId: VenueId = 'okx'): Promise<Exchange> {
    const exchange = createExchange(venueId, { endpoint, timeoutMs: 2_000, clock: systemClock })
    exchanges.push(exchange)
    await exchange.loadMarkets()
    return exchange
  }

  const post = (body: string, type = 'application/json'): Promise<Response> =>
    fetch(`${endpoint}/control`, { method: 'POST', body, headers: { 'content-type': type } })

  it('takes and shows behaviour over HTTP', async () => {
    const response = await post(JSON.stringify({ venue: 'okx', rest: 'refused', priceOffsetBps: 25 }))
    expect(response.status).to.equal(200)
    const report = (await (await fetch(`${endpoint}/control`)).json()) as Record<string, object>
    expect(report['okx']).to.deep.include({ rest: 'refused', ws: 'ok', priceOffsetBps: 25, lagMs: 0 })
    expect(report['gate']).to.deep.include({ rest: 'ok', priceOffsetBps: 0 })
  })

  it('refuses control bodies that are wrong, too long or of a type a foreign page could send', async () => {
    expect((await post('{"venue":"mtgox"}')).status).to.equal(400)
    expect((await post('nonsense')).status).to.equal(400)
    expect((await post('{"rest":"refused"}', 'text/plain')).status).to.equal(415)
    const long = await post(`{"venue":"${'x'.repeat(100_000)}"}`).catch(() => undefined)
    expect(long?.ok ?? false).to.equal(false)
    expect(simulator.report().okx.rest).to.equal('ok')
  })

  it('ends streams and takes no new ones when closed, while REST goes on', async () => {
    const exchange = await connect()
    await exchange.watch(SYMBOL)
    simulator.control({ venue: 'okx', ws: 'closed' })
    expect(await codeOf(exchange.watch(SYMBOL))).to.equal('NETWORK')
    expect(await codeOf(exchange.watch(SYMBOL))).to.equal('STREAM_LOST')
    expect((await exchange.fetch(SYMBOL)).symbol).to.equal(SYMBOL)
    expect(await codeOf((await connect()).watch(SYMBOL))).to.equal('NETWORK')
    simulator.control({ venue: 'okx', ws: 'ok' })
    expect((await (await connect()).watch(SYMBOL)).symbol).to.equal(SYMBOL)
  })

  it('says nothing when silent, and a pending watch ends when its exchange is closed', async () => {
    const exchange = await connect()
    await exchange.watch(SYMBOL)
    simulator.control({ venue: 'okx', ws: 'silent' })
    const sent = simulator.report().okx.wsMessagesOut
    const pending = codeOf(exchange.watch(SYMBOL))
    // Four updates of another venue take longer than the longest gap between two of this one.
    const other = await connect('gate')
    for (let i = 0; i < 4; i += 1) await other.watch(SYMBOL)
    await exchange.close()
    expect(await pending).to.equal('CLOSED')
    expect(simulator.report().okx.wsMessagesOut).to.equal(sent)
    expect(await codeOf(exchange.watch(SYMBOL))).to.equal('CLOSED')
  })

  it('moves the prices of one venue by an offset', async () => {
    const exchange = await connect()
    const honest = await exchange.fetch(SYMBOL)
    simulator.control({ venue: 'okx', priceOffsetBps: 3_500 })
    const lying = await exchange.fetch(SYMBOL)
    expect(Number(lying.last) / Number(honest.last)).to.be.closeTo(1.35, 0.01)
  })

  it('serves the past, with the times of then, when it lags', async () => {
    const exchange = await connect()
    simulator.control({ venue: 'okx', lagMs: 60_000 })
    const ticker = await exchange.fetch(SYMBOL)
    expect(ticker.receivedAtMs - (ticker.exchangeTimeMs ?? 0)).to.be.within(60_000, 62_000)
  })

  it('gives every connection its own moments', async () => {
    const [one, two] = await Promise.all([connect(), connect()])
    const times = async (exchange: Exchange): Promise<(number | null)[]> => {
      const all: (number | null)[] = []
      for (let i = 0; i < 4; i += 1) all.push((await exchange.watch(SYMBOL)).exchangeTimeMs)
      return all
    }
    const [ones, twos] = await Promise.all([times(one), times(two)])
    expect(ones).not.to.deep.equal(twos)
  })

  it('counts calls, connections and messages', async () => {
    const exchange = await connect()
    await exchange.fetch(SYMBOL)
    await exchange.watch(SYMBOL)
    const counts = simulator.report().okx
    expect(counts).to.deep.include({ restCalls: 2, wsOpen: 1, wsConnections: 1, wsMessagesIn: 1 })
    expect(counts.wsMessagesOut).to.be.at.least(2)
  })

  it('turns away paths no venue has', async () => {
    expect((await fetch(`${endpoint}/mtgox/host/api`)).status).to.equal(404)
    expect((await fetch(`${endpoint}/okx/host/api/v5/none`)).status).to.equal(404)
    const socket = new WebSocket(`${endpoint.replace('http', 'ws')}/okx/host/none`)
    const error = await new Promise<Error>(resolve => socket.once('error', resolve))
    expect(error.message).to.contain('404')
  })

  it('survives clients that send nonsense', async () => {
    const socket = new WebSocket(`${endpoint.replace('http', 'ws')}/okx/host/ws/v5/public`)
    await new Promise(resolve => socket.once('open', resolve))
    for (const text of ['', '[]', 'null', '{"op":"subscribe","args":[null,1,{"channel":{}}]}', '\u0000']) {
      socket.send(text)
    }
    socket.send('ping')
    const pong = new Promise<void>(resolve => {
      socket.on('message', data => {
        if (data.toString() === 'pong') resolve()
      })
    })
    await pong
    socket.terminate()
  })

  it('stops with clients connected, and can be stopped twice', async () => {
    const exchange = await connect()
    await exchange.watch(SYMBOL)
    const pending = codeOf(exchange.watch(SYMBOL))
    await simulator.stop()
    await simulator.stop()
    expect(await pending).to.equal('NETWORK')
    expect(simulator.report().okx.wsOpen).to.equal(0)
  })
})

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
  } catch (error) {
    return (error as { code?: unknown }).code
  }
  return 'OK'
}
