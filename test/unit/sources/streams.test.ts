import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import type { Adapter, StreamClient } from '../../../oracle-node/sources/adapters/adapter.ts'
import { STREAM_LIMITS } from '../../../oracle-node/sources/adapters/allowance.ts'
import { adapterErrors } from '../../../oracle-node/sources/adapters/ccxt.ts'
import { guardStreams, MAX_FRAME_BYTES } from '../../../oracle-node/sources/adapters/streams.ts'

/** An adapter whose one client takes zipped frames, and what became of them. */
function zipped(handle: (message: unknown) => void = () => {}) {
  const events: string[] = []
  const clock = { ms: 0, monotonic: () => clock.ms }
  let unreadable = 0
  const client = {
    gunzip: true,
    send: () => Promise.reject(new Error('the socket is closed')),
    onMessage: ({ data }: { data: unknown }) => {
      events.push(`message ${data}`)
      adapter.handleMessage(client as unknown as StreamClient, JSON.parse(String(data)))
    },
    onError: (error: Error) => void events.push(error.name),
    close: () => void events.push('closed'),
    onClose: () => void events.push('the other side closed'),
    onPing: () => {},
    onPong: () => {},
  }
  const adapter = {
    client: () => client,
    handleMessage: (_client: unknown, message: unknown) => handle(message),
  } as unknown as Adapter
  const onUnreadable = (): void => {
    unreadable += 1
  }
  const streams = guardStreams(adapter, { hashFrames: true, clock, onUnreadable })
  const guarded = adapter.client('')
  const receive = (data: unknown): void => guarded.onMessage({ data })
  return { client: guarded, streams, events, clock, receive, unreadable: () => unreadable }
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
    expect(events).to.deep.equal(['RangeError', 'closed'])
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

  it('or that the other side ends is known to be lost, whether anybody waits or not', () => {
    const closed = zipped()
    closed.client.onClose({})
    expect(closed.streams.lost()).to.be.instanceOf(adapterErrors.NetworkError)
    const broken = zipped()
    broken.client.onError(new Error('reset'))
    expect(broken.streams.lost()?.message).to.equal('reset')
  })
})
