import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Clock } from '../../runtime/clock.ts'
import { type Logger, silentLogger } from '../../runtime/logger.ts'
import type { Service } from '../../runtime/service.ts'
import { serveConnection } from './connection.ts'
import {
  AssetMoves,
  CALM,
  type ControlChange,
  controlChange,
  VENUES,
  type VenueReport,
  VenueState,
} from './control.ts'
import type { MarketView, VenueFormat, VenueListing } from './format.ts'
import { FORMATS } from './formats/index.ts'
import { JUNK_QUOTE, listingsShown } from './listings.ts'
import { patchQuote } from './literal-quote.ts'
import { quoteAt } from './market.ts'
import { uniform } from './noise.ts'
import { answer, readBody, trickle } from './rest-answers.ts'
import { playSteps, type Scenario, scenarioCall, shippedScenario } from './scenario.ts'
import type { SimulatedVenue } from './venue-list.ts'

export interface VenueSimulatorOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** The same seed shows the same prices at the same times. */
  readonly seed: string
  /** Of when the prices are that are shown at a time. Default: of that time. To see the same prices all along. */
  readonly pricesAt?: (tMs: number) => number
  readonly clock: Clock
  readonly logger?: Logger
}

export interface VenueSimulator extends Service {
  /** The port it listens on; the wanted one before `start`. */
  readonly port: number
  /** What `POST /control` does. @throws {z.ZodError} on a change that is none */
  control(change: ControlChange): void
  /**
   * Ends the scenario of before, calms everything, does at once what the scenario does at its beginning, and the rest
   * in its time.
   */
  play(scenario: Scenario): void
  /** What `GET /control` shows. */
  report(): Readonly<Record<SimulatedVenue, VenueReport>>
}

/** Subscriptions and control bodies are small. */
const MAX_MESSAGE_BYTES = 65_536
/** A devnet has a handful of oracle nodes, each connected to every venue: some venues take a socket for each pair. */
const MAX_CONNECTIONS = 1_024

/**
 * Speaks the REST and WebSocket formats of {@link FORMATS} on one port. The first path segment names the venue,
 * the second the host a client wanted, the rest is the venue's own path: `/binance/api.binance.com/api/v3/time`.
 */
