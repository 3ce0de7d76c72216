/**
 * What stands where ccxt has sockets: its WebSocket clients and REST calls are answered by the simulator's formats in
 * this process, at the times of a virtual clock. Everything above the sockets is what a node runs.
 */
import { Readable } from 'node:stream'
import type { Message, Subscription, VenueListing } from '../../../devnet/venues/format.ts'
import { FORMATS } from '../../../devnet/venues/formats/index.ts'
import { JUNK_QUOTE, listingsShown } from '../../../devnet/venues/listings.ts'
import { quoteAt } from '../../../devnet/venues/market.ts'
import { SIMULATED_VENUES, type SimulatedVenue } from '../../../devnet/venues/venue-list.ts'
import type { Clock } from '../../../runtime/clock.ts'

/** Where adapters believe the venues to be. */
export const ENDPOINT = 'http://127.0.0.1:1'

export interface Wires {
  /** Sends the newest of each stream of every connection. @returns the number of frames */
  push(): number
  /** Resolves when everything that is under way at this moment of the clock has been answered and read. */
  settle(): Promise<void>
  /** Connections that nobody closed. */
  connections(): number
}

/** What a ccxt client shows of itself. */
interface Client {
  url: string
  connection: unknown
  connected: { resolve(value: unknown): void }
  isConnected: boolean
  throttle: () => Promise<void>
  error: unknown
  onMessage(event: { data: Message }): void
  reset(error: unknown): void
}
interface RestUser {
  undiciBody(response: object): Promise<unknown>
}
interface Stream extends Subscription {
  sentAtMs: number
}
interface Connection {
  readonly venue: SimulatedVenue
  readonly subscriptions: Map<string, Stream>
}

/**
 * Puts itself into ccxt, for the rest of the process.
 *
 * @param junkMarkets how many others each venue lists, so that its list is as long as a real one
 */
export async function layWires(
  clock: Pick<Clock, 'now'>,
  { seed, junkMarkets }: { readonly seed: string; readonly junkMarkets: number },
): Promise<Wires> {
  const open = new Map<Client, Connection>()
  let inFlight = 0

  const viewOf = (venue: SimulatedVenue, junk = 0) => {
    const nowMs = clock.now()
    const listings = listingsShown(FORMATS[venue].listings, [], junk)
    const quote = (listing: VenueListing, atMs = nowMs) =>
      listing.isJunk === true ? JUNK_QUOTE : quoteAt(seed, venue, listing, atMs)
    return { nowMs, listings, quote }
  }
  const venueAt = (path: string): SimulatedVenue => {
    const [, id] = /^\/([a-z]+)\//.exec(path) ?? []
    const venue = SIMULATED_VENUES.find(each => each === id)
    if (venue === undefined) throw new Error(`no venue at ${path}`)
    return venue
  }

  const files = new URL('.', import.meta.resolve('ccxt'))
  const { default: WsClient } = await import(new URL('src/base/ws/WsClient.js', files).href)
  Object.assign(WsClient.prototype, {
    connect(this: Client) {
      if (open.has(this)) return this.connected
      open.set(this, { venue: venueAt(new URL(this.url).pathname), subscriptions: new Map() })
      this.connection = { terminate: () => {} }
      // The venue's rate limit, which is kept in real time.
      this.throttle = async () => {}
      this.isConnected = true
      this.connected.resolve(this.url)
      return this.connected
    },
    isOpen: () => true,
    async send(this: Client, message: unknown) {
      const there = open.get(this)
      if (there === undefined) return
      const text = typeof message === 'string' ? message : JSON.stringify(message)
      const { replies, subscribe = [] } = FORMATS[there.venue].receive(text, viewOf(there.venue))
      for (const each of subscribe) there.subscriptions.set(each.key, { ...each, sentAtMs: clock.now() })
      queueMicrotask(() => {
        for (const data of replies) this.onMessage({ data })
      })
    },
    async close(this: Client) {
      open.delete(this)
      this.reset(this.error ?? new Error('closed'))
    },
  })

  const { default: Base } = await import(new URL('src/base/Exchange.js', files).href)
  Object.assign(Base.prototype, {
    throttle: async () => {},
    async undiciRequest(
      this: RestUser,
      address: string,
      { method, body }: { method: string; body?: string },
    ) {
      const url = new URL(address)
      const venue = venueAt(url.pathname)
      const asked = {
        path: url.pathname.replace(/^\/[a-z]+\/[^/]+/, ''),
        query: url.searchParams,
        method,
        body: body ?? '',
        wsOrigin: `${ENDPOINT.replace('http', 'ws')}/${venue}`,
      }
      // Made each time: a list that is kept would be memory that no node has.
      const junk = url.searchParams.has('symbol') ? 0 : junkMarkets
      const answer = FORMATS[venue].rest(asked, viewOf(venue, junk))
      const headers = { 'content-type': 'application/json' }
      const statusCode = answer?.status ?? 404
      inFlight += 1
      const text = async (): Promise<unknown> => {
        const bytes = Readable.from([Buffer.from(JSON.stringify(answer?.body ?? {}))])
        try {
          return await this.undiciBody({ statusCode, headers, body: bytes })
        } finally {
          inFlight -= 1
        }
      }
      return { status: statusCode, statusText: '', headers, text }
    },
  })

  return {
    push: () => {
      let frames = 0
      for (const [client, { venue, subscriptions }] of open) {
        for (const each of subscriptions.values()) {
          frames += 1
          const data = FORMATS[venue].push(each, viewOf(venue), each.sentAtMs)
          each.sentAtMs = clock.now()
          client.onMessage({ data })
        }
      }
      return frames
    },
    settle: async () => {
      do await new Promise<void>(resolve => setImmediate(resolve))
      while (inFlight > 0)
    },
    connections: () => open.size,
  }
}
