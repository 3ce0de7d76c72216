/** Server-Sent Events: the stream for whoever has an HTTP client. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from './problems.ts'
import { END_ADVICE, type Line, type Readers, type StreamEvent } from './readers.ts'
import { streamQuery } from './schemas.ts'

type Raw = FastifyReply['raw']

/** What was said last has so long to leave before the connection is broken off. */
const LINGER_MS = 2_000

/** Handles `GET /stream`: `Last-Event-ID`, which a browser sends when it connects again, wins over `?after`. */
export function serveEvents(readers: Readers, request: FastifyRequest, reply: FastifyReply): void {
  const last = request.headers['last-event-id']
  const query = streamQuery.safeParse(last === undefined ? request.query : { after: last })
  if (!query.success) {
    const where = last === undefined ? 'after' : 'Last-Event-ID'
    sendProblem(reply, 'BAD_QUERY', { detail: `Give ${where} as a round: deciseconds since 1970.` })
    return
  }
  const full = readers.refusalOf(request.ip)
  if (full !== undefined) {
    sendProblem(reply, full)
    return
  }
  reply.hijack()
  const { raw } = reply
  // A write to a connection that has just gone is no news; 'close' follows.
  raw.on('error', () => {})
  raw.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'access-control-allow-origin': '*',
    'x-accel-buffering': 'no',
  })
  const reader = readers.add(lineOf(raw), request.ip)
  raw.on('close', () => reader.leave())
  const after = query.data.after ?? reader.newest
  // An id without data is no event, but a browser remembers it: it misses nothing if it loses this connection at once.
  raw.write(`: connected\nid: ${after}\n\n`)
  reader.begin(after)
}

function lineOf(raw: Raw): Line {
  return {
    write: (event, flushed) => {
      raw.write(frame(event), error => {
        if (error === null || error === undefined) flushed()
      })
    },
    // Nobody answers here: a connection that is gone shows when the system gives up on it.
    ping: () => {
      if (raw.writableLength === 0) raw.write(': alive\n\n')
      return true
    },
    end: reason => {
      const data = JSON.stringify({ code: reason, detail: END_ADVICE[reason] })
      raw.end(`event: end\ndata: ${data}\n\n`)
      setTimeout(() => raw.destroy(), LINGER_MS).unref()
    },
  }
}

/** Only a report has an id: it is what a reader goes on from. */
function frame(event: StreamEvent): string {
  const id = event.type === 'report' ? `id: ${event.round}\n` : ''
  return `event: ${event.type}\n${id}data: ${event.json}\n\n`
}
