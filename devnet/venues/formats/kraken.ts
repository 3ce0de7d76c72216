import {
  asObject,
  findListing,
  ok,
  parseObject,
  step,
  strings,
  type VenueFormat,
  type VenueListing,
} from '../format.ts'
import { jsonNumber } from '../json-number.ts'

const listings: readonly VenueListing[] = [
  {
    id: 'USDTZUSD',
    symbol: 'USDT/USD',
    base: 'USDT',
    quote: 'USD',
    priceDecimals: 5,
    sizeDecimals: 4,
    spreadBps: 0.3,
    dailyVolume: 60_000_000,
  },
  {
    id: 'USDCUSD',
    symbol: 'USDC/USD',
    base: 'USDC',
    quote: 'USD',
    priceDecimals: 4,
    sizeDecimals: 8,
    spreadBps: 1,
    dailyVolume: 30_000_000,
  },
  {
    id: 'XXBTZUSD',
    symbol: 'BTC/USD',
    base: 'BTC',
    quote: 'USD',
    priceDecimals: 1,
    sizeDecimals: 8,
    spreadBps: 0.1,
    dailyVolume: 3_000,
  },
  {
    id: 'IOUSD',
    symbol: 'IO/USD',
    base: 'IO',
    quote: 'USD',
    priceDecimals: 4,
    sizeDecimals: 5,
    spreadBps: 8,
    dailyVolume: 300_000,
  },
]

/** Kraken: REST v0, WebSocket v2, whose tickers are JSON numbers and reach ccxt's users without a time. */
export const kraken: VenueFormat = {
  id: 'kraken',
  listings,
  wsPath: /^\/v2$/,
  limited: ok({ error: ['EAPI:Rate limit exceeded'] }),

  rest({ path, query }, view) {
    if (path === '/0/public/Time') {
      return ok({ error: [], result: { unixtime: Math.floor(view.nowMs / 1_000) } })
    }
    if (path === '/0/public/AssetPairs') {
      return ok({
        error: [],
        result: Object.fromEntries(view.listings.map(each => [each.id, assetPair(each)])),
      })
    }
    if (path === '/0/public/Ticker') {
      const listing = findListing(view.listings, query.get('pair'))
      if (listing === undefined) return ok({ error: ['EQuery:Unknown asset pair'] })
      const quote = view.quote(listing)
      const twice = (value: string): string[] => [value, value]
      const ticker = {
        a: [quote.ask, '1', quote.askSize],
        b: [quote.bid, '1', quote.bidSize],
        c: [quote.last, quote.bidSize],
        v: twice(quote.volume),
        p: twice(quote.last),
        t: [1, 2],
        l: twice(quote.last),
        h: twice(quote.last),
        o: quote.last,
      }
      return ok({ error: [], result: { [listing.id]: ticker } })
    }
    return undefined
  },

  receive(message, view) {
    const request = parseObject(message)
    const method = request?.['method']
    const times = { time_in: iso(view.nowMs), time_out: iso(view.nowMs), req_id: request?.['req_id'] }
    if (method === 'ping') return { replies: [JSON.stringify({ method: 'pong', ...times })] }
    const params = asObject(request?.['params'])
    if (method !== 'subscribe' || params['channel'] !== 'ticker') {
      return { replies: [JSON.stringify({ error: 'Method not found', success: false, method, ...times })] }
    }
    const subscribe = strings(params['symbol']).flatMap(symbol => {
      const listing = view.listings.find(each => each.symbol === symbol)
      return listing === undefined ? [] : [{ key: `ticker/${symbol}`, channel: 'ticker', listing }]
    })
    const replies = subscribe.map(({ channel, listing }) => {
      const result = { channel, event_trigger: 'trades', snapshot: true, symbol: listing.symbol }
      return JSON.stringify({ method, result, success: true, ...times })
    })
    return { replies, subscribe }
  },

  push({ channel, listing }, view) {
    const quote = view.quote(listing)
    // Kraken sends numbers here.
    const last = jsonNumber(quote.last)
    const data = {
      symbol: listing.symbol,
      bid: jsonNumber(quote.bid),
      bid_qty: jsonNumber(quote.bidSize),
      ask: jsonNumber(quote.ask),
      ask_qty: jsonNumber(quote.askSize),
      last,
      volume: jsonNumber(quote.volume),
      vwap: last,
      low: last,
      high: last,
      change: 0,
      change_pct: 0,
      timestamp: iso(view.nowMs),
    }
    return JSON.stringify({ channel, type: 'update', data: [data] })
  },

  heartbeat: { everyMs: 1_000, message: () => '{"channel":"heartbeat"}' },
}

const iso = (tMs: number): string => new Date(tMs).toISOString()

/** Kraken's own names: REST says XBT where the WebSocket says BTC, and some of its ids carry X and Z. */
function assetPair(listing: VenueListing): object {
  const isBitcoin = listing.base === 'BTC'
  const base = isBitcoin ? 'XBT' : listing.base
  return {
    altname: `${base}${listing.quote}`,
    wsname: `${base}/${listing.quote}`,
    aclass_base: 'currency',
    base: isBitcoin ? `X${base}` : base,
    aclass_quote: 'currency',
    quote: `Z${listing.quote}`,
    lot: 'unit',
    cost_decimals: 5,
    pair_decimals: listing.priceDecimals,
    lot_decimals: 8,
    lot_multiplier: 1,
    leverage_buy: [],
    leverage_sell: [],
    fees: [[0, 0.2]],
    fees_maker: [[0, 0.2]],
    fee_volume_currency: 'ZUSD',
    margin_call: 80,
    margin_stop: 40,
    ordermin: '5',
    costmin: '0.5',
    tick_size: step(listing.priceDecimals),
    status: 'online',
  }
}
