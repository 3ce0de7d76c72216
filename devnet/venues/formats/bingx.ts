import {
  findListing,
  gzipped,
  market,
  ok,
  parseObject,
  quoteVolume,
  type VenueFormat,
  type VenueListing,
} from '../format.ts'
import { jsonNumber } from '../json-number.ts'

const DAY_MS = 86_400_000

const listings: readonly VenueListing[] = [market('IO-USDT', 'IO/USDT', [4, 1], 10, 800_000)]

const STREAM = /^([A-Z0-9-]+)@ticker$/

/** BingX: `GET /openApi/…`; streams send gzip. Prices are strings in some fields and JSON numbers in others. */
export const bingx: VenueFormat = {
  id: 'bingx',
  listings,
  wsPath: /^\/market$/,
  limited: { status: 429, body: { code: 429, msg: 'too many requests' } },

  rest({ path, query }, view) {
    const answer = (data: unknown): ReturnType<typeof ok> =>
      ok({ code: 0, msg: '', debugMsg: '', timestamp: view.nowMs, data })
    if (path === '/openApi/swap/v2/server/time') return answer({ serverTime: view.nowMs })
    if (path === '/openApi/swap/v2/quote/contracts') return answer([])
    if (path === '/openApi/cswap/v1/market/contracts') return answer([])
    if (path === '/openApi/spot/v1/common/symbols') return answer({ symbols: view.listings.map(symbol) })
    if (path !== '/openApi/spot/v1/ticker/24hr') return undefined
    const listing = findListing(view.listings, query.get('symbol'))
    if (listing === undefined) return ok({ code: 100_400, msg: 'symbol not found', data: {} })
    const quote = view.quote(listing)
    return answer([
      {
        symbol: listing.id,
        openPrice: quote.last,
        highPrice: quote.last,
        lowPrice: quote.last,
        lastPrice: quote.last,
        priceChange: '0',
        priceChangePercent: '0.00%',
        volume: quote.volume,
        quoteVolume: quoteVolume(quote.volume, quote.last, 2),
        openTime: view.nowMs - DAY_MS,
        closeTime: view.nowMs,
        bidPrice: jsonNumber(quote.bid),
        bidQty: jsonNumber(quote.bidSize),
        askPrice: jsonNumber(quote.ask),
        askQty: jsonNumber(quote.askSize),
      },
    ])
  },

  receive(message, view) {
    if (message === 'Pong') return { replies: [] }
    const request = parseObject(message)
    if (request !== undefined && 'pong' in request) return { replies: [] }
    const key = String(request?.['dataType'])
    const listing = findListing(view.listings, STREAM.exec(key)?.[1])
    const id = String(request?.['id'] ?? '')
    if (listing === undefined) {
      return { replies: [gzipped({ id, code: 100_400, msg: 'dataType not support', dataType: '' })] }
    }
    return {
      replies: [gzipped({ id, code: 0, msg: 'SUCCESS', timestamp: view.nowMs })],
      subscribe: [{ key, channel: 'ticker', listing }],
    }
  },

  push({ key, listing }, view) {
    const quote = view.quote(listing)
    const last = jsonNumber(quote.last)
    const data = {
      e: '24hTicker',
      E: view.nowMs,
      s: listing.id,
      p: 0,
      P: '0.00%',
      o: last,
      h: last,
      l: last,
      c: last,
      v: jsonNumber(quote.volume),
      q: jsonNumber(quoteVolume(quote.volume, quote.last, 2)),
      O: view.nowMs - DAY_MS,
      C: view.nowMs,
      B: jsonNumber(quote.bid),
      b: jsonNumber(quote.bidSize),
      A: jsonNumber(quote.ask),
      a: jsonNumber(quote.askSize),
      n: 2,
    }
    return gzipped({ code: 0, data, dataType: key, success: true, timestamp: view.nowMs })
  },

  heartbeat: {
    everyMs: 5_000,
    message: view => gzipped({ ping: `${view.nowMs}`, time: new Date(view.nowMs).toISOString() }),
  },
}

function symbol(listing: VenueListing): object {
  return {
    symbol: listing.id,
    tickSize: 10 ** -listing.priceDecimals,
    stepSize: 10 ** -listing.sizeDecimals,
    minQty: 0.1,
    maxQty: 1_000_000,
    minNotional: 1,
    maxNotional: 100_000,
    status: 1,
    apiStateBuy: true,
    apiStateSell: true,
    timeOnline: 0,
    offTime: 0,
    maintainTime: 0,
  }
}