export function createVenueSimulator(options: VenueSimulatorOptions): VenueSimulator {
  const { clock, seed, pricesAt = tMs => tMs } = options
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
  const lists = new Map<SimulatedVenue, { of: object; shown: readonly VenueListing[] }>()
  let playing: { abort: AbortController; done: Promise<void> } | undefined

  const stateOf = (venue: SimulatedVenue): VenueState => {
    const state = states.get(venue)
    if (state === undefined) throw new Error(`no state for ${venue}`)
    return state
  }

  /** Made anew when the behaviour changes: it may be thousands long. */
  const listingsOf = (venue: SimulatedVenue): readonly VenueListing[] => {
    const { behaviour } = stateOf(venue)
    const known = lists.get(venue)
    if (known?.of === behaviour) return known.shown
    const shown = listingsShown(FORMATS[venue].listings, behaviour.delisted, behaviour.junkMarkets)
    lists.set(venue, { of: behaviour, shown })
    return shown
  }

  const viewOf = (venue: SimulatedVenue): MarketView => {
    const state = stateOf(venue)
    const nowMs = state.clockAt(clock.now())
    return {
      nowMs,
      listings: listingsOf(venue),
      quote: (listing, atMs = nowMs) => {
        if (listing.isJunk === true) return JUNK_QUOTE
        const tMs = state.pricesOf(atMs)
        const factor = assets.factorAt(listing.base, listing.quote, tMs) * (1 + state.offsetAt(tMs) / 10_000)
        const quote = quoteAt(seed, venue, listing, pricesAt(tMs), factor)
        return patchQuote(quote, listing.symbol, state.behaviour.tickerPatch)
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

  const play = (scenario: Scenario): void => {
    playing?.abort.abort(new Error('another scenario begins'))
    const abort = new AbortController()
    control(CALM)
    logger.info('a scenario begins', { scenario: scenario.name })
    playing = { abort, done: playSteps(scenario, control, clock, abort.signal) }
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
      const body: unknown = JSON.parse(await readBody(request, MAX_MESSAGE_BYTES))
      const called = scenarioCall.safeParse(body)
      if (called.success) play(shippedScenario(called.data.scenario))
      else control(controlChange.parse(body))
      answer(response, 200, report())
    } catch (error) {
      answer(response, 400, { code: 'BAD_CONTROL', message: error instanceof Error ? error.message : '' })
    }
  }

  const handleRest = async (
    venue: SimulatedVenue,
    path: string,
    query: URLSearchParams,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> => {
    const { behaviour, counts } = stateOf(venue)
    counts.restCalls += 1
    if (behaviour.rest === 'refused') {
      response.destroy()
      return
    }
    if (behaviour.rest === 'hang') return
    if (behaviour.rest === 'limited') {
      const { status, body } = FORMATS[venue].limited
      const wait = behaviour.retryAfterSec === null ? {} : { 'retry-after': String(behaviour.retryAfterSec) }
      answer(response, status, body, wait)
      return
    }
    if (behaviour.rest === 'error' && uniform(`${seed}/error/${counts.restCalls}`) < behaviour.errorShare) {
      // Not in the venue's format: it is what stands before the venue that answers.
      response.writeHead(behaviour.errorStatus, { 'content-type': 'text/html' })
      response.end('<html><head><title>Service Temporarily Unavailable</title></head></html>')
      return
    }
    const method = request.method ?? 'GET'
    const body = method === 'POST' ? await readBody(request, MAX_MESSAGE_BYTES) : ''
    const wsOrigin = `ws://${request.headers.host ?? `${options.host}:${port}`}/${venue}`
    const result = FORMATS[venue].rest({ path, query, method, body, wsOrigin }, viewOf(venue))
    if (result === undefined) logger.debug('no such path at the simulated venue', { venue, path })
    const { status, body: content } = result ?? { status: 404, body: { message: 'Not found' } }
    if (behaviour.rest === 'slow') await trickle(response, status, content, clock)
    else answer(response, status, content)
  }

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const url = parseUrl(request)
    if (url?.pathname === '/control') {
      void handleControl(request, response)
      return
    }
    const target = parseTarget(url)
    if (url === undefined || target === undefined) answer(response, 404, { message: 'No such venue' })
    else {
      handleRest(target.venue, target.path, url.searchParams, request, response).catch((error: unknown) => {
        logger.debug('a call to a simulated venue was cut off', { venue: target.venue, error })
        response.destroy()
      })
    }
  }

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // Without a listener a client that resets while it is turned away would end the process.
    socket.on('error', () => {})
    const url = parseUrl(request)
    const target = parseTarget(url)
    const format = target === undefined ? undefined : FORMATS[target.venue]
    if (url === undefined || target === undefined || format?.wsPath?.test(target.path) !== true) {
      socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n')
      return
    }
    if (stateOf(target.venue).behaviour.ws === 'closed' || connections.size >= MAX_CONNECTIONS) {
      socket.end('HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\n')
      return
    }
    const query = url.searchParams
    sockets?.handleUpgrade(request, socket, head, client => accept(client, target.venue, format, query))
  }

  const accept = (
    client: WebSocket,
    venue: SimulatedVenue,
    format: VenueFormat,
    query: URLSearchParams,
  ): void => {
    const state = stateOf(venue)
    const abort = new AbortController()
    connectionCount += 1
    state.counts.wsConnections += 1
    state.counts.wsOpen += 1
    const done = serveConnection(
      client,
      { format, state, clock, query, jitterKey: `${seed}/${connectionCount}`, view: () => viewOf(venue) },
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
    playing?.abort.abort(new Error('the venue simulator stops'))
    await playing?.done
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
    play,
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
