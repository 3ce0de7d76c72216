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

const listings: readonly VenueListing[] = [
  {
    id: 'IO_USDT',
    symbol: 'IO/USDT',
    base: 'IO',
    quote: 'USDT',
    priceDecimals: 4,
    sizeDecimals: 2,
    spreadBps: 8,
    dailyVolume: 1_500_000,
  },
  {
    id: 'IO_BTC',
    symbol: 'IO/BTC',
    base: 'IO',
    quote: 'BTC',
    priceDecimals: 8,
    sizeDecimals: 2,
    spreadBps: 14,
    dailyVolume: 60_000,
  },
]

/** Gate v4: `GET /api/v4/spot/…`, channel `spot.tickers`, whose tickers carry no time of their own. */
export const gate: VenueFormat = {
  id: 'gate',
  listings,
  wsPath: /^\/ws\/v4\/?$/,
  limited: { status: 429, body: { label: 'TOO_MANY_REQUESTS', message: 'Request Rate Limit Exceeded' } },

  rest({ path, query }, view) {
    if (path === '/api/v4/spot/time') return ok({ server_time: view.nowMs })
    if (path === '/api/v4/spot/currency_pairs') return ok(view.listings.map(currencyPair))
    if (path === '/api/v4/margin/currency_pairs') return ok([])
    if (path === '/api/v4/spot/tickers') {
      const listing = findListing(view.listings, query.get('currency_pair'))
      if (listing === undefined) {
        return { status: 400, body: { label: 'INVALID_CURRENCY_PAIR', message: 'invalid currency_pair' } }
      }
      return ok([ticker(listing, view)])
    }
    return undefined
  },

  receive(message, view) {
    const request = parseObject(message)
    const channel = request?.['channel']
    const time = Math.floor(view.nowMs / 1_000)
    if (channel === 'spot.ping') {
      return { replies: [JSON.stringify({ time, channel: 'spot.pong', event: '', result: null })] }
    }
    if (request?.['event'] !== 'subscribe' || channel !== 'spot.tickers') {
      const error = { code: 2, message: 'unknown channel' }
      return { replies: [JSON.stringify({ time, channel: 'unknown', event: '', error, result: null })] }
    }
    const subscribe = strings(request['payload']).flatMap(id => {
      const listing = findListing(view.listings, id)
      return listing === undefined ? [] : [{ key: `${channel}/${id}`, channel, listing }]
    })
    const reply = { time, id: request['id'], channel, event: 'subscribe', result: { status: 'success' } }
    return { replies: [JSON.stringify(reply)], subscribe }
  },

  push({ channel, listing }, view) {
    return JSON.stringify({
      time: Math.floor(view.nowMs / 1_000),
      time_ms: view.nowMs,
      channel,
      event: 'update',
      result: ticker(listing, view),
    })
  },
}

function currencyPair(listing: VenueListing): object {
  return {
    id: listing.id,
    base: listing.base,
    base_name: listing.base,
    quote: listing.quote,
    quote_name: listing.quote,
    fee: '0.2',
    min_base_amount: step(listing.sizeDecimals),
    min_quote_amount: '3',
    amount_precision: listing.sizeDecimals,
    precision: listing.priceDecimals,
    trade_status: 'tradable',
    sell_start: 0,
    buy_start: 0,
    type: 'normal',
  }
}

function ticker(listing: VenueListing, view: MarketView): object {
  const quote = view.quote(listing)
  return {
    currency_pair: listing.id,
    last: quote.last,
    lowest_ask: quote.ask,
    lowest_size: quote.askSize,
    highest_bid: quote.bid,
    highest_size: quote.bidSize,
    change_percentage: '0',
    base_volume: quote.volume,
    quote_volume: quoteVolume(quote.volume, quote.last, 4),
    high_24h: quote.last,
    low_24h: quote.last,
  }
}
