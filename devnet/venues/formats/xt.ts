import {
  findListing,
  type MarketView,
  market,
  ok,
  parseObject,
  quoteVolume,
  strings,
  type VenueFormat,
  type VenueListing,
} from '../format.ts'

const listings: readonly VenueListing[] = [
  market('io_usdt', 'IO/USDT', [4, 2], 14, 700_000),
  market('btc_usdt', 'BTC/USDT', [2, 5], 0.2, 3_000),
]

const STREAM = /^(ticker)@([a-z0-9_]+)$/

/** XT v4: `GET /v4/public/…`, streams `ticker@io_usdt`; the 24-hour ticker has neither bid nor ask. */
export const xt: VenueFormat = {
  id: 'xt',
  listings,
  wsPath: /^\/public$/,
  limited: { status: 429, body: { rc: 1, mc: '429', ma: [], result: null } },

  rest({ path, query }, view) {
    const answer = (result: unknown): ReturnType<typeof ok> => ok({ rc: 0, mc: 'SUCCESS', ma: [], result })
    if (path === '/v4/public/time') return answer({ serverTime: view.nowMs })
    if (path === '/v4/public/symbol') {
      return answer({ time: view.nowMs, version: 'simulated', symbols: view.listings.map(symbol) })
    }
    if (path === '/future/market/v1/public/symbol/list') {
      return ok({ returnCode: 0, msgInfo: 'success', error: null, result: [] })
    }
    if (path !== '/v4/public/ticker/24h') return undefined
    const listing = findListing(view.listings, query.get('symbol'))
    if (listing === undefined) return ok({ rc: 1, mc: 'SYMBOL_001', ma: [], result: null })
    return answer([ticker(listing, view)])
  },

  receive(message, view) {
    if (message === 'ping') return { replies: ['pong'] }
    const request = parseObject(message)
    const id = String(request?.['id'] ?? '')
    const subscribe = strings(request?.['params']).flatMap(key => {
      const [, channel, name] = STREAM.exec(key) ?? []
      const listing = findListing(view.listings, name)
      return channel === undefined || listing === undefined ? [] : [{ key, channel, listing }]
    })
    if (request?.['method'] !== 'subscribe' || subscribe.length === 0) {
      return { replies: [JSON.stringify({ id, code: 1, msg: 'invalid params' })] }
    }
    return { replies: [JSON.stringify({ id, code: 0, msg: 'success' })], subscribe }
  },

  push({ key, channel, listing }, view) {
    return JSON.stringify({ topic: channel, event: key, data: ticker(listing, view) })
  },
}

function ticker(listing: VenueListing, view: MarketView): object {
  const quote = view.quote(listing)
  return {
    s: listing.id,
    t: view.nowMs,
    cv: '0',
    cr: '0',
    o: quote.last,
    l: quote.last,
    h: quote.last,
    c: quote.last,
    q: quote.volume,
    v: quoteVolume(quote.volume, quote.last, 4),
  }
}

function symbol(listing: VenueListing, index: number): object {
  return {
    id: index + 1,
    symbol: listing.id,
    state: 'ONLINE',
    tradingEnabled: true,
    openapiEnabled: true,
    baseCurrency: listing.base.toLowerCase(),
    baseCurrencyPrecision: 8,
    quoteCurrency: listing.quote.toLowerCase(),
    quoteCurrencyPrecision: 8,
    pricePrecision: listing.priceDecimals,
    quantityPrecision: listing.sizeDecimals,
    orderTypes: ['LIMIT', 'MARKET'],
    timeInForces: ['GTC', 'IOC'],
    filters: [{ filter: 'QUOTE_QTY', min: '1' }],
  }
}
