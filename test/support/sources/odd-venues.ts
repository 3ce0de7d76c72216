import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import type { MarketView, VenueFormat } from '../../../devnet/venues/format.ts'
import { FORMATS } from '../../../devnet/venues/formats/index.ts'
import { SIMULATED_VENUES, type SimulatedVenue } from '../../../devnet/venues/venue-list.ts'

const quote = { bid: '2', ask: '2', last: '2', bidSize: '1', askSize: '1', volume: '1' }

/** What a venue does beside what its format says. */
export interface Oddity {
  /** @returns whether it has answered; where not, the format does */
  rest?(venue: SimulatedVenue, path: string, response: ServerResponse): boolean
  /** After each message of a client. Nothing else is pushed. */
  stream?(venue: SimulatedVenue, client: WebSocket): void
}

export interface OddVenues {
  /** Where all venues are found behaving in one of the ways. */
  endpoint(way: string): string
  stop(): Promise<void>
}

/** Serves venues in the simulator's formats, each odd in a way that the address names: `/way/okx/www.okx.com/…`. */
export async function startOddVenues(ways: Readonly<Record<string, Oddity>>): Promise<OddVenues> {
  const targetOf = (request: IncomingMessage) => {
    const url = new URL(request.url ?? '/', 'http://venues')
    const [, way = '', id = '', path = ''] = /^\/([^/]+)\/([a-z]+)\/[^/]+(\/.*)?$/.exec(url.pathname) ?? []
    const venue = SIMULATED_VENUES.find(each => each === id)
    if (venue === undefined) throw new Error(`no venue at ${request.url}`)
    return { way, venue, path, query: url.searchParams, format: FORMATS[venue], oddity: ways[way] ?? {} }
  }
  const server = createServer((request, response) => {
    request.resume()
    const { way, venue, path, query, format, oddity } = targetOf(request)
    if (oddity.rest?.(venue, path, response) === true) return
    const wsOrigin = `ws://${request.headers.host}/${way}/${venue}`
    const asked = { path, query, method: request.method ?? 'GET', body: '', wsOrigin }
    const answer = format.rest(asked, viewOf(format))
    response.writeHead(answer?.status ?? 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer?.body ?? {}))
  })
  const sockets = new WebSocketServer({ server, perMessageDeflate: true })
  sockets.on('connection', (client, request) => {
    const { venue, format, oddity } = targetOf(request)
    client.on('error', () => {})
    client.on('message', message => {
      for (const reply of format.receive(String(message), viewOf(format)).replies) client.send(reply)
      oddity.stream?.(venue, client)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    endpoint: way => `http://127.0.0.1:${port}/${way}`,
    stop: async () => {
      for (const client of sockets.clients) client.terminate()
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

function viewOf({ listings }: VenueFormat): MarketView {
  return { nowMs: Date.now(), listings, quote: () => quote }
}
