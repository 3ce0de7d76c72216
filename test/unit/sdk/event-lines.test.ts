import { expect } from 'chai'
import { readEvents, type WireEvent } from '../../../sdk/event-lines.ts'

async function* pieces(text: string, length: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += length) yield text.slice(at, at + length)
}

async function eventsOf(text: string, length = text.length): Promise<WireEvent[]> {
  const events: WireEvent[] = []
  for await (const event of readEvents(pieces(text, length))) events.push(event)
  return events
}

describe('server-sent events', () => {
  const text =
    ': hello\nid: 7\n\nevent: report\nid: 8\ndata: {"a":1}\n\n: alive\n\ndata: one\ndata: two\n\nevent: cut'

  it('are the same however the text is cut', async () => {
    const events = await eventsOf(text)
    expect(events).to.deep.equal([
      { event: 'message', id: '7', data: undefined },
      { event: 'report', id: '8', data: '{"a":1}' },
      { event: 'message', id: undefined, data: 'one\ntwo' },
    ])
    for (const length of [1, 2, 3, 4, 5, 6, 7, 11]) expect(await eventsOf(text, length)).to.deep.equal(events)
  })

  it('take no longer for coming in a hundred thousand pieces', async () => {
    const data = 'x'.repeat(400_000)
    expect(await eventsOf(`data: ${data}\n\n`, 4)).to.deep.equal([{ event: 'message', id: undefined, data }])
  })

  it('are bounded', async () => {
    const failed = await eventsOf(`data: ${'x'.repeat(1_000_000)}`, 10_000).catch((error: unknown) => error)
    expect(failed).to.be.instanceOf(RangeError)
  })
})
