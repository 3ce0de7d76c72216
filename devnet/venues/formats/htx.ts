import {
  findListing,
  gzipped,
  type MarketView,
  market,
  ok,
  parseObject,
  quoteVolume,
  type VenueFormat,
  type VenueListing,
} from '../format.ts'
import { jsonNumber } from '../json-number.ts'

const listings: readonly VenueListing[] = [
  market('iousdt', 'IO/USDT', [4, 2], 9, 1_000_000),
  market('btcusdt', 'BTC/USDT', [2, 6], 0.1, 5_000),
]

const CHANNEL = /^market\.([a-z0-9]+)\.(ticker|detail)$/

/**
 * HTX: `GET /v1/common/symbols`, `GET /market/detail/merged`; streams send gzip and count on their pings being answered.
 * Channel `ticker` has bid and ask, `detail` has neither. JSON numbers throughout.
 */
export const htx: VenueFormat = {
  id: 'htx',
  listings,
  wsPath: /^\/ws$/,
  limited: {
    status: 429,
    body: {
      status: 'error',
      'err-code': 'rate-too-many-requests',
      'err-msg': 'exceeded rate limit',
      data: null,
    },
  },

  rest({ path, query }, view) {
    if (path === '/v1/common/timestamp') return ok({ status: 'ok', data: view.nowMs })
    if (path === '/v1/common/symbols') return ok({ status: 'ok', data: view.listings.map(symbol) })
    if (path !== '/market/detail/merged') return undefined
    const listing = findListing(view.listings, query.get('symbol'))
    if (listing === undefined) return ok(invalid(view.nowMs))
    const quote = view.quote(listing)
    const tick = {
      id: view.nowMs,
      version: view.nowMs,
      ...candle(listing, view),
      bid: [jsonNumber(quote.bid), jsonNumber(quote.bidSize)],
      ask: [jsonNumber(quote.ask), jsonNumber(quote.askSize)],
    }
    return ok({ ch: `market.${listing.id}.detail.merged`, status: 'ok', ts: view.nowMs, tick })
  },

  receive(message, view) {
    const request = parseObject(message)
    if (request !== undefined && 'pong' in request) return { replies: [] }
    const key = String(request?.['sub'])
    const [, id, channel] = CHANNEL.exec(key) ?? []
    const listing = findListing(view.listings, id)
    const requestId = String(request?.['id'] ?? '')
    if (channel === undefined || listing === undefined) {
      return { replies: [gzipped({ ...invalid(view.nowMs), id: requestId })] }
    }
    return {
      replies: [gzipped({ id: requestId, status: 'ok', subbed: key, ts: view.nowMs })],
      subscribe: [{ key, channel, listing }],
    }
  },

  push({ key, channel, listing }, view) {
    const quote = view.quote(listing)
    const best = {
      bid: jsonNumber(quote.bid),
      bidSize: jsonNumber(quote.bidSize),
      ask: jsonNumber(quote.ask),
      askSize: jsonNumber(quote.askSize),
      lastPrice: jsonNumber(quote.last),
      lastSize: jsonNumber(quote.bidSize),
    }
    const tick = {
      ...candle(listing, view),
      ...(channel === 'ticker' ? best : { id: view.nowMs, version: 1 }),
    }
    return gzipped({ ch: key, ts: view.nowMs, tick })
  },

  heartbeat: { everyMs: 5_000, message: view => gzipped({ ping: view.nowMs }) },
}

const invalid = (ts: number): object => ({
  ts,
  status: 'error',
  'err-code': 'invalid-parameter',
  'err-msg': 'invalid symbol',
})

function candle(listing: VenueListing, view: MarketView): object {
  const quote = view.quote(listing)
  const last = jsonNumber(quote.last)
  return {
    open: last,
    high: last,
    low: last,
    close: last,
    amount: jsonNumber(quote.volume),
    vol: jsonNumber(quoteVolume(quote.volume, quote.last, 4)),
    count: 2,
  }
}

function symbol(listing: VenueListing): object {
  return {
    'base-currency': listing.base.toLowerCase(),
    'quote-currency': listing.quote.toLowerCase(),
    'price-precision': listing.priceDecimals,
    'amount-precision': listing.sizeDecimals,
    'symbol-partition': 'main',
    symbol: listing.id,
    state: 'online',
    'value-precision': 8,
    'min-order-amt': 0.1,
    'max-order-amt': 1_000_000,
    'min-order-value': 10,
    'leverage-ratio': 1,
    'api-trading': 'enabled',
    tags: '',
  }
}
