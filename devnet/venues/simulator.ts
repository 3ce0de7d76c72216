import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Clock } from '../../runtime/clock.ts'
import { type Logger, silentLogger } from '../../runtime/logger.ts'
import type { Service } from '../../runtime/service.ts'
import { serveConnection } from './connection.ts'
import {
  AssetMoves,
  type ControlChange,
  controlChange,
  VENUES,
  type VenueReport,
  VenueState,
} from './control.ts'
import type { MarketView, VenueFormat } from './format.ts'
import { FORMATS } from './formats/index.ts'
import { quoteAt } from './market.ts'
import type { SimulatedVenue } from './venue-list.ts'

export interface VenueSimulatorOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** The same seed shows the same prices at the same times. */
  readonly seed: string
  readonly clock: Clock
  readonly logger?: Logger
}

export interface VenueSimulator extends Service {
  /** The port it listens on; the wanted one before `start`. */
  readonly port: number
  /** What `POST /control` does. @throws {z.ZodError} on a change that is none */
  control(change: ControlChange): void
  /** What `GET /control` shows. */
  report(): Readonly<Record<SimulatedVenue, VenueReport>>
}

/** Subscriptions and control bodies are small. */
const MAX_MESSAGE_BYTES = 65_536
/** A devnet has a handful of oracle nodes with eight venues each. */
const MAX_CONNECTIONS = 1_024

/**
 * Speaks the REST and WebSocket formats of {@link FORMATS} on one port. The first path segment names the venue,
 * the second the host a client wanted, the rest is the venue's own path: `/binance/api.binance.com/api/v3/time`.
 */
