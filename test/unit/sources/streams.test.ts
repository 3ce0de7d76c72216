import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import type { Adapter, StreamClient } from '../../../oracle-node/sources/adapters/adapter.ts'
import { STREAM_LIMITS } from '../../../oracle-node/sources/adapters/allowance.ts'
import { adapterErrors, adapterOf } from '../../../oracle-node/sources/adapters/ccxt.ts'
import { VENUE_ENTRIES } from '../../../oracle-node/sources/adapters/entries.ts'
import {
  guardStreams,
  MAX_FRAME_BYTES,
  MAX_UNSENT_BYTES,
} from '../../../oracle-node/sources/adapters/streams.ts'

/** An adapter whose clients, alike but for their names, take zipped frames, and what became of those. */
function zipped(handle: (message: unknown) => void = () => {}) {
  const events: string[] = []
  const clock = { ms: 0, monotonic: () => clock.ms }
  let unreadable = 0
  const connection = { bufferedAmount: 0, terminate: () => {} }
  const clientAt = (url: string) => ({
    url,
    connection,
    gunzip: true,
    send: () => Promise.reject(new Error('the socket is closed')),
    onMessage: ({ data }: { data: unknown }) => {
      events.push(`message ${data}`)
      adapter.handleMessage(first, JSON.parse(String(data)))
    },
    onError: (error: Error) => void events.push(`${url}${error.name}`),
    close: () => void events.push(`${url}closed`),
    onClose: () => void events.push('the other side closed'),
    onPing: () => {},
    onPong: () => {},
    reject: (error: Error, hash?: string) => void events.push(`${error.name} for ${hash ?? 'all'}`),
  })
  const made = new Map<string, ReturnType<typeof clientAt>>()
  const adapter = {
    client: (url: string) => {
      const client = made.get(url) ?? clientAt(url)
      made.set(url, client)
      return client
    },
    handleMessage: (_client: unknown, message: unknown) => handle(message),
  } as unknown as Adapter
  const onUnreadable = (): void => {
    unreadable += 1
  }
  const streams = guardStreams(adapter, { hashFrames: true, clock, onUnreadable })
  const first = adapter.client('')
  const receive = (data: unknown): void => first.onMessage({ data })
  return { adapter, client: first, connection, streams, events, clock, receive, unreadable: () => unreadable }
}

describe('a stream of zipped frames', () => {
  it('is unzipped by us', () => {
    const { receive, events } = zipped()
    receive(gzipSync('{"a":1}'))
    expect(events).to.deep.equal(['message {"a":1}'])
  })

  it('ends by a frame that unfolds to more than a frame may be', () => {
    const { receive, events } = zipped()
    receive(gzipSync(Buffer.alloc(MAX_FRAME_BYTES + 1)))
    expect(events).to.deep.equal(['NetworkError', 'closed'])
  })

  it('goes on after a frame that is not zipped', () => {
    const { receive, events } = zipped()
    receive(Buffer.from('garbage'))
    receive(gzipSync('{"a":1}'))
    expect(events).to.deep.equal(['message {"a":1}'])
  })

  it('goes on after a message that the parser chokes on, which is not told to other pairs', () => {
    for (const error of [
      new TypeError('no property of null'),
      new adapterErrors.BadSymbol('no such market'),
    ]) {
      const { receive, unreadable } = zipped(() => {
        throw error
      })
      expect(() => receive(gzipSync('null'))).not.to.throw()
      expect(unreadable()).to.equal(1)
    }
  })

  it('ends when the venue says that it wants nothing more of us', () => {
    for (const Refusal of [
      adapterErrors.RateLimitExceeded,
      adapterErrors.AuthenticationError,
      adapterErrors.RestrictedLocation,
    ]) {
      const { receive, unreadable } = zipped(() => {
        throw new Refusal('no')
      })
      expect(() => receive(gzipSync('{}'))).to.throw(Refusal)
      expect(unreadable()).to.equal(0)
    }
  })

  it('ends when an adapter has caught that for us, whether anybody waits or not', () => {
    const { receive, client, streams, events } = zipped(() => {
      client.reject(new adapterErrors.RateLimitExceeded('no'))
    })
    receive(gzipSync('{}'))
    expect(streams.lost()).to.be.instanceOf(adapterErrors.RateLimitExceeded)
    expect(events).to.include('RateLimitExceeded for all')
  })

  it('goes on after what else an adapter tells everybody, and tells whom it concerns', () => {
    const { receive, client, streams, events, unreadable } = zipped(() => {
      client.reject(new adapterErrors.BadSymbol('no such market'))
      client.reject(new adapterErrors.BadSymbol('no such market'), 'ticker:IO/USDT')
    })
    receive(gzipSync('{}'))
    expect(streams.lost()).to.equal(undefined)
    expect(events).to.deep.equal(['message {}', 'BadSymbol for ticker:IO/USDT'])
    expect(unreadable()).to.equal(1)
    // Not while a message is read: the end of the connection.
    client.reject(new adapterErrors.BadResponse('too much'))
    expect(events.at(-1)).to.equal('BadResponse for all')
  })

  it('is hashed as it came, only while it is parsed', () => {
    const seen: (Uint8Array | undefined)[] = []
    const { receive, streams } = zipped(() => void seen.push(streams.frame(), streams.frame()))
    receive(gzipSync('{"a":1}'))
    expect(seen[0]).to.be.instanceOf(Uint8Array).with.length(32)
    expect(seen[1]).to.equal(seen[0])
    expect(streams.frame()).to.equal(undefined)
  })

  it('leaves no rejection to nobody when it closes before a subscription was sent', async () => {
    const { client } = zipped()
    const failures: unknown[] = []
    const note = (error: unknown): void => void failures.push(error)
    process.on('unhandledRejection', note)
    // As ccxt does: nobody has the promise.
    void client.send('subscribe')
    await new Promise(resolve => setImmediate(resolve))
    process.off('unhandledRejection', note)
    expect(failures).to.deep.equal([])
  })
})

