import {
  findListing,
  type MarketView,
  ok,
  parseObject,
  quoteVolume,
  step,
  strings,
  type VenueFormat,
  type VenueListing,
} from '../format.ts'

const DAY_MS = 86_400_000

const listings: readonly VenueListing[] = [
  {
    id: 'IOUSDT',
    symbol: 'IO/USDT',
    base: 'IO',
    quote: 'USDT',
    priceDecimals: 3,
    sizeDecimals: 2,
    spreadBps: 4,
    dailyVolume: 9_000_000,
  },
  {
    id: 'IOUSDC',
    symbol: 'IO/USDC',
    base: 'IO',
    quote: 'USDC',
    priceDecimals: 3,
    sizeDecimals: 2,
    spreadBps: 6,
    dailyVolume: 900_000,
  },
  {
    id: 'IOBTC',
    symbol: 'IO/BTC',
    base: 'IO',
    quote: 'BTC',
    priceDecimals: 8,
    sizeDecimals: 2,
    spreadBps: 10,
    dailyVolume: 200_000,
  },
  {
    id: 'BTCUSDT',
    symbol: 'BTC/USDT',
    base: 'BTC',
    quote: 'USDT',
    priceDecimals: 2,
    sizeDecimals: 5,
    spreadBps: 0.1,
    dailyVolume: 20_000,
  },
]

const STREAM = /^([a-z0-9]+)@(ticker|bookTicker)$/

/** Binance spot: `GET /api/v3/…`, streams `iousdt@ticker` and `iousdt@bookTicker`. Prices carry 8 decimals. */
export const binance: VenueFormat = {
  id: 'binance',
  listings,
  wsPath: /^\/ws(\/[^/]*)?$/,
  limited: { status: 429, body: { code: -1003, msg: 'Too many requests.' } },

  rest({ path, query }, view) {
    if (path === '/api/v3/time') return ok({ serverTime: view.nowMs })
    if (path === '/api/v3/exchangeInfo') {
      return ok({
        timezone: 'UTC',
        serverTime: view.nowMs,
        rateLimits: [],
        symbols: view.listings.map(symbolInfo),
      })
    }
    if (path === '/api/v3/ticker/24hr') {
      const listing = findListing(view.listings, query.get('symbol'))
      if (listing === undefined) return { status: 400, body: { code: -1121, msg: 'Invalid symbol.' } }
      return ok(restTicker(listing, view))
    }
    return undefined
  },

  receive(message, view) {
    const request = parseObject(message)
    if (request === undefined) return { replies: ['{"code":3,"msg":"Invalid JSON"}'] }
    const replies = [JSON.stringify({ result: null, id: request['id'] ?? null })]
    if (request['method'] !== 'SUBSCRIBE') return { replies }
    const subscribe = strings(request['params']).flatMap(key => {
      const [, id, channel] = STREAM.exec(key) ?? []
      const listing = findListing(view.listings, id?.toUpperCase())
      return listing === undefined || channel === undefined ? [] : [{ key, channel, listing }]
    })
    return { replies, subscribe }
  },

  push({ channel, listing }, view) {
    const quote = view.quote(listing)
    const best = {
      s: listing.id,
      b: eight(quote.bid),
      B: eight(quote.bidSize),
      a: eight(quote.ask),
      A: eight(quote.askSize),
    }
    if (channel === 'bookTicker') return JSON.stringify({ u: view.nowMs, ...best })
    return JSON.stringify({
      e: '24hrTicker',
      E: view.nowMs,
      ...best,
      p: '0.00000000',
      P: '0.000',
      w: eight(quote.last),
      x: eight(quote.last),
      c: eight(quote.last),
      Q: eight(quote.bidSize),
      o: eight(quote.last),
      h: eight(quote.last),
      l: eight(quote.last),
      v: eight(quote.volume),
      q: quoteVolume(quote.volume, quote.last, 8),
      O: view.nowMs - DAY_MS,
      C: view.nowMs,
      F: 1,
      L: 2,
      n: 2,
    })
  },
}

function symbolInfo(listing: VenueListing): object {
  return {
    symbol: listing.id,
    status: 'TRADING',
    baseAsset: listing.base,
    baseAssetPrecision: 8,
    quoteAsset: listing.quote,
    quotePrecision: 8,
    quoteAssetPrecision: 8,
    orderTypes: ['LIMIT', 'LIMIT_MAKER', 'MARKET'],
    isSpotTradingAllowed: true,
    isMarginTradingAllowed: true,
    filters: [
      {
        filterType: 'PRICE_FILTER',
        minPrice: eight(step(listing.priceDecimals)),
        maxPrice: '1000000.00000000',
        tickSize: eight(step(listing.priceDecimals)),
      },
      {
        filterType: 'LOT_SIZE',
        minQty: eight(step(listing.sizeDecimals)),
        maxQty: '900000.00000000',
        stepSize: eight(step(listing.sizeDecimals)),
      },
    ],
    permissions: [],
    permissionSets: [['SPOT', 'MARGIN']],
  }
}

function restTicker(listing: VenueListing, view: MarketView): object {
  const quote = view.quote(listing)
  return {
    symbol: listing.id,
    priceChange: '0.00000000',
    priceChangePercent: '0.000',
    weightedAvgPrice: eight(quote.last),
    prevClosePrice: eight(quote.last),
    lastPrice: eight(quote.last),
    lastQty: eight(quote.bidSize),
    bidPrice: eight(quote.bid),
    bidQty: eight(quote.bidSize),
    askPrice: eight(quote.ask),
    askQty: eight(quote.askSize),
    openPrice: eight(quote.last),
    highPrice: eight(quote.last),
    lowPrice: eight(quote.last),
    volume: eight(quote.volume),
    quoteVolume: quoteVolume(quote.volume, quote.last, 8),
    openTime: view.nowMs - DAY_MS,
    closeTime: view.nowMs,
    firstId: 1,
    lastId: 2,
    count: 2,
  }
}

/** Eight decimals; other texts as they are. */
function eight(decimal: string): string {
  const [, whole, fraction = ''] = /^(\d+)(?:\.(\d*))?$/.exec(decimal) ?? []
  return whole === undefined ? decimal : `${whole}.${fraction.padEnd(8, '0')}`
}
