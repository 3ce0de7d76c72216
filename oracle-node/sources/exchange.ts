import type { VenueId } from '../../config/venue-ids.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Adapter, AdapterTicker } from './adapters/adapter.ts'
import { refuseLongPrecisions } from './adapters/bounded-answer.ts'
import { adapterErrors, adapterOf } from './adapters/ccxt.ts'
import { VENUE_ENTRIES, type Watch } from './adapters/entries.ts'
import { toVenueError } from './adapters/errors.ts'
import { tellOnlyWhatIsTold, toRawTicker } from './adapters/exact-ticker.ts'
import { keepMarkets } from './adapters/lean-markets.ts'
import { probeVenue } from './adapters/probe.ts'
import { redirect, redirected } from './adapters/redirect.ts'
import {
  MARKETS_BODY_MS,
  MAX_MARKETS_BYTES,
  MAX_TICKER_BYTES,
  observeRestCalls,
  type RestCall,
  type RestCalls,
} from './adapters/rest-calls.ts'
import { guardStreams, MAX_FRAME_BYTES, type Streams } from './adapters/streams.ts'
import { keepUnread } from './adapters/unread.ts'
import { VenueError } from './venue-error.ts'

export { VenueError, type VenueErrorCode } from './venue-error.ts'

/**
 * One answer of a venue. Prices and volume are decimal strings as the venue sent them, unparsed and unchecked;
 * what it did not send is absent.
 */
