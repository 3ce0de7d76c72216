/** Server-Sent Events as they come over the wire: text in pieces to events. The part of the format that feeds use. */

export interface WireEvent {
  readonly event: string
  readonly id: string | undefined
  /** Undefined where only an id is told: from there a reader goes on. */
  readonly data: string | undefined
}

/** The longest event is a report of 128 members with a quote each: some 60 kB. */
const MAX_EVENT_CHARS = 512 * 1024

/**
 * Each event as soon as its empty line is there; comments are dropped. What was begun and not ended when the text ends
 * is no event.
 *
 * @throws {RangeError} for an event of more than half a megabyte
 */
export async function* readEvents(pieces: AsyncIterable<string>): AsyncGenerator<WireEvent> {
  let rest = ''
  for await (const piece of pieces) {
    rest += piece
    const blocks = rest.split('\n\n')
    rest = blocks.pop() ?? ''
    if (rest.length > MAX_EVENT_CHARS) throw new RangeError('an event is longer than any that a feed sends')
    for (const block of blocks) {
      const event = eventOf(block)
      if (event !== undefined) yield event
    }
  }
}

function eventOf(block: string): WireEvent | undefined {
  let event = 'message'
  let id: string | undefined
  let data: string | undefined
  for (const line of block.split('\n')) {
    const [, name, value = ''] = /^(\w+): ?(.*)$/.exec(line) ?? []
    if (name === 'event') event = value
    else if (name === 'id') id = value
    else if (name === 'data') data = data === undefined ? value : `${data}\n${value}`
  }
  return data === undefined && id === undefined ? undefined : { event, id, data }
}
