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

  it('takes calls and says nothing when it hangs, and stops all the same', async () => {
    const exchange = await connect()
    simulator.control({ venue: 'okx', rest: 'hang' })
    expect(await codeOf(exchange.fetch(SYMBOL))).to.equal('TIMEOUT')
  })

  it('sends the head at once and the body byte by byte, which takes longer than anybody waits', async () => {
    simulator.control({ venue: 'okx', rest: 'slow' })
    const response = await fetch(`${endpoint}/okx/host/api/v5/public/time`)
    expect(response.status).to.equal(200)
    const reader = response.body?.getReader()
    for (let i = 0; i < 3; i += 1) expect((await reader?.read())?.value).to.have.lengthOf(1)
    await reader?.cancel()
  })

  it('fails all calls, or the share it is told to', async () => {
    const statusOf = async (): Promise<number> =>
      (await fetch(`${endpoint}/okx/host/api/v5/public/time`)).status
    const exchange = await connect()
    simulator.control({ venue: 'okx', rest: 'error', errorStatus: 502 })
    expect(await statusOf()).to.equal(502)
    expect(await codeOf(exchange.fetch(SYMBOL))).to.equal('NETWORK')
    simulator.control({ venue: 'okx', errorShare: 0.5 })
    const statuses = await Promise.all(Array.from({ length: 200 }, statusOf))
    expect(statuses.filter(status => status === 502)).to.have.length.within(70, 130)
    expect(statuses.filter(status => status === 200)).to.have.length.within(70, 130)
  })

  it('says how long to wait when it is asked too often, if it is told to', async () => {
    const waitOf = async (): Promise<string | null> =>
      (await fetch(`${endpoint}/okx/host/api/v5/public/time`)).headers.get('retry-after')
    simulator.control({ venue: 'okx', rest: 'limited' })
    expect(await waitOf()).to.equal(null)
    simulator.control({ venue: 'okx', retryAfterSec: 7 })
    expect(await waitOf()).to.equal('7')
  })

  it('neither reads nor writes on half-open streams, and takes them up again', async () => {
    const socket = new WebSocket(`${endpoint.replace('http', 'ws')}/okx/host/ws/v5/public`)
    await new Promise(resolve => socket.once('open', resolve))
    const pongs: unknown[] = []
    socket.on('pong', () => pongs.push('frame'))
    socket.on('message', data => pongs.push(String(data)))
    simulator.control({ venue: 'okx', ws: 'half-open' })
    await systemClock.sleep(400)
    const before = simulator.report().okx.wsMessagesIn
    socket.ping()
    socket.send('ping')
    await systemClock.sleep(400)
    expect(pongs).to.deep.equal([])
    expect(simulator.report().okx).to.deep.include({ wsMessagesIn: before, wsOpen: 1 })
    const answered = new Promise(resolve => socket.once('message', resolve))
    simulator.control({ venue: 'okx', ws: 'ok' })
    await answered
    expect(pongs).to.have.members(['frame', 'pong'])
    socket.terminate()
  })

  it('sends garbage of every kind, text and bytes', async () => {
    const socket = new WebSocket(`${endpoint.replace('http', 'ws')}/okx/host/ws/v5/public`)
    simulator.control({ venue: 'okx', ws: 'garbage' })
    const kinds = new Set<boolean>()
    await new Promise<void>(resolve => {
      socket.on('message', (_, isBinary) => {
        kinds.add(isBinary)
        if (kinds.size === 2) resolve()
      })
    })
    socket.terminate()
  })

  it('freezes prices while times go on, and skews times while prices go on', async () => {
    const exchange = await connect()
    simulator.control({ venue: 'okx', freeze: 'prices' })
    const one = await exchange.fetch(SYMBOL)
    const two = await exchange.fetch(SYMBOL)
    expect({ ...two, receivedAtMs: 0, exchangeTimeMs: 0 }).to.deep.equal({
      ...one,
      receivedAtMs: 0,
      exchangeTimeMs: 0,
    })
    expect(two.exchangeTimeMs).to.be.above(one.exchangeTimeMs ?? 0)
    simulator.control({ venue: 'okx', freeze: 'off', clockSkewMs: -180_000 })
    const late = await exchange.fetch(SYMBOL)
    expect(late.receivedAtMs - (late.exchangeTimeMs ?? 0)).to.be.within(180_000, 182_000)
  })

  it('delists a pair: gone from the list, unknown to REST, silent on streams, while others go on', async () => {
    const exchange = await connect()
    await exchange.watch(SYMBOL)
    await exchange.watch('IO/USDC')
    simulator.control({ venue: 'okx', delisted: [SYMBOL] })
    expect(await codeOf(exchange.fetch(SYMBOL))).to.be.oneOf(['NOT_LISTED', 'BAD_ANSWER'])
    const silent = exchange.watch(SYMBOL).then(
      () => 'said something',
      () => 'closed',
    )
    // What was on its way may still come; four updates of another pair later nothing is.
    for (let i = 0; i < 4; i += 1) await exchange.watch('IO/USDC')
    const next = exchange.watch(SYMBOL).then(
      () => 'said something',
      () => 'closed',
    )
    for (let i = 0; i < 4; i += 1) await exchange.watch('IO/USDC')
    await exchange.close()
    expect(await next).to.equal('closed')
    await silent
    expect(await codeOf((await connect()).watch(SYMBOL))).to.equal('NOT_LISTED')
  })

  it('lists thousands of markets that nobody asks for', async () => {
    simulator.control({ venue: 'okx', junkMarkets: 5_000 })
    const exchange = createExchange('okx', { endpoint, timeoutMs: 10_000, clock: systemClock })
    exchanges.push(exchange)
    const listed = await exchange.loadMarkets()
    expect(listed.has(SYMBOL)).to.equal(true)
    expect((await exchange.fetch(SYMBOL)).symbol).to.equal(SYMBOL)
    const answer = await fetch(`${endpoint}/okx/host/api/v5/public/instruments?instType=SPOT`)
    expect(((await answer.json()) as { data: unknown[] }).data.length).to.be.above(5_000)
  })

  it('plays a scenario by its name: calm first, then what it says', async () => {
    simulator.control({ venue: 'gate', rest: 'refused' })
    expect((await post('{"scenario":"one-venue-off-by-35-percent"}')).status).to.equal(200)
    expect(simulator.report().gate.rest).to.equal('ok')
    expect(simulator.report().okx.priceOffsetBps).to.equal(3_500)
    expect((await post('{"scenario":"calm"}')).status).to.equal(200)
    expect(simulator.report().okx.priceOffsetBps).to.equal(0)
    const unknown = await post('{"scenario":"../formats/okx"}')
    expect(unknown.status).to.equal(400)
    expect((await post('{"scenario":"none"}')).status).to.equal(400)
  })

  it('plays one scenario at a time', async () => {
    const steps = [{ atMs: 0 }, { atMs: 60, venue: 'okx' as const, priceOffsetBps: 1 }]
    simulator.play({ name: 'first', about: 'about', steps })
    simulator.play({ name: 'second', about: 'about', steps: [{ atMs: 120, priceOffsetBps: 2 }] })
    while (simulator.report().gate.priceOffsetBps !== 2) {
      expect(simulator.report().okx.priceOffsetBps).to.equal(0)
      await systemClock.sleep(10)
    }
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
