import type { VenueId } from '../../config/venue-ids.ts'
import type { Clock } from '../../runtime/clock.ts'
import { adapterErrors, adapterOf } from './ccxt-adapters.ts'

/**
 * One answer of a venue. Prices and volume are decimal strings as the venue sent them, unparsed and unchecked;
 * what it did not send is absent.
 */
export interface RawTicker {
  readonly symbol: string
  readonly bid?: string
  readonly ask?: string
  /** Price of the last trade. */
  readonly last?: string
  /** Base currency traded in 24 h. Absent means not told, which is not zero. */
  readonly baseVolume?: string
  /** The venue's own time, Unix ms; null where it sends none. Never filled in from our clock. */
  readonly exchangeTimeMs: number | null
  /** When it reached this process, Unix ms. */
  readonly receivedAtMs: number
  /** SHA-256 of the bytes that it came in, where those are asked for. */
  readonly frame?: Uint8Array
}

/** What a venue answers to somebody who wants to know whether it can be used from here. */
export interface VenueProbe {
  /** Median of a few REST calls. */
  readonly restMs: number
  /** How far the venue's clock is ahead of ours; null where it does not tell the time. */
  readonly skewMs: number | null
  /** Symbols of active spot markets. */
  readonly listed: ReadonlySet<string>
}

export type VenueErrorCode =
  | 'NETWORK'
  | 'TIMEOUT'
  | 'RATE_LIMITED'
  | 'GEO_BLOCKED'
  | 'NOT_LISTED'
  | 'BAD_ANSWER'
  | 'STREAM_LOST'
  | 'CLOSED'

/** The same call on the same {@link Exchange} cannot succeed later. */
const FINAL: ReadonlySet<VenueErrorCode> = new Set(['NOT_LISTED', 'GEO_BLOCKED', 'STREAM_LOST', 'CLOSED'])

/** A call to a venue failed. `retryable` is false where the same call cannot succeed later. */
export class VenueError extends Error {
  readonly code: VenueErrorCode
  readonly venueId: VenueId
  readonly retryable: boolean
  constructor(venueId: VenueId, code: VenueErrorCode, cause?: unknown) {
    super(`${venueId}: ${code}`, cause === undefined ? undefined : { cause })
    this.name = 'VenueError'
    this.code = code
    this.venueId = venueId
    this.retryable = !FINAL.has(code)
  }
}

/**
 * A connection to one venue, public data only. Every method rejects with {@link VenueError}.
 *
 * The stream is not restartable: once `watch` has failed it fails for good with `STREAM_LOST`, while `fetch`
 * goes on. Close it and create another one.
 */
export interface Exchange {
  readonly id: VenueId
  /** Symbols (`IO/USDT`) of active spot markets. Must come before `watch` and `fetch`. */
  loadMarkets(): Promise<ReadonlySet<string>>
  /**
   * The next WebSocket update. The first call connects and subscribes. It may stay pending as long as the
   * venue is silent: the deadline is the caller's. `close` ends it with `CLOSED`.
   */
  watch(symbol: string): Promise<RawTicker>
  /** One REST call, rate-limited, bounded by `timeoutMs`. */
  fetch(symbol: string): Promise<RawTicker>
  /** Resolves when no socket is left. Safe to call twice. */
  close(): Promise<void>
}

export interface ExchangeOptions {
  /** Origin that stands in for every host of the venue, `http://127.0.0.1:4602`. Absent: the real venue. */
  readonly endpoint?: string
  /** Bound of a REST call and of a WebSocket handshake. */
  readonly timeoutMs: number
  readonly clock: Pick<Clock, 'now' | 'sleep'>
}

type Numeric = string | number | undefined
interface AdapterTicker {
  readonly bid?: Numeric
  readonly ask?: Numeric
  readonly last?: Numeric
  readonly baseVolume?: Numeric
  readonly timestamp?: number | undefined
}
interface AdapterBook {
  readonly bids: readonly (readonly Numeric[])[]
  readonly asks: readonly (readonly Numeric[])[]
  readonly nonce?: number | undefined
}

