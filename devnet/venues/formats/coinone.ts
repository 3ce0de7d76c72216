import {
  asObject,
  findListing,
  type MarketView,
  market,
  ok,
  parseObject,
  quoteVolume,
  type VenueFormat,
  type VenueListing,
} from '../format.ts'

const listings: readonly VenueListing[] = [
  market('IO', 'IO/KRW', [0, 4], 10, 400_000),
  market('USDT', 'USDT/KRW', [1, 4], 5, 20_000_000),
]

const TICKERS = /^\/public\/v2\/ticker_new\/KRW(?:\/([A-Z0-9]+))?$/

/** Coinone v2: `GET /public/v2/ticker_new/…`, which is its list of markets too; channel `TICKER`. Strings throughout. */
export const coinone: VenueFormat = {
  id: 'coinone',
  listings,
  wsPath: /^\/?$/,
  limited: { status: 429, body: { message: 'Too Many Requests' } },

  rest({ path }, view) {
    const [isTickers, currency] = TICKERS.exec(path) ?? []
    if (isTickers === undefined) return undefined
    const wanted = view.listings.filter(({ id }) => currency === undefined || id === currency)
    if (wanted.length === 0) {
      return ok({ result: 'error', error_code: '108', error_msg: 'Unknown CryptoCurrency' })
    }
    const tickers = wanted.map(listing => restTicker(listing, view))
    return ok({ result: 'success', error_code: '0', server_time: view.nowMs, tickers })
  },

  receive(message, view) {
    const request = parseObject(message)
    if (request?.['request_type'] === 'PING') return { replies: ['{"response_type":"PONG"}'] }
    const topic = asObject(request?.['topic'])
    const listing = findListing(view.listings, String(topic['target_currency']))
    if (
      request?.['request_type'] !== 'SUBSCRIBE' ||
      request['channel'] !== 'TICKER' ||
      topic['quote_currency'] !== 'KRW' ||
      listing === undefined
    ) {
      const error = { response_type: 'ERROR', error_code: 160_012, message: 'Invalid Topic' }
      return { replies: [JSON.stringify(error)] }
    }
    const reply = { response_type: 'SUBSCRIBED', channel: 'TICKER', data: topic }
    return {
      replies: [JSON.stringify(reply)],
      subscribe: [{ key: `TICKER/${listing.id}`, channel: 'TICKER', listing }],
    }
  },

  push({ channel, listing }, view) {
    const quote = view.quote(listing)
    const data = {
      ...common(listing, view),
      ask_best_price: quote.ask,
      ask_best_qty: quote.askSize,
      bid_best_price: quote.bid,
      bid_best_qty: quote.bidSize,
      volume_power: '100',
    }
    return JSON.stringify({ response_type: 'DATA', channel, data })
  },
}

function common(listing: VenueListing, view: MarketView): object {
  const quote = view.quote(listing)
  return {
    quote_currency: 'KRW',
    target_currency: listing.base,
    timestamp: view.nowMs,
    id: String(view.nowMs),
    first: quote.last,
    high: quote.last,
    low: quote.last,
    last: quote.last,
    quote_volume: quoteVolume(quote.volume, quote.last, 4),
    target_volume: quote.volume,
  }
}

function restTicker(listing: VenueListing, view: MarketView): object {
  const quote = view.quote(listing)
  return {
    ...common(listing, view),
    best_asks: [{ price: quote.ask, qty: quote.askSize }],
    best_bids: [{ price: quote.bid, qty: quote.bidSize }],
  }
}
