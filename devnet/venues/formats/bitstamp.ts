import {
  asObject,
  findListing,
  type MarketView,
  ok,
  parseObject,
  type VenueFormat,
  type VenueListing,
} from '../format.ts'

const listings: readonly VenueListing[] = [
  {
    id: 'usdtusd',
    symbol: 'USDT/USD',
    base: 'USDT',
    quote: 'USD',
    priceDecimals: 5,
    sizeDecimals: 5,
    spreadBps: 1,
    dailyVolume: 4_000_000,
  },
  {
    id: 'usdcusd',
    symbol: 'USDC/USD',
    base: 'USDC',
    quote: 'USD',
    priceDecimals: 5,
    sizeDecimals: 5,
    spreadBps: 1,
    dailyVolume: 2_000_000,
  },
  {
    id: 'btcusd',
    symbol: 'BTC/USD',
    base: 'BTC',
    quote: 'USD',
    priceDecimals: 0,
    sizeDecimals: 8,
    spreadBps: 0.3,
    dailyVolume: 2_000,
  },
]

/**
 * The book changes on a time grid, so that a snapshot over REST and the differences of every connection are
 * views of the same book and fit together.
 */
const GRID_MS = 100
/** Levels older than a minute are not named in a difference: a stream silent for so long is restarted. */
const MAX_STEPS = 600

const CHANNEL = /^(diff_order_book|order_book)_([a-z0-9]+)$/

/**
 * Bitstamp v2: no ticker stream. `order_book` streams the top of the book whole, `diff_order_book` the differences over
 * a snapshot that REST gives.
 */
export const bitstamp: VenueFormat = {
  id: 'bitstamp',
  listings,
  wsPath: /^\/?$/,
  limited: {
    status: 429,
    body: { response_code: '400.002', response_explanation: 'Request rate limit exceeded' },
  },

  rest({ path }, view) {
    if (path === '/api/v2/markets/') return ok(view.listings.map(market))
    const [, kind, id] = /^\/api\/v2\/(ticker|order_book)\/([a-z0-9]+)\/?$/.exec(path) ?? []
    if (kind === undefined) return undefined
    const listing = findListing(view.listings, id)
    if (listing === undefined) {
      return { status: 404, body: { code: 'Not found', reason: 'Invalid market', status: 'error' } }
    }
    return ok(kind === 'ticker' ? ticker(listing, view) : snapshot(listing, view))
  },

  receive(message, view) {
    const request = parseObject(message)
    if (request?.['event'] === 'bts:heartbeat') {
      return { replies: ['{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}'] }
    }
    const name = String(asObject(request?.['data'])['channel'])
    const [, channel, id] = CHANNEL.exec(name) ?? []
    const listing = findListing(view.listings, id)
    if (request?.['event'] !== 'bts:subscribe' || channel === undefined || listing === undefined) {
      const data = { code: null, message: 'Bad subscription string.' }
      return { replies: [JSON.stringify({ event: 'bts:error', channel: '', data })] }
    }
    const reply = JSON.stringify({ event: 'bts:subscription_succeeded', channel: name, data: {} })
    return { replies: [reply], subscribe: [{ key: name, channel, listing }] }
  },

  push({ key, channel, listing }, view, previousMs) {
    if (channel === 'order_book') {
      return JSON.stringify({ event: 'data', channel: key, data: snapshot(listing, view) })
    }
    const now = grid(view.nowMs)
    const from = Math.max(grid(previousMs), now - MAX_STEPS * GRID_MS)
    const quote = view.quote(listing, now)
    const gone = { bids: new Set<string>(), asks: new Set<string>() }
    for (let at = from; at < now; at += GRID_MS) {
      const before = view.quote(listing, at)
      gone.bids.add(before.bid)
      gone.asks.add(before.ask)
    }
    gone.bids.delete(quote.bid)
    gone.asks.delete(quote.ask)
    const nothing = (0).toFixed(listing.sizeDecimals)
    const remove = (prices: Set<string>): string[][] => [...prices].map(price => [price, nothing, '1'])
    const data = {
      ...times(now),
      bids: [...remove(gone.bids), [quote.bid, quote.bidSize, '2']],
      asks: [...remove(gone.asks), [quote.ask, quote.askSize, '2']],
    }
    return JSON.stringify({ event: 'data', channel: key, data })
  },
}

const grid = (tMs: number): number => Math.floor(tMs / GRID_MS) * GRID_MS

function times(tMs: number): { timestamp: string; microtimestamp: string } {
  return { timestamp: String(Math.floor(tMs / 1_000)), microtimestamp: `${tMs}000` }
}

function snapshot(listing: VenueListing, view: MarketView): object {
  const at = grid(view.nowMs)
  const quote = view.quote(listing, at)
  return { ...times(at), bids: [[quote.bid, quote.bidSize]], asks: [[quote.ask, quote.askSize]] }
}

function ticker(listing: VenueListing, view: MarketView): object {
  const quote = view.quote(listing)
  return {
    timestamp: times(view.nowMs).timestamp,
    open: quote.last,
    high: quote.last,
    low: quote.last,
    last: quote.last,
    volume: quote.volume,
    vwap: quote.last,
    bid: quote.bid,
    ask: quote.ask,
    side: '0',
    open_24: quote.last,
    percent_change_24: '0.00',
    market_type: 'SPOT',
    pair: listing.symbol,
    market: listing.symbol,
  }
}

function market(listing: VenueListing): object {
  return {
    name: listing.symbol,
    market_symbol: listing.id,
    base_currency: listing.base,
    base_decimals: listing.sizeDecimals,
    counter_currency: listing.quote,
    counter_decimals: listing.priceDecimals,
    minimum_order_value: '10',
    trading: 'Enabled',
    instant_order_counter_decimals: listing.priceDecimals,
    instant_and_market_orders: 'Enabled',
    description: listing.symbol,
    market_type: 'SPOT',
  }
}