/** A ccxt WebSocket connection. */
interface StreamClient {
  send(message: unknown): Promise<unknown>
}

/** What is used of a ccxt.pro instance, and nothing else. */
interface Adapter {
  readonly urls: { api: unknown }
  readonly hostname?: string
  readonly has: Record<string, unknown>
  readonly markets?: Record<string, { spot?: boolean; active?: boolean } | undefined>
  readonly clients?: Record<string, { connection?: { terminate?: () => void } }>
  log: (...values: unknown[]) => void
  safeTicker: (ticker: AdapterTicker & { readonly close?: Numeric }) => AdapterTicker
  client(url: string): StreamClient
  loadHttpProxyAgent(): Promise<unknown>
  loadMarkets(): Promise<unknown>
  fetchTicker(symbol: string): Promise<AdapterTicker>
  watchTicker(symbol: string, params?: object): Promise<AdapterTicker>
  watchBidsAsks(symbols: string[]): Promise<Record<string, AdapterTicker | undefined>>
  watchOrderBook(symbol: string): Promise<AdapterBook>
  close(): Promise<void>
}

interface VenueEntry {
  readonly create: new (config: object) => unknown
  readonly options: object
  watch(adapter: Adapter, symbol: string): Promise<AdapterTicker>
}

const SPOT_ONLY = { defaultType: 'spot', fetchMarkets: { types: ['spot'] } }
const watchTicker = (adapter: Adapter, symbol: string): Promise<AdapterTicker> => adapter.watchTicker(symbol)

const VENUES: Readonly<Record<VenueId, VenueEntry>> = {
  binance: {
    create: await adapterOf('binance'),
    options: { ...SPOT_ONLY, fetchMargins: false },
    // The default is the mini ticker, which has no bid and ask.
    watch: (adapter, symbol) => adapter.watchTicker(symbol, { name: 'ticker' }),
  },
  okx: { create: await adapterOf('okx'), options: SPOT_ONLY, watch: watchTicker },
  gate: { create: await adapterOf('gate'), options: SPOT_ONLY, watch: watchTicker },
  bybit: {
    create: await adapterOf('bybit'),
    options: SPOT_ONLY,
    // Bybit's spot ticker stream carries neither bid nor ask; the one-level book does.
    watch: async (adapter, symbol) => (await adapter.watchBidsAsks([symbol]))[symbol] ?? {},
  },
  kraken: { create: await adapterOf('kraken'), options: {}, watch: watchTicker },
  coinbase: { create: await adapterOf('coinbase'), options: {}, watch: watchTicker },
  bitstamp: {
    create: await adapterOf('bitstamp'),
    options: {},
    // Bitstamp streams no ticker: the top of its book, without last price and volume. The book's number is the
    // venue's time in µs; its timestamp is cut to seconds in differences but not in snapshots.
    watch: async (adapter, symbol) => {
      const { bids, asks, nonce } = await adapter.watchOrderBook(symbol)
      const timestamp = nonce === undefined ? undefined : Math.floor(nonce / 1_000)
      return { bid: bids[0]?.[0], ask: asks[0]?.[0], timestamp }
    },
  },
  cryptocom: { create: await adapterOf('cryptocom'), options: {}, watch: watchTicker },
  kucoin: { create: await adapterOf('kucoin'), options: SPOT_ONLY, watch: watchTicker },
  bitget: { create: await adapterOf('bitget'), options: SPOT_ONLY, watch: watchTicker },
  mexc: { create: await adapterOf('mexc'), options: SPOT_ONLY, watch: watchTicker },
  htx: {
    create: await adapterOf('htx'),
    options: {
      defaultType: 'spot',
      fetchMarkets: { types: { spot: true, linear: false, inverse: false } },
      // The default channel has no bid and ask.
      watchTicker: { name: 'market.{marketId}.ticker' },
    },
    watch: watchTicker,
  },
  bingx: { create: await adapterOf('bingx'), options: SPOT_ONLY, watch: watchTicker },
  coinex: { create: await adapterOf('coinex'), options: SPOT_ONLY, watch: watchTicker },
  lbank: { create: await adapterOf('lbank'), options: SPOT_ONLY, watch: watchTicker },
  xt: { create: await adapterOf('xt'), options: SPOT_ONLY, watch: watchTicker },
  upbit: { create: await adapterOf('upbit'), options: SPOT_ONLY, watch: watchTicker },
  bithumb: { create: await adapterOf('bithumb'), options: SPOT_ONLY, watch: watchTicker },
  coinone: { create: await adapterOf('coinone'), options: SPOT_ONLY, watch: watchTicker },
}

