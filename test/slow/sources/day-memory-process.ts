/**
 * A simulated day of the sources of a node: real supervisors and adapters on a virtual clock, one update a second from
 * each venue. Frames go from the simulator's formats straight into ccxt's clients, without sockets, which bring nothing
 * that stays. Run with `--expose-gc`; prints hours as JSON lines `{"hour":2,"rssMb":…,"heapMb":…}`.
 */
import { Readable } from 'node:stream'
import type { Subscription } from '../../../devnet/venues/format.ts'
import { FORMATS } from '../../../devnet/venues/formats/index.ts'
import { quoteAt } from '../../../devnet/venues/market.ts'
import { SIMULATED_VENUES, type SimulatedVenue } from '../../../devnet/venues/venue-list.ts'
import { silentSourceMetrics } from '../../../oracle-node/sources/metrics.ts'
import { createSources } from '../../../oracle-node/sources/service.ts'
import { venueExchanges } from '../../../oracle-node/sources/venue-exchanges.ts'
import type { SourcePlan } from '../../../protocol/sources/types.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { aLeg, NOW_MS } from '../../support/sources/build.ts'
import { HeapClock } from '../../support/sources/heap-clock.ts'

const HOURS = Number(process.argv[2] ?? 24)
const VENUES = 14
const OBSERVE_EVERY_SEC = 10
const SAMPLE_EVERY_SEC = 300

const clock = new HeapClock(NOW_MS)
const endpoint = 'http://127.0.0.1:1'
let inFlight = 0
let frames = 0

const viewOf = (venue: SimulatedVenue) => {
  const { listings } = FORMATS[venue]
  const nowMs = clock.now()
  return {
    nowMs,
    listings,
    quote: (listing: (typeof listings)[number], atMs = nowMs) => quoteAt('day', venue, listing, atMs, 1),
  }
}

/** What ccxt's client shows of itself where a socket would be. */
interface Client {
  url: string
  connection: unknown
  connected: { resolve(value: unknown): void }
  isConnected: boolean
  throttle: () => Promise<void>
  error: unknown
  disconnected: Promise<void>
  onMessage(event: { data: unknown }): void
  reset(error: unknown): void
}
const open = new Map<Client, { venue: SimulatedVenue; subscriptions: Map<string, Subscription> }>()

const files = new URL('.', import.meta.resolve('ccxt'))
const { default: WsClient } = await import(new URL('src/base/ws/WsClient.js', files).href)
Object.assign(WsClient.prototype, {
  connect(this: Client) {
    if (open.has(this)) return this.connected
    const id = /^ws:\/\/[^/]+\/([a-z]+)\//.exec(this.url)?.[1]
    const venue = SIMULATED_VENUES.find(each => each === id)
    if (venue === undefined) throw new Error(`no venue at ${this.url}`)
    open.set(this, { venue, subscriptions: new Map() })
    this.connection = { terminate: () => {} }
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
    for (const each of subscribe) there.subscriptions.set(each.key, each)
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
interface RestUser {
  undiciBody(response: object): Promise<unknown>
}
Object.assign(Base.prototype, {
  throttle: async () => {},
  async undiciRequest(this: RestUser, address: string, { method, body }: { method: string; body?: string }) {
    const url = new URL(address)
    const [, id, path = ''] = /^\/([a-z]+)\/[^/]+(\/.*)?$/.exec(url.pathname) ?? []
    const venue = SIMULATED_VENUES.find(each => each === id)
    if (venue === undefined) throw new Error(`no venue at ${address}`)
    const asked = {
      path,
      query: url.searchParams,
      method,
      body: body ?? '',
      wsOrigin: `ws://127.0.0.1:1/${venue}`,
    }
    const answer = FORMATS[venue].rest(asked, viewOf(venue))
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

const streaming = SIMULATED_VENUES.filter(venue => venue !== ('mexc' as string)).slice(0, VENUES)
const pairOf = (venue: SimulatedVenue): string => FORMATS[venue].listings[0]?.symbol ?? ''
const pairs = [...new Set(streaming.map(pairOf))]
const plan: SourcePlan = {
  feed: 'IO/USD',
  legs: pairs.map(pair =>
    aLeg(
      streaming.filter(venue => pairOf(venue) === pair),
      { pair, minSources: 1 },
    ),
  ),
  routes: [['IO/USDT', 'USDT/USD']],
}
const createExchange = venueExchanges(plan, { endpoint, timeoutMs: 3_000, clock })
const sources = createSources(
  { plan },
  { clock, logger: silentLogger, metrics: silentSourceMetrics, createExchange, random: Math.random },
)

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
const settle = async (): Promise<void> => {
  do await turn()
  while (inFlight > 0)
}

await sources.start(new AbortController().signal)
const isUp = (): boolean => sources.status(clock.now()).every(({ state }) => state === 'streaming')
for (let i = 0; i < 3_000 && !isUp(); i += 1) {
  await new Promise(resolve => setTimeout(resolve, 1))
  push()
  if (i % 50 === 49) await clock.advance(1, settle)
}
if (!isUp()) throw new Error(`not all venues stream: ${JSON.stringify(sources.status(clock.now()))}`)

function push(): void {
  for (const [client, { venue, subscriptions }] of open) {
    for (const each of subscriptions.values()) {
      frames += 1
      client.onMessage({ data: FORMATS[venue].push(each, viewOf(venue), clock.now() - 1_000) })
    }
  }
}

const megabytes = (bytes: number): number => Math.round(bytes / 10_000) / 100
const middle = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0
const startedMs = performance.now()
for (let hour = 1; hour <= HOURS; hour += 1) {
  const rss: number[] = []
  const heap: number[] = []
  for (let second = 1; second <= 3_600; second += 1) {
    push()
    await settle()
    await clock.advance(1_000, settle)
    if (second % OBSERVE_EVERY_SEC === 0) sources.observe(clock.now())
    if (second % SAMPLE_EVERY_SEC === 0) {
      globalThis.gc?.()
      const used = process.memoryUsage()
      rss.push(used.rss)
      heap.push(used.heapUsed)
    }
  }
  const states = sources.status(clock.now()).filter(({ state }) => state === 'streaming').length
  const line = {
    hour,
    rssMb: megabytes(middle(rss)),
    heapMb: megabytes(middle(heap)),
    frames,
    streaming: states,
  }
  process.stdout.write(
    `${JSON.stringify({ ...line, seconds: Math.round((performance.now() - startedMs) / 1_000) })}\n`,
  )
}
await sources.stop()