export function createVenueSimulator(options: VenueSimulatorOptions): VenueSimulator {
  const { clock, seed } = options
  const logger = options.logger ?? silentLogger
  const states = new Map(VENUES.map(venue => [venue, new VenueState()]))
  const assets = new AssetMoves()
  const connections = new Map<
    WebSocket,
    { venue: SimulatedVenue; abort: AbortController; done: Promise<void> }
  >()
  let server: Server | undefined
  let sockets: WebSocketServer | undefined
  let port = options.port
  let connectionCount = 0

  const stateOf = (venue: SimulatedVenue): VenueState => {
    const state = states.get(venue)
    if (state === undefined) throw new Error(`no state for ${venue}`)
    return state
  }

  const viewOf = (venue: SimulatedVenue): MarketView => {
    const state = stateOf(venue)
    const nowMs = clock.now() - state.behaviour.lagMs
    return {
      nowMs,
      quote: (listing, atMs = nowMs) => {
        const factor =
          assets.factorAt(listing.base, listing.quote, atMs) * (1 + state.offsetAt(atMs) / 10_000)
        return quoteAt(seed, venue, listing, atMs, factor)
      },
    }
  }

  const control = (input: ControlChange): void => {
    const change = controlChange.parse(input)
    assets.apply(change, clock.now())
    const targets = change.venue === '*' ? VENUES : [change.venue]
    for (const venue of targets) {
      const state = stateOf(venue)
      state.apply(change, clock.now())
      if (state.behaviour.ws !== 'closed') continue
      for (const connection of connections.values()) {
        if (connection.venue === venue) connection.abort.abort()
      }
    }
    logger.info('venue behaviour changed', { ...change })
  }

  const report = (): Record<SimulatedVenue, VenueReport> =>
    Object.fromEntries(VENUES.map(venue => [venue, stateOf(venue).report()])) as Record<
      SimulatedVenue,
      VenueReport
    >

  const handleControl = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method === 'GET') {
      answer(response, 200, report())
      return
    }
    // A page of another origin cannot send this type without asking first.
    if (request.method !== 'POST' || request.headers['content-type'] !== 'application/json') {
      answer(response, 415, { code: 'UNSUPPORTED', message: 'POST application/json, or GET' })
      return
    }
    try {
      control(JSON.parse(await readBody(request)))
      answer(response, 200, report())
    } catch (error) {
      answer(response, 400, { code: 'BAD_CONTROL', message: error instanceof Error ? error.message : '' })
    }
  }

  const handleRest = (
    venue: SimulatedVenue,
    path: string,
    query: URLSearchParams,
    response: ServerResponse,
  ): void => {
    const state = stateOf(venue)
    state.counts.restCalls += 1
    if (state.behaviour.rest === 'refused') {
      response.destroy()
      return
    }
    if (state.behaviour.rest === 'limited') {
      const { status, body } = FORMATS[venue].limited
      answer(response, status, body)
      return
    }
    const result = FORMATS[venue].rest({ path, query }, viewOf(venue))
    if (result === undefined) logger.debug('no such path at the simulated venue', { venue })
    answer(response, result?.status ?? 404, result?.body ?? { message: 'Not found' })
  }

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const url = parseUrl(request)
    if (url?.pathname === '/control') {
      void handleControl(request, response)
      return
    }
    const target = parseTarget(url)
    if (url === undefined || target === undefined) answer(response, 404, { message: 'No such venue' })
    else handleRest(target.venue, target.path, url.searchParams, response)
  }

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // Without a listener a client that resets while it is turned away would end the process.
    socket.on('error', () => {})
    const target = parseTarget(parseUrl(request))
    const format = target === undefined ? undefined : FORMATS[target.venue]
    if (target === undefined || format === undefined || !format.wsPath.test(target.path)) {
      socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n')
      return
    }
    if (stateOf(target.venue).behaviour.ws === 'closed' || connections.size >= MAX_CONNECTIONS) {
      socket.end('HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\n')
      return
    }
    sockets?.handleUpgrade(request, socket, head, client => accept(client, target.venue, format))
  }

  const accept = (client: WebSocket, venue: SimulatedVenue, format: VenueFormat): void => {
    const state = stateOf(venue)
    const abort = new AbortController()
    connectionCount += 1
    state.counts.wsConnections += 1
    state.counts.wsOpen += 1
    const done = serveConnection(
      client,
      { format, state, clock, jitterKey: `${seed}/${connectionCount}`, view: () => viewOf(venue) },
      abort.signal,
    )
      .catch((error: unknown) => logger.error('a simulated venue failed to serve a client', { venue, error }))
      .finally(() => {
        state.counts.wsOpen -= 1
        connections.delete(client)
      })
    connections.set(client, { venue, abort, done })
  }

  const start = async (signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted()
    if (server !== undefined) throw new Error('the venue simulator is already running')
    const listening = createServer(onRequest)
    server = listening
    sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false })
    listening.on('upgrade', onUpgrade)
    await new Promise<void>((resolve, reject) => {
      listening.once('error', reject)
      listening.listen(options.port, options.host, () => {
        listening.off('error', reject)
        resolve()
      })
    })
    const address = listening.address()
    if (typeof address === 'object' && address !== null) port = address.port
    logger.info('simulated venues listen', { host: options.host, port, venues: VENUES.length })
  }

  const stop = async (): Promise<void> => {
    const closing = server
    server = undefined
    const open = [...connections.values()]
    for (const connection of open) connection.abort.abort()
    await Promise.all(open.map(connection => connection.done))
    if (closing === undefined || !closing.listening) return
    const closed = new Promise(resolve => closing.close(resolve))
    closing.closeAllConnections()
    await closed
  }

  return {
    name: 'venue-simulator',
    get port() {
      return port
    },
    start,
    stop,
    control,
    report,
  }
}

function parseUrl(request: IncomingMessage): URL | undefined {
  return URL.parse(request.url ?? '/', 'http://simulator') ?? undefined
}

function parseTarget(url: URL | undefined): { venue: SimulatedVenue; path: string } | undefined {
  const match = /^\/([a-z]+)\/[^/]+(\/.*)?$/.exec(url?.pathname ?? '')
  const venue = VENUES.find(each => each === match?.[1])
  return venue === undefined ? undefined : { venue, path: match?.[2] ?? '' }
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk)
    size += bytes.length
    if (size > MAX_MESSAGE_BYTES) throw new Error('the body is too long')
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString()
}
