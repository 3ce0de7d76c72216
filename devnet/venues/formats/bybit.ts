import {
  findListing,
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
    id: 'IOUSDT',
    symbol: 'IO/USDT',
    base: 'IO',
    quote: 'USDT',
    priceDecimals: 4,
    sizeDecimals: 2,
    spreadBps: 6,
    dailyVolume: 3_000_000,
  },
  {
    id: 'IOUSDC',
    symbol: 'IO/USDC',
    base: 'IO',
    quote: 'USDC',
    priceDecimals: 4,
    sizeDecimals: 2,
    spreadBps: 8,
    dailyVolume: 300_000,
  },
  {
    id: 'BTCUSDT',
    symbol: 'BTC/USDT',
    base: 'BTC',
    quote: 'USDT',
    priceDecimals: 2,
    sizeDecimals: 6,
    spreadBps: 0.1,
    dailyVolume: 15_000,
  },
]

const TOPIC = /^(tickers|orderbook\.1)\.([A-Z0-9]+)$/

/**
 * Bybit v5 spot: `GET /v5/market/…`, topics `orderbook.1.IOUSDT` (snapshots only, as at level 1) and
 * `tickers.IOUSDT`, which on spot carries neither bid nor ask.
 */
export const bybit: VenueFormat = {
  id: 'bybit',
  listings,
  wsPath: /^\/v5\/public\/spot$/,
  limited: ok({ retCode: 10006, retMsg: 'Too many visits!', result: {} }),

  rest({ path, query }, view) {
    const answer = (list: unknown): ReturnType<typeof ok> =>
      ok({ retCode: 0, retMsg: 'OK', result: { category: 'spot', list }, retExtInfo: {}, time: view.nowMs })
    if (path === '/v5/market/time') {
      const seconds = String(Math.floor(view.nowMs / 1_000))
      return ok({ retCode: 0, retMsg: 'OK', result: { timeSecond: seconds }, time: view.nowMs })
    }
    if (path === '/v5/market/instruments-info') return answer(view.listings.map(instrument))
    if (path === '/v5/market/tickers') {
      const listing = findListing(view.listings, query.get('symbol'))
      if (listing === undefined) {
        return ok({ retCode: 10001, retMsg: 'Not supported symbols', result: {}, time: view.nowMs })
      }
      const quote = view.quote(listing)
      return answer([
        {
          symbol: listing.id,
          bid1Price: quote.bid,
          bid1Size: quote.bidSize,
          ask1Price: quote.ask,
          ask1Size: quote.askSize,
          lastPrice: quote.last,
          prevPrice24h: quote.last,
          price24hPcnt: '0',
          highPrice24h: quote.last,
          lowPrice24h: quote.last,
          turnover24h: quoteVolume(quote.volume, quote.last, 4),
          volume24h: quote.volume,
          usdIndexPrice: quote.last,
        },
      ])
    }
    return undefined
  },

  receive(message, view) {
    const request = parseObject(message)
    const op = request?.['op']
    const reply = { success: true, conn_id: 'sim', req_id: request?.['req_id'] ?? '', op }
    if (op === 'ping') return { replies: [JSON.stringify({ ...reply, ret_msg: 'pong' })] }
    if (op !== 'subscribe') {
      return { replies: [JSON.stringify({ ...reply, success: false, ret_msg: 'unknown op' })] }
    }
    const subscribe = strings(request?.['args']).flatMap(key => {
      const [, channel, id] = TOPIC.exec(key) ?? []
      const listing = findListing(view.listings, id)
      return listing === undefined || channel === undefined ? [] : [{ key, channel, listing }]
    })
    return { replies: [JSON.stringify({ ...reply, ret_msg: '' })], subscribe }
  },

  push({ key, channel, listing }, view) {
    const quote = view.quote(listing)
    const data =
      channel === 'tickers'
        ? {
            symbol: listing.id,
            lastPrice: quote.last,
            highPrice24h: quote.last,
            lowPrice24h: quote.last,
            prevPrice24h: quote.last,
            volume24h: quote.volume,
            turnover24h: quoteVolume(quote.volume, quote.last, 4),
            price24hPcnt: '0',
            usdIndexPrice: quote.last,
          }
        : {
            s: listing.id,
            b: [[quote.bid, quote.bidSize]],
            a: [[quote.ask, quote.askSize]],
            u: view.nowMs,
            seq: view.nowMs,
          }
    return JSON.stringify({ topic: key, ts: view.nowMs, type: 'snapshot', data, cts: view.nowMs })
  },
}

function instrument(listing: VenueListing): object {
  return {
    symbol: listing.id,
    baseCoin: listing.base,
    quoteCoin: listing.quote,
    innovation: '0',
    status: 'Trading',
    marginTrading: 'none',
    lotSizeFilter: {
      basePrecision: step(listing.sizeDecimals),
      quotePrecision: '0.000001',
      minOrderQty: step(listing.sizeDecimals),
      maxOrderQty: '500000',
      minOrderAmt: '5',
      maxOrderAmt: '1000000',
    },
    priceFilter: { tickSize: step(listing.priceDecimals) },
  }
}
