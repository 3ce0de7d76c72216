import { expect } from 'chai'
import { type PeerNetwork, PeerRequestError } from '../../../runtime/p2p/peer-network.ts'
import { connectedPeers, keyOf, note, shiftedClock, textOf, until } from './fixture.ts'

const ECHO = '/test/echo/1'
const LIMITS = { maxRequestBytes: 1_000, maxInFlightPerPeer: 2, timeoutMs: 5_000 }
const OPTIONS = { timeoutMs: 5_000, maxReplyBytes: 1_000 }
const forever = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
  })

describe('requests between peers', () => {
  let client: PeerNetwork
  let server: PeerNetwork
  let clock: ReturnType<typeof shiftedClock>

  beforeEach(async () => {
    clock = shiftedClock()
    const [first, second] = await connectedPeers(2, { clock })
    if (first === undefined || second === undefined) throw new Error('no peers')
    server = first
    client = second
  })

  afterEach(() => Promise.all([client.stop(), server.stop()]))

  const ask = (
    text: string,
    options: Partial<typeof OPTIONS> & { signal?: AbortSignal } = {},
    protocol = ECHO,
  ) => client.request(server.self, protocol, note(text), { ...OPTIONS, ...options })

  const codeOf = async (request: Promise<unknown>): Promise<string> => {
    const thrown = await request.then(
      () => 'it was answered',
      (error: unknown) => error,
    )
    return thrown instanceof PeerRequestError ? thrown.code : String(thrown)
  }

  it('brings the reply of the handler, which knows who asks', async () => {
    server.handle(ECHO, LIMITS, async (request, from) => note(`${textOf(request)} ${from}`))
    expect(textOf(await ask('hello'))).to.equal(`hello ${client.self}`)
    const many = await Promise.all([ask('a'), ask('b')])
    expect(many.map(reply => textOf(reply).slice(0, 1))).to.deep.equal(['a', 'b'])
  })

  it('carries empty and large bodies whole', async () => {
    const limits = { ...LIMITS, maxRequestBytes: 3_000_000 }
    server.handle(ECHO, limits, async request => request)
    expect(await client.request(server.self, ECHO, new Uint8Array(), OPTIONS)).to.deep.equal(new Uint8Array())
    const large = new Uint8Array(3_000_000).map((_, index) => index % 251)
    const reply = await client.request(server.self, ECHO, large, {
      timeoutMs: 5_000,
      maxReplyBytes: 3_000_000,
    })
    expect(Buffer.compare(reply, large)).to.equal(0)
  })

  it('refuses what is over a peer’s budget, and serves it again when that has refilled', async () => {
    server.handle(ECHO, { ...LIMITS, maxInFlightPerPeer: 9, maxPerSec: 1 }, async request => request)
    const codes = await Promise.all(['a', 'b', 'c'].map(text => codeOf(ask(text))))
    expect(codes.filter(code => code === 'REFUSED')).to.have.length(1)
    expect(server.counts().REQUEST_OVER_BUDGET).to.equal(1)
    clock.advance(2_000)
    expect(textOf(await ask('again'))).to.equal('again')
    expect(server.counts().BANNED_FOR_FLOOD).to.equal(0)
  })

  it('cuts off a peer that goes on and on over its budget', async () => {
    server.handle(ECHO, { ...LIMITS, maxInFlightPerPeer: 100, maxPerSec: 2 }, async request => request)
    await Promise.all(Array.from({ length: 40 }, (_, k) => codeOf(ask(`${k}`))))
    await until(
      'it is cut off',
      () => server.counts().BANNED_FOR_FLOOD > 0 && server.connected().length === 0,
    )
  })

  it('is NOT_CONNECTED towards a peer without a connection', async () => {
    expect(await codeOf(client.request(keyOf(9), ECHO, note(''), OPTIONS))).to.equal('NOT_CONNECTED')
  })

  it('is REFUSED for a protocol that nobody serves', async () => {
    expect(await codeOf(ask('', {}, '/test/nothing/1'))).to.equal('REFUSED')
  })

  it('is REFUSED when the handler throws, and the next one is answered', async () => {
    server.handle(ECHO, LIMITS, async request => {
      if (request.length === 0) throw new Error('nothing to say')
      return request
    })
    expect(await codeOf(ask(''))).to.equal('REFUSED')
    expect(textOf(await ask('x'))).to.equal('x')
  })

  it('is TOO_LARGE when the request is over the limit of the server', async () => {
    server.handle(ECHO, LIMITS, async request => request)
    expect(await codeOf(ask('x'.repeat(1_001)))).to.equal('TOO_LARGE')
    expect(await codeOf(ask('x'.repeat(2_000_000)))).to.equal('TOO_LARGE')
    expect(server.counts().REQUEST_SERVED).to.equal(0)
  })

  it('is TOO_LARGE when the reply is over the limit of the client', async () => {
    server.handle(ECHO, LIMITS, async () => new Uint8Array(1_001))
    expect(await codeOf(ask(''))).to.equal('TOO_LARGE')
  })

  it('is TIMEOUT when the client has waited long enough, and the handler is told', async () => {
    let told = false
    server.handle(ECHO, LIMITS, async (_request, _from, signal) => {
      signal.addEventListener('abort', () => {
        told = true
      })
      return forever(signal)
    })
    expect(await codeOf(ask('', { timeoutMs: 50 }))).to.equal('TIMEOUT')
    await until('the handler is told', () => told)
  })

  it('is TIMEOUT at the deadline of the server, even when its handler does not listen', async () => {
    server.handle(ECHO, { ...LIMITS, timeoutMs: 50 }, () => new Promise(() => {}))
    expect(await codeOf(ask(''))).to.equal('TIMEOUT')
  })

  it('is CLOSED when the caller cancels', async () => {
    server.handle(ECHO, LIMITS, (_request, _from, signal) => forever(signal))
    const cancel = new AbortController()
    const code = codeOf(ask('', { signal: cancel.signal }))
    cancel.abort()
    expect(await code).to.equal('CLOSED')
    expect(await codeOf(ask('', { signal: cancel.signal }))).to.equal('CLOSED')
  })

  it('is CLOSED when the server stops meanwhile, which then waits for nobody', async () => {
    let asked = false
    server.handle(ECHO, LIMITS, () => {
      asked = true
      return new Promise(() => {})
    })
    const code = codeOf(ask(''))
    await until('it is asked', () => asked)
    await server.stop()
    expect(await code).to.equal('CLOSED')
  })

  it('refuses one request of a peer more than it may have in flight, and serves again after that', async () => {
    const gate = Promise.withResolvers<void>()
    let open = 0
    server.handle(ECHO, LIMITS, async request => {
      open += 1
      await gate.promise
      return request
    })
    const held = [ask('a'), ask('b')]
    await until('two are in flight', () => open === 2)
    expect(await codeOf(ask('c'))).to.equal('REFUSED')
    gate.resolve()
    await Promise.all(held)
    expect(textOf(await ask('d'))).to.equal('d')
  })

  it('leaves no stream behind after many requests', async function () {
    this.timeout(20_000)
    // Above libp2p's limit of streams on one connection, so that a leak would be refused.
    server.handle(ECHO, { ...LIMITS, maxPerSec: 10_000 }, async request => request)
    for (let k = 0; k < 1_200; k++) await ask('x')
    expect(server.counts().REQUEST_SERVED).to.equal(1_200)
  })
})
