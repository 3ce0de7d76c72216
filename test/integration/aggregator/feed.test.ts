import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect } from 'chai'
import { WebSocket } from 'ws'
import type { ReportJson } from '../../../protocol/report-json.ts'
import { createFeedClient, type FeedEvent, type PageOptions } from '../../../sdk/feed-client.ts'
import { ProblemError } from '../../../sdk/problem.ts'
import {
  certified,
  type FeedServer,
  NETWORK,
  numbered,
  roundOf,
  startFeed,
} from '../../support/aggregator/feed-server.ts'
import { eventually } from '../../support/devnet/eventually.ts'
import { DOMAIN } from '../../support/network/cast.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'

const MANY = 5_000

describe('the streams of the feed', function () {
  this.timeout(60_000)
  const template = certified(0)
  let directory: TemporaryDirectory
  let server: FeedServer
  const file = (): string => join(directory.path, 'feed.sqlite')
  const publish = (from: number, to: number): void => {
    for (let index = from; index < to; index++) server.feed.publish(numbered(template, index))
  }

  beforeEach(async () => {
    directory = temporaryDirectory()
    server = await startFeed(file())
  })
  afterEach(async () => {
    for (const end of leftovers.splice(0)) end()
    await server.stop()
    directory.remove()
  })

  /** Whoever is still there when a test has failed. */
  const leftovers: (() => void)[] = []

  /** Rounds as indices, or what else came. */
  type Heard = number | string
  const heardOf = (message: { type: string; report?: ReportJson; gap?: unknown }): Heard =>
    message.type === 'report' && message.report !== undefined
      ? (message.report.round - roundOf(0)) / 10
      : `${message.type} ${JSON.stringify(message.gap ?? '')}`
  /** `0–4999` for so many in order: thousands of numbers are no message. */
  const spans = (heard: readonly Heard[]): string[] => {
    const told: (string | { from: number; to: number })[] = []
    for (const item of heard) {
      const last = told.at(-1)
      if (typeof item === 'string') told.push(item)
      else if (typeof last === 'object' && last.to + 1 === item) last.to = item
      else told.push({ from: item, to: item })
    }
    return told.map(item => (typeof item === 'string' ? item : `${item.from}–${item.to}`))
  }
  const range = (from: number, to: number): number[] =>
    Array.from({ length: to - from }, (_, offset) => from + offset)

  class SocketReader {
    readonly heard: Heard[] = []
    readonly socket: WebSocket
    readonly closed: Promise<{ code: number; reason: string }>
    constructor(url: string, begin?: unknown) {
      this.socket = new WebSocket(url)
      leftovers.push(() => this.socket.terminate())
      this.socket.on('error', () => {})
      this.socket.on('message', data => this.heard.push(heardOf(JSON.parse(String(data)))))
      this.closed = once(this.socket, 'close').then(([code, reason]) => ({ code, reason: String(reason) }))
      if (begin !== undefined) this.socket.on('open', () => this.socket.send(JSON.stringify(begin)))
    }
    async until(count: number): Promise<Heard[]> {
      await eventually(`${count} messages`, 20_000, async () => this.heard.length >= count)
      return this.heard
    }
  }

  class EventReader {
    readonly heard: Heard[] = []
    readonly #abort = new AbortController()
    readonly ended: Promise<unknown>
    constructor(url: string, after?: number | 'all') {
      const client = createFeedClient(url, { retryMs: 20 })
      const read = async (): Promise<void> => {
        const signal = this.#abort.signal
        const from = after === 'all' ? 0 : roundOf(after ?? 0)
        const options = after === undefined ? { signal } : { signal, after: from }
        for await (const event of client.stream(options)) this.heard.push(heardOf(event))
      }
      this.ended = read()
      leftovers.push(() => this.#abort.abort())
    }
    async until(count: number): Promise<Heard[]> {
      await eventually(`${count} events`, 20_000, async () => this.heard.length >= count)
      return this.heard
    }
    async stop(): Promise<void> {
      this.#abort.abort()
      await this.ended
    }
  }

  it('give every report once and in order, from the store and then live, while more are certified', async () => {
    publish(0, MANY)
    const whole = new SocketReader(`${server.wsUrl}?after=0`)
    const late = new SocketReader(server.wsUrl, { after: roundOf(4_000) })
    const events = new EventReader(server.url, 2_000)
    // Some come while readers are still being given old ones.
    for (let index = MANY; index < MANY + 500; index++) {
      publish(index, index + 1)
      if (index % 10 === 0) await new Promise(resolve => setImmediate(resolve))
    }
    expect(spans(await whole.until(5_500))).to.deep.equal(['0–5499'])
    expect(spans(await late.until(1_499))).to.deep.equal(['4001–5499'])
    expect(spans(await events.until(3_499))).to.deep.equal(['2001–5499'])
    publish(5_500, 5_501)
    expect((await whole.until(5_501)).at(-1)).to.equal(5_500)
    expect((await late.until(1_500)).at(-1)).to.equal(5_500)
    expect((await events.until(3_500)).at(-1)).to.equal(5_500)
    whole.socket.close()
    late.socket.close()
    await events.stop()
    await eventually('no readers', 5_000, async () => server.feed.readers === 0)
  })

  it('begin with what is new where no round is named', async () => {
    publish(0, 3)
    const socket = new SocketReader(server.wsUrl)
    const events = new EventReader(server.url)
    await eventually('two readers', 5_000, async () => server.feed.readers === 2)
    publish(3, 5)
    expect(await socket.until(2)).to.deep.equal([3, 4])
    expect(await events.until(2)).to.deep.equal([3, 4])
    socket.socket.close()
    await events.stop()
  })

  it('go on where they were when the aggregator starts again, for a client that connects again', async () => {
    publish(0, 10)
    const events = new EventReader(server.url, 'all')
    const unnamed = new EventReader(server.url)
    const socket = new SocketReader(`${server.wsUrl}?after=0`)
    await events.until(10)
    await socket.until(10)
    await eventually('three readers', 5_000, async () => server.feed.readers === 3)
    const { port } = new URL(server.url)
    await server.stop()
    expect(await socket.closed).to.deep.equal({ code: 1001, reason: 'SHUTTING_DOWN' })
    server = await startFeed(file(), { port: Number(port) })
    publish(10, 30)
    expect(await events.until(30)).to.deep.equal(range(0, 30))
    expect(await unnamed.until(20)).to.deep.equal(range(10, 30))
    const again = new SocketReader(`${server.wsUrl}?after=${roundOf(9)}`)
    expect(await again.until(20)).to.deep.equal(range(10, 30))
    again.socket.close()
    await Promise.all([events.stop(), unnamed.stop()])
  })

  it('resume by Last-Event-ID, which wins over the address', async () => {
    publish(0, 5)
    const abort = new AbortController()
    const response = await fetch(`${server.url}/v1/stream?after=${roundOf(0)}`, {
      headers: { 'last-event-id': String(roundOf(3)) },
      signal: abort.signal,
    })
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    while (!text.includes('event: report')) text += (await reader?.read())?.value ?? ''
    expect(text).to.include(`event: report\nid: ${roundOf(4)}\ndata: {`)
    expect(text).not.to.include(`id: ${roundOf(1)}\n`)
    abort.abort()
  })

  it('say what is missing to who asks too far back', async () => {
    await server.stop()
    server = await startFeed(file(), { keep: 10 })
    publish(0, 30)
    const gap = (after: number) => `gap ${JSON.stringify({ after: roundOf(after), oldest: roundOf(20) })}`
    const socket = new SocketReader(`${server.wsUrl}?after=${roundOf(5)}`)
    expect(await socket.until(11)).to.deep.equal([gap(5), ...range(20, 30)])
    const events = new EventReader(server.url, 18)
    expect(await events.until(11)).to.deep.equal([gap(18), ...range(20, 30)])
    await events.stop()
    const whole = new SocketReader(`${server.wsUrl}?after=${roundOf(19)}`)
    expect(await whole.until(10)).to.deep.equal(range(20, 30))
    // Or to who comes from an aggregator that has been there for longer.
    await server.stop()
    server = await startFeed(join(directory.path, 'younger.sqlite'))
    publish(20, 30)
    const older = new SocketReader(`${server.wsUrl}?after=${roundOf(5)}`)
    expect(await older.until(11)).to.deep.equal([gap(5), ...range(20, 30)])
    older.socket.close()
    socket.socket.close()
    whole.socket.close()
  })

  it('tell of updates on chain whoever has had the report', async () => {
    publish(0, 2)
    const socket = new SocketReader(`${server.wsUrl}?after=${roundOf(0)}`)
    const ahead = new SocketReader(`${server.wsUrl}?after=${roundOf(5)}`)
    await socket.until(1)
    await eventually('two readers', 5_000, async () => server.feed.readers === 2)
    server.feed.updated({ round: template.round as never, txHash: `0x${'7c'.repeat(32)}`, price: '1' })
    server.feed.updated({ round: roundOf(9) as never, txHash: `0x${'7d'.repeat(32)}`, price: '1' })
    publish(9, 10)
    expect(await socket.until(3)).to.deep.equal([1, 'update ""', 9])
    expect((await ahead.until(2)).at(-1)).to.equal(9)
    socket.socket.close()
    ahead.socket.close()
  })

  it('cut off who never reads, by both ways, and serve the others meanwhile', async () => {
    await server.stop()
    server = await startFeed(file(), { readers: { stallMs: 300 } })
    publish(0, MANY)
    const slow = new SocketReader(`${server.wsUrl}?after=0`)
    await once(slow.socket, 'open')
    slow.socket.pause()
    const mute = connect(Number(new URL(server.url).port), '127.0.0.1')
    mute.on('error', () => {})
    mute.write(`GET /v1/stream?after=0 HTTP/1.1\r\nHost: feed\r\n\r\n`)
    const other = new SocketReader(`${server.wsUrl}?after=${roundOf(MANY - 2)}`)
    await eventually('three readers', 5_000, async () => server.feed.readers === 3)
    await eventually('one reader', 15_000, async () => server.feed.readers === 1)
    publish(MANY, MANY + 1)
    expect(await other.until(2)).to.deep.equal([MANY - 1, MANY])
    slow.socket.resume()
    expect(await slow.closed).to.deep.equal({ code: 4008, reason: 'SLOW_READER' })
    // What it was given before that is whole and in order, too.
    expect(spans(slow.heard)).to.deep.equal([`0–${slow.heard.length - 1}`])
    expect(slow.heard.length).to.be.lessThan(MANY)
    mute.destroy()
    other.socket.close()
  })

  it('cut off who sends anything else than where to begin', async () => {
    publish(0, 1)
    const twice = (socket: WebSocket): void => {
      for (const after of [0, 0]) socket.send(JSON.stringify({ after }))
    }
    const refusals: [string, (socket: WebSocket) => void, number][] = [
      ['garbage', socket => socket.send('soon'), 1008],
      ['another message', socket => socket.send('{"after":1,"before":2}'), 1008],
      ['bytes', socket => socket.send(Buffer.from('{"after":1}')), 1008],
      ['a round that is none', socket => socket.send('{"after":-1}'), 1008],
      ['a second message', twice, 1008],
      ['a big frame', socket => socket.send('x'.repeat(1_000_000)), 1009],
    ]
    for (const [what, send, code] of refusals) {
      const reader = new SocketReader(server.wsUrl)
      await once(reader.socket, 'open')
      send(reader.socket)
      expect((await reader.closed).code, what).to.equal(code)
    }
    const raw = connect(Number(new URL(server.url).port), '127.0.0.1')
    raw.write(
      'GET /v1/ws?after=0 HTTP/1.1\r\nHost: feed\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n' +
        '\xff\xff\xff\xff\xff\xff not frames at all',
    )
    raw.on('error', () => {})
    raw.resume()
    await once(raw, 'close')
    await eventually('no readers', 5_000, async () => server.feed.readers === 0)
  })

  it('tell who names a round too late that the stream has begun, and close', async () => {
    publish(0, 1)
    const reader = new SocketReader(server.wsUrl)
    await once(reader.socket, 'open')
    let tick = 0
    await eventually('the stream has begun', 5_000, async () => {
      tick += 1
      publish(tick, tick + 1)
      return reader.heard.length > 0
    })
    reader.socket.send(JSON.stringify({ after: 0 }))
    expect(await reader.closed).to.deep.equal({ code: 4010, reason: 'LATE_MESSAGE' })
  })

  it('are so many for one address, and as many requests', async () => {
    const readers = Array.from({ length: 16 }, () => new SocketReader(server.wsUrl))
    await Promise.all(readers.map(({ socket }) => once(socket, 'open')))
    const refused = await fetch(`${server.url}/v1/stream`)
    expect(refused.status).to.equal(429)
    expect(await refused.json()).to.include({ code: 'TOO_MANY_STREAMS', status: 429 })
    for (const { socket } of readers) socket.close()
    await eventually('no readers', 5_000, async () => server.feed.readers === 0)
    const answers = await Promise.all(
      Array.from({ length: 80 }, () => fetch(`${server.url}/v1/reports/latest`)),
    )
    const limited = answers.find(({ status }) => status === 429)
    expect(limited?.headers.get('content-type')).to.match(/^application\/problem\+json/)
    expect(limited?.headers.get('retry-after')).to.equal('1')
    expect(limited?.headers.get('access-control-allow-origin')).to.equal('*')
    expect(await limited?.json()).to.include({ code: 'TOO_MANY_REQUESTS' })
    expect((await fetch(`${server.url}/health`)).status).to.equal(200)
    const socket = new WebSocket(server.wsUrl)
    socket.on('error', () => {})
    const [, response] = await once(socket, 'unexpected-response')
    expect(response.statusCode).to.equal(429)
    response.resume()
  })

  it('refuse upgrades that cannot be served, as problems', async () => {
    await server.stop()
    server = await startFeed(file(), { readers: { maxReaders: 1 } })
    const statusOf = async (path: string): Promise<number> => {
      const socket = new WebSocket(server.wsUrl.replace('/v1/ws', path))
      socket.on('error', () => {})
      const [, response] = await once(socket, 'unexpected-response')
      expect(response.headers['content-type']).to.equal('application/problem+json')
      response.resume()
      await once(response, 'end')
      return response.statusCode
    }
    expect(await statusOf('/v1/wss')).to.equal(404)
    expect(await statusOf('/v1/ws?after=soon')).to.equal(400)
    expect(await statusOf(`/v1/ws?after=${'1'.repeat(500)}`)).to.equal(404)
    const only = new SocketReader(server.wsUrl)
    await once(only.socket, 'open')
    expect(await statusOf('/v1/ws')).to.equal(503)
    expect((await fetch(`${server.url}/v1/stream`)).status).to.equal(503)
    only.socket.close()
  })
})

describe('the client of the feed', () => {
  let directory: TemporaryDirectory
  let server: FeedServer
  const trusted = { groupKeyX: NETWORK.groupKeyX, domain: DOMAIN }

  beforeEach(async () => {
    directory = temporaryDirectory()
    server = await startFeed(join(directory.path, 'feed.sqlite'))
  })
  afterEach(async () => {
    await server.stop()
    directory.remove()
  })

  it('reads reports one by one and page by page, and checks each', async () => {
    const reports = [0, 1, 2, 3, 4].map(index => certified(index))
    for (const report of reports) server.feed.publish(report)
    const client = createFeedClient(`${server.url}/`, { verify: () => trusted })
    expect(await client.latest()).to.deep.equal(reports[4])
    expect(await client.byRound(roundOf(2))).to.deep.equal(reports[2])
    const pages: (readonly ReportJson[])[] = []
    for await (const page of client.pages({ limit: 2, after: roundOf(0) })) pages.push(page.reports)
    expect(pages).to.deep.equal([reports.slice(1, 3), reports.slice(3, 5)])
    const failed = await client.byRound(5).catch((error: unknown) => error)
    expect(failed).to.include({ code: 'NOT_CERTIFIED', status: 404, retryable: false })
  })

  describe('of an aggregator that lies', () => {
    let liar: Server
    let url: string
    let asked: string[]
    let answer: (path: string, response: ServerResponse) => unknown
    const reports = [0, 1, 2, 3].map(index => certified(index))

    beforeEach(async () => {
      asked = []
      liar = createServer((request, response) => {
        asked.push(request.url ?? '')
        const value = answer(request.url ?? '', response)
        if (value !== undefined) response.end(JSON.stringify(value))
      })
      await new Promise<void>(resolve => liar.listen(0, '127.0.0.1', resolve))
      const address = liar.address()
      url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
    })
    afterEach(() => {
      liar.close()
      liar.closeAllConnections()
    })
    const codeOf = (work: Promise<unknown>): Promise<unknown> =>
      work.then(
        () => 'believed',
        (error: unknown) => (error instanceof ProblemError ? error.code : error),
      )

    it('does not take a report of another round for that of the round it asked for', async () => {
      answer = () => reports[1]
      const client = createFeedClient(url, { verify: () => trusted })
      expect(await codeOf(client.byRound(roundOf(2)))).to.equal('BAD_ANSWER')
      expect(await codeOf(client.byRound(roundOf(1)))).to.equal('believed')
    })

    it('takes no page that is out of order, out of bounds or longer than asked for', async () => {
      const client = createFeedClient(url, { verify: () => trusted })
      const believed = async (indices: readonly number[], options: PageOptions) => {
        answer = () => ({ reports: indices.map(index => reports[index]), next: null, oldest: null })
        return (await codeOf(client.page(options))) === 'believed'
      }
      expect(await believed([3, 2], {})).to.equal(true)
      expect(await believed([1, 2], { after: roundOf(0), before: roundOf(3) })).to.equal(true)
      expect(await believed([2, 3], {})).to.equal(false)
      expect(await believed([2, 2], {})).to.equal(false)
      expect(await believed([2, 1], { limit: 1 })).to.equal(false)
      expect(await believed([2], { before: roundOf(2) })).to.equal(false)
      expect(await believed([1], { after: roundOf(1) })).to.equal(false)
      expect(await believed([2, 1], { after: roundOf(0) })).to.equal(false)
      expect(await believed([3], { after: roundOf(0), before: roundOf(3) })).to.equal(false)
    })

    it('is not sent elsewhere by a next page, nor round and round', async () => {
      const client = createFeedClient(url, { verify: () => trusted })
      const read = async (): Promise<void> => {
        for await (const page of client.pages({ limit: 1 })) expect(page.reports.length).to.be.at.most(1)
      }
      for (const next of ['@127.0.0.1:9/internal?', '//127.0.0.1:9/v1/reports?', '/metrics', '/v1/reports']) {
        answer = () => ({ reports: [reports[3]], next, oldest: null })
        expect(await codeOf(read()), next).to.equal('BAD_ANSWER')
      }
      answer = () => ({ reports: [], next: '/v1/reports?limit=1', oldest: null })
      expect(await codeOf(read())).to.equal('BAD_ANSWER')
      asked = []
      answer = () => ({ reports: [reports[3]], next: '/v1/reports?limit=1', oldest: null })
      expect(await codeOf(read())).to.equal('BAD_ANSWER')
      expect(asked).to.deep.equal(['/v1/reports?limit=1', `/v1/reports?limit=1&before=${roundOf(3)}`])
    })

    it('is not moved back or forth by an id once it knows where it is', async () => {
      const events = (report: ReportJson) => `event: report\ndata: ${JSON.stringify(report)}\n\n`
      answer = (_path, response) => {
        response.setHeader('content-type', 'text/event-stream')
        response.write(`id: 0\n\n${events(certified(2))}id: ${roundOf(9)}\n\n${events(certified(3))}`)
        return undefined
      }
      const heard: number[] = []
      for await (const event of createFeedClient(url).stream({ after: roundOf(2) })) {
        if (event.type === 'report') heard.push(event.report.round)
        if (heard.length > 0) break
      }
      expect(heard).to.deep.equal([roundOf(3)])
    })
  })

  it('hands on nothing that does not hold', async () => {
    const [good, bad] = [certified(0), { ...certified(1), price: '1', priceUsd: '0.000000000000000001' }]
    server.feed.publish(good)
    server.feed.publish(bad)
    const client = createFeedClient(server.url, { verify: () => trusted })
    const heard: FeedEvent[] = []
    const failed = await (async () => {
      for await (const event of client.stream({ after: 0 })) heard.push(event)
    })().catch((error: unknown) => error)
    expect(heard).to.deep.equal([{ type: 'report', report: good }])
    expect(failed).to.include({ name: 'UnverifiedReportError', code: 'FIELDS_DIFFER' })
    expect(await client.latest().catch((error: unknown) => error)).to.include({ code: 'FIELDS_DIFFER' })
    expect(await client.page().catch((error: unknown) => error)).to.include({ code: 'FIELDS_DIFFER' })
    await eventually('no readers', 5_000, async () => server.feed.readers === 0)
  })

  it('gives up a stream that is refused for good', async () => {
    const client = createFeedClient(server.url)
    const failed = await client
      .stream({ after: -1 })
      .next()
      .catch((error: unknown) => error)
    expect(failed).to.include({ code: 'BAD_QUERY', status: 400 })
  })
})
