import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import type { Adapter, StreamClient } from '../../../oracle-node/sources/adapters/adapter.ts'
import { guardStreams, MAX_FRAME_BYTES } from '../../../oracle-node/sources/adapters/streams.ts'

/** An adapter whose one client takes zipped frames, and what became of them. */
function zipped(handle: (message: unknown) => void = () => {}) {
  const events: string[] = []
  const client = {
    gunzip: true,
    send: () => Promise.reject(new Error('the socket is closed')),
    onMessage: ({ data }: { data: unknown }) => {
      events.push(`message ${data}`)
      adapter.handleMessage(client as unknown as StreamClient, JSON.parse(String(data)))
    },
    onError: (error: Error) => void events.push(error.name),
    close: () => void events.push('closed'),
  }
  const adapter = {
    client: () => client,
    handleMessage: (_client: unknown, message: unknown) => handle(message),
  } as unknown as Adapter
  const streams = guardStreams(adapter, true)
  return { adapter, streams, events, receive: (data: unknown) => adapter.client('').onMessage({ data }) }
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
    const { receive } = zipped(() => {
      throw new TypeError('cannot read a property of null')
    })
    expect(() => receive(gzipSync('null'))).not.to.throw()
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
    const { adapter } = zipped()
    const failures: unknown[] = []
    const note = (error: unknown): void => void failures.push(error)
    process.on('unhandledRejection', note)
    adapter
      .client('')
      .send('subscribe')
      .catch(() => {})
    await new Promise(resolve => setImmediate(resolve))
    process.off('unhandledRejection', note)
    expect(failures).to.deep.equal([])
  })
})
