/** How each venue is asked for spot prices: what its adapter needs told, and which of its streams tells most. */
import type { VenueId } from '../../../config/venue-ids.ts'
import { type Adapter, type AdapterTicker, asRecord, stringAt } from './adapter.ts'
import { watchBitfinexTicker } from './bitfinex-ticker.ts'
import { adapterErrors } from './ccxt.ts'
import { watchBitstampBook, watchBybitBook, watchGeminiTop } from './text-book.ts'

export type Watch = (symbol: string) => Promise<AdapterTicker>

export interface VenueEntry {
  /** Options of the adapter. */
  readonly options: object
  /**
   * Sets the adapter up before its first call.
   *
   * @param redirect an address that the venue told, as it can be reached from here
   * @returns how to watch a pair; undefined where this build cannot read the venue's stream
   */
  prepare(adapter: Adapter, redirect: (address: string) => string): Watch | undefined
}

const SPOT_ONLY = { defaultType: 'spot', fetchMarkets: { types: ['spot'] } }

/** The venue's ticker stream as ccxt reads it. */
const tickerStream =
  (adapter: Adapter): Watch =>
  symbol =>
    adapter.watchTicker(symbol)

/** Some adapters load the lists of swaps and futures too, whatever they are told. */
function spotMarketsOnly(adapter: Adapter): void {
  adapter.fetchMarkets = params => adapter.fetchSpotMarkets(params ?? {})
}

function spotTickerStream(adapter: Adapter): Watch {
  spotMarketsOnly(adapter)
  return tickerStream(adapter)
}

/** Date and time without a zone. */
const LOCAL_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?$/

export const VENUE_ENTRIES: Readonly<Record<VenueId, VenueEntry>> = {
  binance: {
    options: { ...SPOT_ONLY, fetchMargins: false },
    prepare: adapter => {
      const fetchMarkets = adapter.fetchMarkets.bind(adapter)
      // A third of the list, and no market that is not traded: else it is ten megabytes and more.
      adapter.fetchMarkets = params =>
        fetchMarkets({ ...params, showPermissionSets: false, symbolStatus: 'TRADING' })
      // The default is the mini ticker, which has no bid and ask.
      return symbol => adapter.watchTicker(symbol, { name: 'ticker' })
    },
  },
  okx: { options: SPOT_ONLY, prepare: tickerStream },
  gate: { options: SPOT_ONLY, prepare: tickerStream },
  bybit: { options: SPOT_ONLY, prepare: watchBybitBook },
  kucoin: {
    options: { ...SPOT_ONLY, fetchMarkets: { types: ['spot'], fetchTickersFees: false } },
    prepare: (adapter, redirect) => {
      redirectBullet(adapter, redirect)
      // Its own code for too many requests, which may come with status 200.
      adapter.exceptions.exact['429000'] = adapterErrors.RateLimitExceeded
      return tickerStream(adapter)
    },
  },
  bitget: {
    options: SPOT_ONLY,
    prepare: adapter => {
      // Who may borrow what: a megabyte that says nothing of prices.
      Object.assign(adapter, { publicMarginGetV2MarginCurrencies: async () => ({ data: [] }) })
      return tickerStream(adapter)
    },
  },
  mexc: {
    options: SPOT_ONLY,
    // Its stream is protobuf, which ccxt reads by a package that is not among its own dependencies.
    prepare: adapter => {
      spotMarketsOnly(adapter)
      return undefined
    },
  },
  htx: {
    options: {
      defaultType: 'spot',
      fetchMarkets: { types: { spot: true, linear: false, inverse: false } },
      // The default stream has neither bid nor ask.
      watchTicker: { name: 'market.{marketId}.ticker' },
    },
    prepare: tickerStream,
  },
  bingx: { options: SPOT_ONLY, prepare: spotTickerStream },
  coinex: {
    options: SPOT_ONLY,
    prepare: adapter => {
      spotMarketsOnly(adapter)
      return watchCoinexStates(adapter)
    },
  },
  lbank: {
    options: SPOT_ONLY,
    prepare: adapter => {
      const parse8601 = adapter.parse8601
      // Its stream tells the time of China without saying so; ccxt takes it for UTC, which is eight hours ahead.
      adapter.parse8601 = text =>
        parse8601(typeof text === 'string' && LOCAL_TIME.test(text) ? `${text}+08:00` : text)
      return spotTickerStream(adapter)
    },
  },
  xt: { options: SPOT_ONLY, prepare: spotTickerStream },
  upbit: { options: SPOT_ONLY, prepare: tickerStream },
  bithumb: {
    options: SPOT_ONLY,
    prepare: adapter => {
      // ccxt takes the commas out of trades and orders one by one, for seconds where there are many.
      Object.assign(adapter, { fixCommaNumber: (text: unknown) => text })
      return watchBithumbTickers(adapter)
    },
  },
  coinone: { options: SPOT_ONLY, prepare: tickerStream },
  kraken: {
    options: {},
    prepare: adapter => {
      // It would keep every channel that is ever named, for other streams than this one.
      adapter.handleSubscriptionStatus = () => {}
      return tickerStream(adapter)
    },
  },
  coinbase: { options: {}, prepare: tickerStream },
  bitstamp: { options: {}, prepare: watchBitstampBook },
  cryptocom: { options: {}, prepare: tickerStream },
  gemini: {
    options: {},
    prepare: adapter => {
      tellGeminiApart(adapter)
      return watchGeminiTop(adapter)
    },
  },
  bitfinex: { options: {}, prepare: watchBitfinexTicker },
}

