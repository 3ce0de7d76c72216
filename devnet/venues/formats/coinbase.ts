import {
  findListing,
  type MarketView,
  ok,
  parseObject,
  step,
  strings,
  type VenueFormat,
  type VenueListing,
} from '../format.ts'

const listings: readonly VenueListing[] = [
  {
    id: 'USDT-USD',
    symbol: 'USDT/USD',
    base: 'USDT',
    quote: 'USD',
    priceDecimals: 5,
    sizeDecimals: 2,
    spreadBps: 0.4,
    dailyVolume: 110_000_000,
  },
  {
    id: 'BTC-USD',
    symbol: 'BTC/USD',
    base: 'BTC',
    quote: 'USD',
    priceDecimals: 2,
    sizeDecimals: 8,
    spreadBps: 0.1,
    dailyVolume: 10_000,
  },
  {
    id: 'IO-USD',
    symbol: 'IO/USD',
    base: 'IO',
    quote: 'USD',
    priceDecimals: 4,
    sizeDecimals: 1,
    spreadBps: 9,
    dailyVolume: 700_000,
  },
]

const TICKER_PATH = /^\/api\/v3\/brokerage\/market\/products\/([^/]+)\/ticker$/

/**
 * Coinbase Advanced Trade: `GET /api/v3/brokerage/market/…`, channel `ticker`. Its REST ticker is a list of
 * trades with bid and ask beside it: no volume, and the time is the last trade's.
 */
export const coinbase: VenueFormat = {
  id: 'coinbase',
  listings,
  wsPath: /^\/?$/,
  limited: { status: 429, body: { error: 'rate_limit_exceeded', message: 'Too many requests' } },

  rest({ path, query }, view) {
    if (path === '/v2/time') {
      return ok({ data: { iso: iso(view.nowMs), epoch: Math.floor(view.nowMs / 1_000) } })
    }
    if (path === '/api/v3/brokerage/market/products') {
      const type = query.get('product_type') ?? 'SPOT'
      const products = type === 'SPOT' ? view.listings.map(listing => product(listing, view)) : []
      return ok({ products, num_products: products.length })
    }
    const [, id] = TICKER_PATH.exec(path) ?? []
    if (id === undefined) return undefined
    const listing = findListing(view.listings, id)
    if (listing === undefined) {
      return { status: 400, body: { error: 'INVALID_ARGUMENT', message: 'valid product_id is required' } }
    }
    const quote = view.quote(listing)
    const trade = {
      trade_id: String(view.nowMs),
      product_id: listing.id,
      price: quote.last,
      size: quote.bidSize,
      time: iso(view.nowMs),
      side: 'BUY',
      exchange: '',
    }
    return ok({ trades: [trade], best_bid: quote.bid, best_ask: quote.ask })
  },

  receive(message, view) {
    const request = parseObject(message)
    const channel = request?.['channel']
    if (request?.['type'] !== 'subscribe' || channel !== 'ticker') {
      return { replies: ['{"type":"error","message":"unknown subscription"}'] }
    }
    const ids = strings(request['product_ids'])
    const subscribe = ids.flatMap(id => {
      const listing = findListing(view.listings, id)
      return listing === undefined ? [] : [{ key: `${channel}/${id}`, channel, listing }]
    })
    const reply = envelope('subscriptions', view.nowMs, [{ subscriptions: { [channel]: ids } }])
    return { replies: [reply], subscribe }
  },

  push({ channel, listing }, view) {
    const quote = view.quote(listing)
    const ticker = {
      type: 'ticker',
      product_id: listing.id,
      price: quote.last,
      volume_24_h: quote.volume,
      low_24_h: quote.last,
      high_24_h: quote.last,
      low_52_w: quote.last,
      high_52_w: quote.last,
      price_percent_chg_24_h: '0',
      best_bid: quote.bid,
      best_bid_quantity: quote.bidSize,
      best_ask: quote.ask,
      best_ask_quantity: quote.askSize,
    }
    return envelope(channel, view.nowMs, [{ type: 'update', tickers: [ticker] }])
  },
}

const iso = (tMs: number): string => new Date(tMs).toISOString()

function envelope(channel: string, nowMs: number, events: readonly object[]): string {
  return JSON.stringify({ channel, client_id: '', timestamp: iso(nowMs), sequence_num: 0, events })
}

function product(listing: VenueListing, view: MarketView): object {
  return {
    product_id: listing.id,
    price: view.quote(listing).last,
    volume_24h: String(listing.dailyVolume),
    base_increment: step(listing.sizeDecimals),
    quote_increment: step(listing.priceDecimals),
    quote_min_size: '1',
    quote_max_size: '10000000',
    base_min_size: step(listing.sizeDecimals),
    base_max_size: '10000000',
    base_name: listing.base,
    quote_name: 'US Dollar',
    is_disabled: false,
    new: false,
    status: 'online',
    cancel_only: false,
    limit_only: false,
    post_only: false,
    trading_disabled: false,
    auction_mode: false,
    product_type: 'SPOT',
    quote_currency_id: listing.quote,
    base_currency_id: listing.base,
    alias: '',
    alias_to: [],
    view_only: false,
    price_increment: step(listing.priceDecimals),
    product_venue: 'CBE',
  }
}
