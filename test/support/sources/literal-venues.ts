/**
 * All simulated venues on one port, each saying literally what a test tells it to, in its own format. Everything that
 * is sent is kept, so that a test can say what should have come out.
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import { type WebSocket, WebSocketServer } from 'ws'
import type { MarketView, Reaction, Session, Subscription } from '../../../devnet/venues/format.ts'
import { FORMATS } from '../../../devnet/venues/formats/index.ts'
import type { VenueQuote } from '../../../devnet/venues/market.ts'
import { SIMULATED_VENUES, type SimulatedVenue } from '../../../devnet/venues/venue-list.ts'

const PUSH_MS = 40

export class LiteralVenues {
  quote: VenueQuote
  /** What was sent since `clear`, unzipped. */
  readonly texts: string[] = []
  /** Hex SHA-256 of each, as it went over the wire. */
  readonly hashes = new Set<string>()
  readonly #server = createServer((request, response) => void this.#answer(request, response))
  readonly #sockets = new WebSocketServer({ noServer: true })

  constructor(quote: VenueQuote) {
    this.quote = quote
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async start(): Promise<void> {
    this.#server.on('upgrade', (request, socket: Duplex, head) => {
      const target = parse(request)
      if (target === undefined) socket.destroy()
      else this.#sockets.handleUpgrade(request, socket, head, client => this.#serve(client, target))
    })
    await new Promise<void>(resolve => this.#server.listen(0, '127.0.0.1', resolve))
  }

  async stop(): Promise<void> {
    for (const client of this.#sockets.clients) client.terminate()
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }

  clear(): void {
    this.texts.length = 0
    this.hashes.clear()
  }

  /**
   * A literal as it must come out: itself, or, where the venue sends a JSON number, the shortest decimal that reads
   * back as that number. Undefined when the venue did not send it.
   */
  expected(literal: string): string | undefined {
    const shortest = String(Number(literal))
    const wasSent = (form: string): boolean => this.texts.some(text => text.includes(form))
    if (wasSent(`"${literal}"`)) return literal
    return wasSent(literal) || wasSent(shortest) ? shortest : undefined
  }

  #view(venue: SimulatedVenue): MarketView {
    const view = { nowMs: Date.now(), listings: FORMATS[venue].listings, quote: () => this.quote }
    return view
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = parse(request)
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const answer = target === undefined ? undefined : this.#rest(request, target, body)
    response.writeHead(answer?.status ?? 404, { 'content-type': 'application/json' })
    response.end(this.#note(JSON.stringify(answer?.body ?? {})))
  }

  #rest({ method = 'GET' }: IncomingMessage, { venue, path, query }: Target, body: string) {
    const wsOrigin = `${this.endpoint.replace(/^http/, 'ws')}/${venue}`
    const asked = { path, query, method, body, wsOrigin }
    return FORMATS[venue].rest(asked, this.#view(venue))
  }

  #serve(client: WebSocket, { venue, query }: Target): void {
    const format = FORMATS[venue]
    const subscriptions = new Map<string, Subscription>()
    const session: Session = new Set()
    const react = ({ replies, subscribe = [] }: Reaction): void => {
      for (const reply of replies) client.send(this.#note(reply))
      for (const subscription of subscribe) subscriptions.set(subscription.key, subscription)
    }
    client.on('message', data => react(format.receive(data.toString(), this.#view(venue), session)))
    if (format.connect !== undefined) react(format.connect(query, this.#view(venue)))
    const timer = setInterval(() => {
      for (const each of subscriptions.values()) {
        client.send(this.#note(format.push(each, this.#view(venue), Date.now() - PUSH_MS)))
      }
    }, PUSH_MS)
    client.on('close', () => clearInterval(timer))
    client.on('error', () => {})
  }

  #note<Frame extends string | Uint8Array>(frame: Frame): Frame {
    this.hashes.add(createHash('sha256').update(frame).digest('hex'))
    const isZipped = typeof frame !== 'string' && frame[0] === 0x1f
    this.texts.push(isZipped ? gunzipSync(frame).toString() : Buffer.from(frame).toString())
    return frame
  }
}

interface Target {
  readonly venue: SimulatedVenue
  readonly path: string
  readonly query: URLSearchParams
}

function parse(request: IncomingMessage): Target | undefined {
  const url = new URL(request.url ?? '/', 'http://venues')
  const [, id, path = ''] = /^\/([a-z]+)\/[^/]+(\/.*)?$/.exec(url.pathname) ?? []
  const venue = SIMULATED_VENUES.find(each => each === id)
  return venue === undefined ? undefined : { venue, path, query: url.searchParams }
}
