import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import type { MarketView, Message, Reaction, Subscription } from '../../../devnet/venues/format.ts'
import { FORMATS } from '../../../devnet/venues/formats/index.ts'
import type { SimulatedVenue } from '../../../devnet/venues/venue-list.ts'

/** A venue that pushes when a test says so. */
export interface PushingVenue {
  readonly endpoint: string
  /** Sockets that were ever opened, and those that still are. */
  readonly sockets: { readonly opened: number; readonly open: number }
  /** Resolves when somebody has subscribed to something. */
  readonly subscribed: Promise<void>
  /** One frame a price of what was subscribed to, all in one segment. */
  push(...prices: string[]): void
  close(): Promise<void>
}

export async function pushingVenue(id: SimulatedVenue): Promise<PushingVenue> {
  const format = FORMATS[id]
  let price = '2.5'
  const quote = () => ({ bid: price, ask: price, last: price, bidSize: '1', askSize: '1', volume: '1' })
  const view = (): MarketView => ({ nowMs: Date.now(), listings: format.listings, quote })
  const stripped = (url: string): string => url.replace(/^\/[a-z]+\/[^/]+/, '').replace(/\?.*$/, '')
  const server = createServer(async (request, response) => {
    const url = request.url ?? ''
    let body = ''
    for await (const chunk of request) body += chunk
    const answer = format.rest(
      {
        path: stripped(url),
        query: new URL(url, 'http://venue').searchParams,
        method: request.method ?? 'GET',
        body,
        wsOrigin: `${endpoint.replace('http', 'ws')}/${id}`,
      },
      view(),
    )
    response.writeHead(answer?.status ?? 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer?.body ?? {}))
  })
  const open = new Set<object>()
  let opened = 0
  server.on('connection', socket => {
    opened += 1
    open.add(socket)
    socket.on('close', () => open.delete(socket))
  })
  const { promise: subscribed, resolve } = Promise.withResolvers<void>()
  const streams: { client: WebSocket; subscription: Subscription }[] = []
  const webSockets = new WebSocketServer({ server })
  webSockets.on('connection', (client, { url = '' }) => {
    const react = ({ replies, subscribe = [] }: Reaction): void => {
      for (const reply of replies) client.send(reply)
      for (const subscription of subscribe) streams.push({ client, subscription })
      if (subscribe.length > 0) resolve()
    }
    client.on('error', () => {})
    client.on('message', data => react(format.receive(data.toString(), view())))
    const connected = format.connect?.(new URL(url, 'http://venue').searchParams, view())
    if (connected !== undefined) react(connected)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  return {
    endpoint,
    get sockets() {
      return { opened, open: open.size }
    },
    subscribed,
    push: (...prices) => {
      for (const { client, subscription } of streams.slice(0, 1)) {
        const socket = (client as unknown as { _socket: { cork(): void; uncork(): void } })._socket
        socket.cork()
        for (const next of prices) {
          price = next
          const frame: Message = format.push(subscription, view(), Date.now())
          client.send(frame)
        }
        socket.uncork()
      }
    },
    close: async () => {
      for (const client of webSockets.clients) client.terminate()
      server.closeAllConnections()
      await new Promise(done => server.close(done))
    },
  }
}