/**
 * The time in Gemini's answer is that of the volume, which is told every five minutes. A symbol that it does not know is
 * to ccxt a bad request.
 */
function tellGeminiApart(adapter: Adapter): void {
  const fetchTicker = adapter.fetchTicker.bind(adapter)
  adapter.fetchTicker = async symbol => ({ ...(await fetchTicker(symbol)), timestamp: undefined })
  adapter.exceptions.exact['InvalidSymbol'] = adapterErrors.BadSymbol
}

/** Kucoin tells over REST where its stream is. */
function redirectBullet(adapter: Adapter, redirect: (address: string) => string): void {
  const calls = adapter as unknown as Record<string, (params?: object) => Promise<unknown>>
  const post = calls['publicPostBulletPublic']?.bind(adapter)
  if (post === undefined) return
  calls['publicPostBulletPublic'] = async params => {
    const answer = asRecord(await post(params))
    const data = asRecord(answer['data'])
    const servers = Array.isArray(data['instanceServers']) ? data['instanceServers'] : []
    const instanceServers = servers.map(server => {
      const endpoint = stringAt(server, 'endpoint')
      return endpoint === undefined ? server : { ...asRecord(server), endpoint: redirect(endpoint) }
    })
    return { ...answer, data: { ...data, instanceServers } }
  }
}

/** ccxt subscribes to the first pair and takes every other for subscribed; so the first asks for all that are kept. */
function watchCoinexStates(adapter: Adapter): Watch {
  return async symbol => {
    const markets = Object.values(adapter.markets ?? {})
    const ids = markets.flatMap(market => (market?.spot === true ? [market.id] : []))
    const request = { method: 'state.subscribe', params: { market_list: ids }, id: 1 }
    const url = stringAt(adapter.urls.api, 'ws', 'spot') ?? ''
    const tickers = await adapter.watchMultiple(url, [`tickers::${symbol}`], request, ['all@ticker'])
    return asRecord(asRecord(tickers)[symbol])
  }
}

/** A subscription replaces the one before it on the same connection, so each names all pairs that are kept. */
function watchBithumbTickers(adapter: Adapter): Watch {
  return async symbol => {
    const markets = Object.values(adapter.markets ?? {})
    const codes = markets.flatMap(market => (market === undefined ? [] : [`${market.quote}-${market.base}`]))
    const request = [{ ticket: 'prices' }, { type: 'ticker', codes }]
    const url = stringAt(adapter.urls.api, 'ws', 'publicGen2') ?? ''
    return asRecord(await adapter.watch(url, `ticker:${symbol}`, request, 'tickers'))
  }
}
