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
  // Put together once, when its end is there: to look at the whole with every piece would take a square of the time.
  let parts: string[] = []
  let length = 0
  let endsLine = false
  const add = (part: string): void => {
    length += part.length
    if (length > MAX_EVENT_CHARS) throw new RangeError('an event is longer than any that a feed sends')
    if (part === '') return
    parts.push(part)
    endsLine = part.endsWith('\n')
  }
  const take = (): WireEvent | undefined => {
    const event = eventOf(parts.join(''))
    parts = []
    length = 0
    endsLine = false
    return event
  }
  for await (const piece of pieces) {
    let start = 0
    for (;;) {
      // The two ends of lines may come in two pieces.
      const cut: boolean = endsLine && piece.startsWith('\n', start)
      const end = cut ? start : piece.indexOf('\n\n', start)
      if (end === -1) break
      add(piece.slice(start, end))
      start = end + (cut ? 1 : 2)
      const event = take()
      if (event !== undefined) yield event
    }
    add(piece.slice(start))
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
