import {
  asObject,
  findListing,
  gzipped,
  type MarketView,
  market,
  ok,
  parseObject,
  quoteVolume,
  strings,
  type VenueFormat,
  type VenueListing,
} from '../format.ts'

/** One market: ccxt subscribes to the first that it is asked for, and to no other on the same connection. */
const listings: readonly VenueListing[] = [market('IOUSDT', 'IO/USDT', [4, 4], 12, 500_000)]

const CHANNELS = new Map([
  ['state.subscribe', 'state'],
  ['bbo.subscribe', 'bbo'],
])

/**
 * CoinEx v2: `GET /v2/spot/…`, method `state.subscribe`, whose tickers carry neither bid, ask nor time, and
 * `bbo.subscribe`, which carries those and no last. Streams send gzip.
 */
export const coinex: VenueFormat = {
  id: 'coinex',
  listings,
  wsPath: /^\/v2\/spot\/?$/,
  limited: { status: 429, body: { code: 4213, data: {}, message: 'The request is too frequent' } },

  rest({ path, query }, view) {
    const answer = (data: unknown): ReturnType<typeof ok> => ok({ code: 0, data, message: 'OK' })
    if (path === '/v2/time') return answer({ timestamp: view.nowMs })
    if (path === '/v2/spot/market') return answer(view.listings.map(spotMarket))
    if (path === '/v2/futures/market') return answer([])
    if (path !== '/v2/spot/ticker') return undefined
    const listing = findListing(view.listings, query.get('market'))
    if (listing === undefined) return ok({ code: 3_639, data: {}, message: 'Invalid Parameter' })
    return answer([state(listing, view)])
  },

  receive(message, view) {
    const request = parseObject(message)
    const method = String(request?.['method'])
    const id = request?.['id'] ?? null
    if (method === 'server.ping') {
      return { replies: [gzipped({ id, code: 0, data: { result: 'pong' }, message: 'OK' })] }
    }
    const channel = CHANNELS.get(method)
    if (channel === undefined) {
      return { replies: [gzipped({ id, code: 30_002, message: 'method not found' })] }
    }
    const subscribe = strings(asObject(request?.['params'])['market_list']).flatMap(name => {
      const listing = findListing(view.listings, name)
      return listing === undefined ? [] : [{ key: `${channel}/${name}`, channel, listing }]
    })
    return { replies: [gzipped({ id, code: 0, message: 'OK' })], subscribe }
  },

  push({ channel, listing }, view) {
    if (channel === 'state') {
      return gzipped({ method: 'state.update', data: { state_list: [state(listing, view)] }, id: null })
    }
    const quote = view.quote(listing)
    const data = {
      market: listing.id,
      updated_at: view.nowMs,
      best_bid_price: quote.bid,
      best_bid_size: quote.bidSize,
      best_ask_price: quote.ask,
      best_ask_size: quote.askSize,
    }
    return gzipped({ method: 'bbo.update', data, id: null })
  },
}

function state(listing: VenueListing, view: MarketView): object {
  const quote = view.quote(listing)
  return {
    market: listing.id,
    last: quote.last,
    open: quote.last,
    close: quote.last,
    high: quote.last,
    low: quote.last,
    volume: quote.volume,
    volume_sell: quote.askSize,
    volume_buy: quote.bidSize,
    value: quoteVolume(quote.volume, quote.last, 8),
    period: 86_400,
  }
}

function spotMarket(listing: VenueListing): object {
  return {
    market: listing.id,
    base_ccy: listing.base,
    quote_ccy: listing.quote,
    base_ccy_precision: listing.sizeDecimals,
    quote_ccy_precision: listing.priceDecimals,
    min_amount: '0.5',
    taker_fee_rate: '0.002',
    maker_fee_rate: '0.002',
    is_amm_available: false,
    is_margin_available: false,
    is_pre_market_trading_available: false,
    is_api_trading_available: true,
  }
}