export interface RawTicker {
  /** What it is a price of, empty where the adapter does not tell: not always what was asked for. */
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
  /** SHA-256 of the frame or body that it came in, where those are asked for. */
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

/**
 * A connection to one venue, public data only. Every method rejects with {@link VenueError}.
 *
 * The stream is not restartable: once `watch` has failed it fails for good with `STREAM_LOST`, while `fetch`
 * goes on. Close it and create another one.
 */
export interface Exchange {
  readonly id: VenueId
  /** Whether `watch` can be used, once markets are loaded: where not, prices come by `fetch` alone. */
  readonly streams: boolean
  /** Symbols (`IO/USDT`) of active spot markets. Must come before `watch` and `fetch`. */
  loadMarkets(): Promise<ReadonlySet<string>>
  /**
   * The next WebSocket update. The first call connects and subscribes. It may stay pending as long as the
   * venue is silent: the deadline is the caller's. `close` ends it with `CLOSED`.
   */
  watch(symbol: string): Promise<RawTicker>
  /** One REST call, rate-limited, bounded by `timeoutMs` for the headers and again for the body. */
  fetch(symbol: string): Promise<RawTicker>
  /** How many frames its stream has received so far. */
  frames(): number
  /** Looks at the venue, its market list included; a few REST calls. */
  probe(): Promise<VenueProbe>
  /** Resolves when no socket is left. Safe to call twice. */
  close(): Promise<void>
}

export interface ExchangeOptions {
  /** Origin that stands in for every host of the venue, `http://127.0.0.1:4602`. Absent: the real venue. */
  readonly endpoint?: string
  /** Bound of a REST call and of a WebSocket handshake. */
  readonly timeoutMs: number
  readonly clock: Pick<Clock, 'now' | 'monotonic' | 'sleep'>
  /** What will be asked for; the rest of the venue's markets is forgotten. Absent: all are kept. */
  readonly pairs?: readonly string[]
  /** Whether tickers carry the hash of the bytes that they came in. */
  readonly hashFrames?: boolean
  /** Told of each message of a stream that could not be read, which costs that message alone. */
  readonly onUnreadable?: (venueId: VenueId) => void
}

/** A peer that does not answer our close frame would keep the socket for 30 s. */
const CLOSE_GRACE_MS = 500

/** An adapter that is loaded, and what is laid around it. */
interface Loaded {
  readonly adapter: Adapter
  readonly watch: Watch | undefined
  readonly calls: RestCalls
  readonly listed: () => ReadonlySet<string>
  readonly streams: Streams
}

/** The ccxt.pro adapter of a venue behind {@link Exchange}. Neither loads it nor does I/O before `loadMarkets`. */
export function createExchange(venueId: VenueId, options: ExchangeOptions): Exchange {
  const { clock } = options
  let loading: Promise<Loaded> | undefined
  let loaded: Loaded | undefined
  let closed: Promise<void> | undefined
  let streamLost = false

  const call = async <T>(work: () => Promise<T>, restCall?: RestCall): Promise<T> => {
    if (closed !== undefined) throw new VenueError(venueId, 'CLOSED')
    try {
      return await work()
    } catch (error) {
      throw closed === undefined
        ? toVenueError(venueId, error, restCall)
        : new VenueError(venueId, 'CLOSED', error)
    }
  }

  const load = async (): Promise<Loaded> => {
    loading ??= loadAdapter(venueId, options)
    loaded = await loading
    // A close that came meanwhile found nothing to close, and there is still nothing open.
    if (closed !== undefined) throw new VenueError(venueId, 'CLOSED')
    return loaded
  }

  const loadMarkets = (
    restCall: RestCall = { maxBytes: MAX_MARKETS_BYTES, bodyMs: MARKETS_BODY_MS },
  ): Promise<ReadonlySet<string>> =>
    call(async () => {
      const { adapter, calls, listed } = await load()
      await calls.within(restCall, () => adapter.loadMarkets())
      return listed()
    }, restCall)

  const listing = (symbol: string): Loaded => {
    if (loaded?.adapter.markets?.[symbol] === undefined) throw new VenueError(venueId, 'NOT_LISTED')
    return loaded
  }

  const shutDown = async (): Promise<void> => {
    if (loaded === undefined) return
    const { adapter, calls, streams } = loaded
    calls.abort()
    // With the calls that are under way, and idle sockets that would stay for a minute.
    const pool = adapter.fetchDispatcher?.destroy().catch(() => {})
    const graceOver = new AbortController()
    const politely = adapter.close().catch(() => {})
    const grace = clock.sleep(CLOSE_GRACE_MS, graceOver.signal).catch(() => {})
    await Promise.race([politely, grace])
    graceOver.abort()
    for (const client of streams.clients) client.connection?.terminate?.()
    await politely
    await pool
  }

  return {
    id: venueId,
    get streams() {
      return loaded?.watch !== undefined
    },
    loadMarkets: () => loadMarkets(),
    watch: symbol =>
      call(async () => {
        // ccxt would dial again after a delay that cannot be cancelled: a socket nobody closes.
        if (streamLost) throw new VenueError(venueId, 'STREAM_LOST')
        const { watch, streams } = listing(symbol)
        if (watch === undefined) throw new VenueError(venueId, 'STREAM_LOST')
        try {
          const lost = streams.lost()
          if (lost !== undefined) throw lost
          const ticker: AdapterTicker | undefined = await watch(symbol)
          return toRawTicker(ticker, ticker?.receivedAtMs ?? clock.now())
        } catch (error) {
          streamLost = true
          // The market is on the list, so that is not what the venue, or its adapter, means.
          throw error instanceof adapterErrors.BadSymbol
            ? new VenueError(venueId, 'BAD_ANSWER', error)
            : error
        }
      }),
    fetch: symbol => {
      const restCall: RestCall = { maxBytes: MAX_TICKER_BYTES }
      return call(async () => {
        const { adapter, calls } = listing(symbol)
        const ticker: AdapterTicker = await calls.within(restCall, () => adapter.fetchTicker(symbol))
        return toRawTicker(ticker, clock.now())
      }, restCall)
    },
    frames: () => loaded?.streams.count() ?? 0,
    probe: async () => {
      const restCall: RestCall = { maxBytes: MAX_MARKETS_BYTES }
      const listed = await loadMarkets(restCall)
      return call(async () => {
        const { adapter, calls } = await load()
        const pair = Object.keys(adapter.markets ?? {}).find(symbol => listed.has(symbol))
        return probeVenue(adapter, calls, listed, pair, restCall.wireMs ?? 0)
      })
    },
    close: () => {
      closed ??= shutDown()
      return closed
    },
  }
}

async function loadAdapter(venueId: VenueId, options: ExchangeOptions): Promise<Loaded> {
  const { endpoint, timeoutMs, clock, hashFrames = false } = options
  const entry = VENUE_ENTRIES[venueId]
  const create = await adapterOf(venueId)
  const adapter = new create({
    enableRateLimit: true,
    timeout: timeoutMs,
    // Keeps the venue's digits.
    number: String,
    // The last answer is the market list, of megabytes, for as long as prices are pushed.
    enableLastHttpResponse: false,
    enableLastResponseHeaders: false,
    options: {
      ...entry.options,
      ws: { connectionTimeout: timeoutMs, options: { maxPayload: MAX_FRAME_BYTES } },
    },
  }) as Adapter
  // Currencies need credentials or extra calls, and prices need none of them.
  adapter.has['fetchCurrencies'] = false
  // It prints text a venue sent; errors reach the caller as errors.
  adapter.log = () => {}
  const redirectOne = (address: string): string =>
    endpoint === undefined ? address : redirected(address, venueId, adapter.hostname, endpoint)
  if (endpoint !== undefined) redirect(adapter.urls.api, venueId, adapter.hostname, endpoint)

  refuseLongPrecisions(adapter)
  const listed = keepMarkets(adapter, options.pairs)
  const calls = observeRestCalls(adapter, { timeoutMs, hashFrames, clock })
  const watch = entry.prepare(adapter, redirectOne)
  // Last, for it wraps the message handler that `prepare` may have put there.
  const { onUnreadable = () => {} } = options
  const streams = guardStreams(adapter, { hashFrames, clock, onUnreadable: () => onUnreadable(venueId) })
  tellOnlyWhatIsTold(adapter, () => streams.frame() ?? calls.current()?.frame)
  keepUnread(adapter, clock)
  // Without it ccxt refuses ws:// addresses.
  await adapter.loadHttpProxyAgent()
  // The pool of sockets, which ccxt would make amid the first call: a close before that would not find it.
  await adapter.loadFetchImplementation()
  return { adapter, watch, calls, listed, streams }
}
