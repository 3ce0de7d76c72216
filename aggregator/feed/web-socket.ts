/** WebSocket: the same stream for whoever has a client for that. */
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'
import type { Allowance } from './allowance.ts'
import { type FeedProblem, type ProblemDetails, renderProblem } from './problems.ts'
import type { EndReason, Line, Readers, StreamEvent } from './readers.ts'
import { beginMessage, streamQuery } from './schemas.ts'

/** `{"after":…}` is all that anybody has to say. */
const MAX_MESSAGE_BYTES = 256
/** Who names no round in the address has so long to do it in a message; then it begins with what is new. */
const FIRST_MESSAGE_MS = 1_000
/** The closing handshake of a reader that does not answer is given up after this. */
const LINGER_MS = 2_000
/** What of a path is looked at: longer ones are none of ours. */
const MAX_URL_CHARS = 200

/** Codes of RFC 6455 where one fits; 4000 and above are for applications. */
export const CLOSE_CODES: Readonly<Record<EndReason, number>> = {
  SHUTTING_DOWN: 1001,
  BAD_MESSAGE: 1008,
  SLOW_READER: 4008,
  NO_ANSWER: 4009,
  LATE_MESSAGE: 4010,
}

/** Takes upgrades of the HTTP server at one path. Give it to {@link attach}, and call `close` before the server closes. */
export class WebSockets {
  readonly #path: string
  readonly #readers: Readers
  readonly #allowance: Pick<Allowance, 'request'>
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    // Memory for each reader, and an open door for small messages that unpack to large ones.
    perMessageDeflate: false,
    clientTracking: false,
  })
  readonly #sockets = new Set<WebSocket>()

  constructor(path: string, readers: Readers, allowance: Pick<Allowance, 'request'>) {
    this.#path = path
    this.#allowance = allowance
    this.#readers = readers
  }

  attach(server: Pick<Server, 'on'>): void {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#upgrade(request, socket, head),
    )
  }

  /** Resolves when no connection is left: an HTTP server waits for those that it has handed over, too. */
  async close(): Promise<void> {
    const closed = [...this.#sockets].map(
      socket => new Promise<void>(resolve => socket.once('close', () => resolve())),
    )
    for (const socket of this.#sockets) endSocket(socket, 'SHUTTING_DOWN')
    await Promise.all(closed)
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => {})
    // None: the connection is gone already.
    const from = request.socket.remoteAddress ?? ''
    const refused = this.#allowance.request(from)
    const asked = readRequest(request.url, this.#path)
    const full = this.#readers.refusalOf(from)
    if (refused !== undefined) refuse(socket, refused.problem, refused)
    else if ('refused' in asked) refuse(socket, asked.refused, asked)
    else if (full !== undefined) refuse(socket, full)
    else
      this.#server.handleUpgrade(request, socket, head, client => this.#connected(client, from, asked.after))
  }

  #connected(socket: WebSocket, from: string, after: number | undefined): void {
    this.#sockets.add(socket)
    const reader = this.#readers.add(lineOf(socket), from)
    let state: 'open' | 'told' | 'late' = after === undefined ? 'open' : 'told'
    const late = setTimeout(() => {
      state = 'late'
      reader.begin()
    }, FIRST_MESSAGE_MS)
    socket.on('message', (data, isBinary) => {
      const message = isBinary ? undefined : readBegin(data)
      if (message === undefined || state !== 'open') {
        reader.leave()
        endSocket(socket, message !== undefined && state === 'late' ? 'LATE_MESSAGE' : 'BAD_MESSAGE')
        return
      }
      state = 'told'
      clearTimeout(late)
      reader.begin(message.after)
    })
    // Frames that break the protocol: the library answers with the code for it, and closes.
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(late)
      reader.leave()
      this.#sockets.delete(socket)
    })
    if (after !== undefined) {
      clearTimeout(late)
      reader.begin(after)
    }
  }
}

function lineOf(socket: WebSocket): Line {
  let answered = true
  socket.on('pong', () => {
    answered = true
  })
  return {
    write: (event, flushed) => {
      socket.send(frame(event), error => {
        if (error === null || error === undefined) flushed()
      })
    },
    ping: () => {
      if (!answered) return false
      answered = false
      socket.ping()
      return true
    },
    end: reason => endSocket(socket, reason),
  }
}

function frame(event: StreamEvent): string {
  return `{"type":"${event.type}","${event.type}":${event.json}}`
}

function endSocket(socket: WebSocket, reason: EndReason): void {
  socket.close(CLOSE_CODES[reason], reason)
  setTimeout(() => socket.terminate(), LINGER_MS).unref()
}

function readBegin(data: RawData): { readonly after: number } | undefined {
  try {
    const message = beginMessage.safeParse(JSON.parse(String(data)))
    return message.success ? message.data : undefined
  } catch {
    return undefined
  }
}

type Asked =
  | { readonly after: number | undefined }
  | { readonly refused: FeedProblem; readonly detail?: string }

function readRequest(text = '', path: string): Asked {
  const url = text.length <= MAX_URL_CHARS ? URL.parse(text, 'http://feed') : null
  if (url?.pathname !== path) return { refused: 'NOT_FOUND' }
  const query = streamQuery.safeParse(Object.fromEntries(url.searchParams))
  if (query.success) return { after: query.data.after }
  return { refused: 'BAD_QUERY', detail: 'Give after as a round: deciseconds since 1970.' }
}

/** An HTTP answer in place of the upgrade. */
function refuse(socket: Duplex, code: FeedProblem, details?: ProblemDetails): void {
  const { status, headers, body } = renderProblem(code, details)
  const lines = Object.entries({
    ...headers,
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}`)
  socket.end([`HTTP/1.1 ${status} ${code}`, ...lines, '', body].join('\r\n'))
}
