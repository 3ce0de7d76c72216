import {
  asObject,
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

const listings: readonly VenueListing[] = [
  {
    id: 'USDT_USD',
    symbol: 'USDT/USD',
    base: 'USDT',
    quote: 'USD',
    priceDecimals: 5,
    sizeDecimals: 2,
    spreadBps: 0.6,
    dailyVolume: 20_000_000,
  },
  {
    id: 'USDC_USD',
    symbol: 'USDC/USD',
    base: 'USDC',
    quote: 'USD',
    priceDecimals: 5,
    sizeDecimals: 2,
    spreadBps: 0.8,
    dailyVolume: 5_000_000,
  },
  {
    id: 'BTC_USD',
    symbol: 'BTC/USD',
    base: 'BTC',
    quote: 'USD',
    priceDecimals: 2,
    sizeDecimals: 5,
    spreadBps: 0.2,
    dailyVolume: 6_000,
  },
  {
    id: 'IO_USD',
    symbol: 'IO/USD',
    base: 'IO',
    quote: 'USD',
    priceDecimals: 4,
    sizeDecimals: 1,
    spreadBps: 12,
    dailyVolume: 100_000,
  },
]

/** Crypto.com Exchange v1: `GET /exchange/v1/public/…`, channel `ticker.USDT_USD`, heartbeats from its side. */
export const cryptocom: VenueFormat = {
  id: 'cryptocom',
  listings,
  wsPath: /^\/exchange\/v1\/market$/,
  limited: { status: 429, body: { id: -1, code: 42901, message: 'TOO_MANY_REQUESTS' } },

  rest({ path, query }, view) {
    const answer = (name: string, data: unknown): ReturnType<typeof ok> =>
      ok({ id: -1, method: `public/${name}`, code: 0, result: { data } })
    if (path === '/exchange/v1/public/get-instruments') {
      return answer('get-instruments', view.listings.map(instrument))
    }
    if (path === '/exchange/v1/public/get-tickers') {
      const listing = findListing(view.listings, query.get('instrument_name'))
      if (listing === undefined) {
        return { status: 400, body: { id: -1, code: 40004, message: 'Invalid instrument_name' } }
      }
      return answer('get-tickers', [ticker(listing, view)])
    }
    return undefined
  },

  receive(message, view) {
    const request = parseObject(message)
    if (request?.['method'] === 'public/respond-heartbeat') return { replies: [] }
    const id = request?.['id'] ?? -1
    if (request?.['method'] !== 'subscribe') {
      return { replies: [JSON.stringify({ id, code: 40003, message: 'Unknown method' })] }
    }
    const subscribe = strings(asObject(request['params'])['channels']).flatMap(key => {
      const [channel, name] = key.split('.')
      const listing = findListing(view.listings, name)
      return channel === 'ticker' && listing !== undefined ? [{ key, channel, listing }] : []
    })
    return { replies: [JSON.stringify({ id, method: 'subscribe', code: 0 })], subscribe }
  },

  push({ key, channel, listing }, view) {
    return JSON.stringify({
      id: -1,
      method: 'subscribe',
      code: 0,
      result: { instrument_name: listing.id, subscription: key, channel, data: [ticker(listing, view)] },
    })
  },

  heartbeat: {
    everyMs: 30_000,
    message: view => JSON.stringify({ id: view.nowMs, method: 'public/heartbeat', code: 0 }),
  },
}

function ticker(listing: VenueListing, view: MarketView): object {
  const quote = view.quote(listing)
  return {
    i: listing.id,
    h: quote.last,
    l: quote.last,
    a: quote.last,
    v: quote.volume,
    vv: quoteVolume(quote.volume, quote.last, 2),
    c: '0.0000',
    b: quote.bid,
    bs: quote.bidSize,
    k: quote.ask,
    ks: quote.askSize,
    oi: '0',
    t: view.nowMs,
  }
}

function instrument(listing: VenueListing): object {
  return {
    symbol: listing.id,
    inst_type: 'CCY_PAIR',
    display_name: `${listing.base}/${listing.quote}`,
    base_ccy: listing.base,
    quote_ccy: listing.quote,
    quote_decimals: listing.priceDecimals,
    quantity_decimals: listing.sizeDecimals,
    price_tick_size: step(listing.priceDecimals),
    qty_tick_size: step(listing.sizeDecimals),
    max_leverage: '50',
    tradable: true,
    expiry_timestamp_ms: 0,
    beta_product: false,
    margin_buy_enabled: false,
    margin_sell_enabled: false,
  }
}