describe('a stream that is too much', () => {
  const flood = (send: () => void, times: number): void => {
    for (let i = 0; i < times; i += 1) send()
  }

  it('of frames ends, and what it had sent before is not read', () => {
    const { receive, events, streams } = zipped()
    const { atOnce } = STREAM_LIMITS.frames
    flood(() => receive('{}'), atOnce)
    expect(streams.lost()).to.equal(undefined)
    flood(() => receive('{}'), 10)
    expect(streams.lost()?.message).to.equal('too many frames')
    expect(events.filter(event => event === 'message {}')).to.have.length(atOnce + 1)
    expect(events.slice(atOnce + 1)).to.deep.equal(['BadResponse', 'closed'])
  })

  it('of bytes ends, by what they are once unzipped', () => {
    const { receive, streams } = zipped()
    const frame = gzipSync(`{"a":"${'x'.repeat(MAX_FRAME_BYTES - 100)}"}`)
    flood(() => receive(frame), Math.ceil(STREAM_LIMITS.bytes.atOnce / (MAX_FRAME_BYTES - 100)) + 1)
    expect(streams.lost()?.message).to.equal('too many bytes')
  })

  it('of work ends', () => {
    const { receive, streams, clock } = zipped(() => {
      clock.ms += STREAM_LIMITS.parseMs.atOnce
    })
    receive('{}')
    expect(streams.lost()).to.equal(undefined)
    receive('{}')
    receive('{}')
    expect(streams.lost()?.message).to.equal('too many parseMs')
  })

  it('of pings ends', () => {
    const { client, streams } = zipped()
    flood(() => client.onPing(), STREAM_LIMITS.frames.atOnce)
    expect(streams.lost()).to.equal(undefined)
    client.onPong()
    expect(streams.lost()?.message).to.equal('too many frames')
  })

  it('goes on for as long as it keeps within a rate', () => {
    const { receive, streams, clock } = zipped()
    for (let second = 0; second < 20; second += 1) {
      flood(() => receive('{}'), STREAM_LIMITS.frames.perSec)
      clock.ms += 1_000
    }
    expect(streams.lost()).to.equal(undefined)
  })

  it('ends with all other connections of the venue, and no new one is made', () => {
    const { adapter, client, events, streams } = zipped()
    const other = adapter.client('other ')
    client.onClose({})
    expect(events).to.deep.equal([
      ...['NetworkError', 'closed', 'other NetworkError', 'other closed'],
      'the other side closed',
    ])
    other.onMessage({ data: '{}' })
    expect(events).not.to.include('message {}')
    expect(() => adapter.client('third')).to.throw(adapterErrors.NetworkError)
    expect([...streams.clients]).to.deep.equal([client, other])
  })

  it('of answers that it does not read ends', () => {
    const { receive, connection, streams } = zipped()
    connection.bufferedAmount = MAX_UNSENT_BYTES
    receive('{}')
    expect(streams.lost()).to.equal(undefined)
    connection.bufferedAmount += 1
    receive('{}')
    expect(streams.lost()?.message).to.equal('the venue does not read what it is sent')
  })

  it('or that the other side ends is known to be lost, whether anybody waits or not', () => {
    const closed = zipped()
    closed.client.onClose({})
    expect(closed.streams.lost()).to.be.instanceOf(adapterErrors.NetworkError)
    const broken = zipped()
    broken.client.onError(new Error('reset'))
    expect(broken.streams.lost()?.message).to.equal('reset')
  })
})

describe('what a stream says that nobody asked for', () => {
  it('makes Gate ask for no book', async () => {
    const create = await adapterOf('gate')
    const adapter = new create({}) as Adapter
    const asked: unknown[] = []
    Object.assign(adapter, { fetchRestOrderBookSafe: async (symbol: unknown) => void asked.push(symbol) })
    guardStreams(adapter, { hashFrames: false, clock: { monotonic: () => 0 }, onUnreadable: () => {} })
    const client = adapter.client('wss://127.0.0.1:1/')
    const receive = (message: object): void => client.onMessage({ data: JSON.stringify(message) })
    receive({
      channel: 'spot.obu',
      event: 'update',
      result: { full: true, s: 'ob.IO_USDT.50', b: [], a: [] },
    })
    const change = { s: 'IO_USDT', U: 5, u: 6, b: [], a: [] }
    for (let nth = 0; nth < 20; nth += 1)
      receive({ channel: 'spot.order_book_update', event: 'update', result: change })
    await new Promise(resolve => setTimeout(resolve))
    expect(asked).to.deep.equal([])
  })

  it('does not make Bithumb take commas out of trades for seconds', async () => {
    const create = await adapterOf('bithumb')
    const adapter = new create({}) as Adapter
    VENUE_ENTRIES.bithumb.prepare(adapter, address => address)
    const client = { futures: {}, resolve: () => {} } as unknown as StreamClient
    const began = performance.now()
    try {
      adapter.handleMessage(client, { type: 'trade', code: 'KRW-IO', units_traded: '1'.padEnd(240_000, ',') })
    } catch {}
    expect(performance.now() - began).to.be.below(500)
  })
})