/** A peer that does not answer our close frame would keep the socket for 30 s. */
const CLOSE_GRACE_MS = 500

/** The ccxt.pro adapter of a venue behind {@link Exchange}. Does no I/O before `loadMarkets`. */
export function createExchange(venueId: VenueId, options: ExchangeOptions): Exchange {
  const entry = VENUES[venueId]
  const adapter = new entry.create({
    enableRateLimit: true,
    timeout: options.timeoutMs,
    // Keeps the venue's digits. Order books compute with doubles all the same: toDecimal takes those.
    number: String,
    options: { ...entry.options, ws: { connectionTimeout: options.timeoutMs } },
  }) as Adapter
  // Currencies need credentials or extra calls, and prices need none of them.
  adapter.has['fetchCurrencies'] = false
  // It prints text a venue sent; errors reach the caller as errors.
  adapter.log = () => {}
  // It would leave out zeros, and make up what a venue did not say from what it did.
  adapter.safeTicker = ticker => ({ ...ticker, last: ticker.last ?? ticker.close })
  if (options.endpoint !== undefined) redirect(adapter.urls.api, venueId, adapter.hostname, options.endpoint)

  catchLostSends(adapter)

  let closed: Promise<void> | undefined
  let streamLost = false

  const call = async <T>(work: () => Promise<T>): Promise<T> => {
    if (closed !== undefined) throw new VenueError(venueId, 'CLOSED')
    try {
      return await work()
    } catch (error) {
      throw closed === undefined ? toVenueError(venueId, error) : new VenueError(venueId, 'CLOSED', error)
    }
  }

  const receive = (symbol: string, work: () => Promise<AdapterTicker>): Promise<RawTicker> =>
    call(async () => {
      if (adapter.markets?.[symbol] === undefined) throw new VenueError(venueId, 'NOT_LISTED')
      return toRawTicker(symbol, await work(), options.clock.now())
    })

  const shutDown = async (): Promise<void> => {
    const clients = Object.values(adapter.clients ?? {})
    const graceOver = new AbortController()
    const politely = adapter.close().catch(() => {})
    const grace = options.clock.sleep(CLOSE_GRACE_MS, graceOver.signal).catch(() => {})
    await Promise.race([politely, grace])
    graceOver.abort()
    for (const client of clients) client.connection?.terminate?.()
    await politely
  }

  return {
    id: venueId,
    loadMarkets: () =>
      call(async () => {
        // Without it ccxt refuses ws:// addresses.
        await adapter.loadHttpProxyAgent()
        await adapter.loadMarkets()
        const listed = Object.entries(adapter.markets ?? {})
        return new Set(listed.flatMap(([symbol, market]) => (isTradedSpot(market) ? [symbol] : [])))
      }),
    watch: async symbol => {
      // ccxt would dial again after a delay that cannot be cancelled: a socket nobody closes.
      if (streamLost && closed === undefined) throw new VenueError(venueId, 'STREAM_LOST')
      return receive(symbol, () =>
        entry.watch(adapter, symbol).catch((error: unknown) => {
          streamLost = true
          throw error
        }),
      )
    },
    fetch: symbol => receive(symbol, () => adapter.fetchTicker(symbol)),
    close: () => {
      closed ??= shutDown()
      return closed
    },
  }
}

/**
 * Subscriptions wait for the venue's rate limit. When the socket closes meanwhile, ccxt leaves the failed send to
 * nobody, and an unhandled rejection ends the process. The end of the stream itself says what there is to know.
 */
function catchLostSends(adapter: Adapter): void {
  const clientOf = adapter.client.bind(adapter)
  const caught = new WeakSet<StreamClient>()
  adapter.client = url => {
    const client = clientOf(url)
    if (caught.has(client)) return client
    caught.add(client)
    const send = client.send.bind(client)
    client.send = message => {
      const sent = send(message)
      sent.catch(() => {})
      return sent
    }
    return client
  }
}

function isTradedSpot(market: { spot?: boolean; active?: boolean } | undefined): boolean {
  // Some venues do not say whether a market is active.
  return market?.spot === true && market.active !== false
}

/**
 * Points every address of an adapter at `endpoint`, in place: `wss://stream.binance.com:9443/ws` becomes
 * `ws://127.0.0.1:4602/binance/stream.binance.com:9443/ws`. The host stays as a path segment because adapters
 * look for parts of it ("/stream", "spot") in the address of a message.
 */
function redirect(node: unknown, venueId: VenueId, hostname: string | undefined, endpoint: string): void {
  if (typeof node !== 'object' || node === null) return
  const branch = node as Record<string, unknown>
  const origin = endpoint.replace(/\/+$/, '')
  for (const [key, value] of Object.entries(branch)) {
    if (typeof value !== 'string') {
      redirect(value, venueId, hostname, endpoint)
      continue
    }
    const match = /^(http|ws)s?:\/\/(.*)$/.exec(value.replace('{hostname}', hostname ?? ''))
    if (match === null) continue
    const [, scheme, rest] = match
    branch[key] = `${scheme === 'ws' ? origin.replace(/^http/, 'ws') : origin}/${venueId}/${rest}`
  }
}

function toRawTicker(symbol: string, ticker: AdapterTicker, receivedAtMs: number): RawTicker {
  const bid = toDecimal(ticker.bid)
  const ask = toDecimal(ticker.ask)
  const last = toDecimal(ticker.last)
  const baseVolume = toDecimal(ticker.baseVolume)
  return {
    symbol,
    ...(bid === undefined ? {} : { bid }),
    ...(ask === undefined ? {} : { ask }),
    ...(last === undefined ? {} : { last }),
    ...(baseVolume === undefined ? {} : { baseVolume }),
    exchangeTimeMs: Number.isSafeInteger(ticker.timestamp) ? (ticker.timestamp ?? null) : null,
    receivedAtMs,
  }
}

/** A JSON number stands for its shortest round-trip decimal of at most 15 digits. */
function toDecimal(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'number' && Number.isFinite(value)) return String(Number(value.toPrecision(15)))
  return undefined
}

function toVenueError(venueId: VenueId, error: unknown): VenueError {
  if (error instanceof VenueError) return error
  return new VenueError(venueId, codeOf(error), error)
}

function codeOf(error: unknown): VenueErrorCode {
  if (error instanceof adapterErrors.ExchangeClosedByUser) return 'CLOSED'
  if (error instanceof adapterErrors.BadSymbol) return 'NOT_LISTED'
  if (error instanceof adapterErrors.RestrictedLocation) return 'GEO_BLOCKED'
  if (error instanceof adapterErrors.RateLimitExceeded || error instanceof adapterErrors.DDoSProtection)
    return 'RATE_LIMITED'
  if (error instanceof adapterErrors.RequestTimeout) return 'TIMEOUT'
  if (error instanceof adapterErrors.NetworkError) return 'NETWORK'
  return 'BAD_ANSWER'
}
