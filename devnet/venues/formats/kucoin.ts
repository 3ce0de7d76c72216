import {
  findListing,
  type MarketView,
  market,
  ok,
  parseObject,
  quoteVolume,
  step,
  type VenueFormat,
  type VenueListing,
} from '../format.ts'
import { jsonNumber } from '../json-number.ts'

const listings: readonly VenueListing[] = [
  market('IO-USDT', 'IO/USDT', [4, 4], 6, 1_200_000),
  market('BTC-USDT', 'BTC/USDT', [1, 8], 0.1, 4_000),
]

const TOPIC = /^(\/market\/(?:snapshot|ticker)):(.+)$/

/**
 * KuCoin: `GET /api/v1/…`; a stream needs a token from `POST /api/v1/bullet-public`, which also says where it is. Topic
 * `/market/snapshot` sends JSON numbers; `/market/ticker` sends strings, without volume.
 */
export const kucoin: VenueFormat = {
  id: 'kucoin',
  listings,
  wsPath: /^\/endpoint$/,
  limited: { status: 429, body: { code: '429000', msg: 'Too many requests' } },

  rest({ path, query, method, wsOrigin }, view) {
    if (path === '/api/v1/timestamp') return answer(view.nowMs)
    if (path === '/api/v2/symbols') return answer(view.listings.map(symbol))
    if (path === '/api/v1/market/allTickers') {
      return answer({ time: view.nowMs, ticker: view.listings.map(each => stats(each, view)) })
    }
    if (path === '/api/v1/market/stats') {
      const listing = findListing(view.listings, query.get('symbol'))
      if (listing === undefined) return ok({ code: '400100', msg: 'Unsupported trading pair.' })
      return answer(stats(listing, view))
    }
    if (path === '/api/v1/bullet-public' && method === 'POST') {
      const server = {
        endpoint: `${wsOrigin}/ws-api-spot.kucoin.com/endpoint`,
        encrypt: true,
        protocol: 'websocket',
        pingInterval: 18_000,
        pingTimeout: 10_000,
      }
      return answer({ token: 'simulated', instanceServers: [server] })
    }
    return undefined
  },

  receive(message, view) {
    const request = parseObject(message)
    const id = String(request?.['id'] ?? '')
    const type = request?.['type']
    if (type === 'ping') return { replies: [JSON.stringify({ id, type: 'pong' })] }
    const topic = String(request?.['topic'])
    const [, channel, market] = TOPIC.exec(topic) ?? []
    const listing = findListing(view.listings, market)
    if (type !== 'subscribe' || channel === undefined || listing === undefined) {
      return {
        replies: [JSON.stringify({ id, type: 'error', code: 404, data: `topic ${topic} is not found` })],
      }
    }
    return {
      replies: [JSON.stringify({ id, type: 'ack' })],
      subscribe: [{ key: topic, channel, listing }],
    }
  },

  push({ key, channel, listing }, view) {
    const isTicker = channel === '/market/ticker'
    return JSON.stringify({
      type: 'message',
      topic: key,
      subject: isTicker ? 'trade.ticker' : 'trade.snapshot',
      data: isTicker
        ? ticker(listing, view)
        : { sequence: String(view.nowMs), data: snapshot(listing, view) },
    })
  },
}

const answer = (data: unknown): ReturnType<typeof ok> => ok({ code: '200000', data })

function symbol(listing: VenueListing): object {
  return {
    symbol: listing.id,
    name: listing.id,
    baseCurrency: listing.base,
    quoteCurrency: listing.quote,
    feeCurrency: listing.quote,
    market: 'USDS',
    baseMinSize: step(listing.sizeDecimals),
    quoteMinSize: '0.1',
    baseMaxSize: '10000000000',
    quoteMaxSize: '99999999',
    baseIncrement: step(listing.sizeDecimals),
    quoteIncrement: '0.0001',
    priceIncrement: step(listing.priceDecimals),
    priceLimitRate: '0.1',
    minFunds: '0.1',
    isMarginEnabled: false,
    enableTrading: true,
  }
}

function stats(listing: VenueListing, view: MarketView): object {
  const quote = view.quote(listing)
  return {
    time: view.nowMs,
    symbol: listing.id,
    symbolName: listing.id,
    buy: quote.bid,
    bestBidSize: quote.bidSize,
    sell: quote.ask,
    bestAskSize: quote.askSize,
    changeRate: '0',
    changePrice: '0',
    high: quote.last,
    low: quote.last,
    vol: quote.volume,
    volValue: quoteVolume(quote.volume, quote.last, 8),
    last: quote.last,
    averagePrice: quote.last,
    takerFeeRate: '0.001',
    makerFeeRate: '0.001',
    takerCoefficient: '1',
    makerCoefficient: '1',
  }
}

function ticker(listing: VenueListing, view: MarketView): object {
  const quote = view.quote(listing)
  return {
    bestAsk: quote.ask,
    bestAskSize: quote.askSize,
    bestBid: quote.bid,
    bestBidSize: quote.bidSize,
    price: quote.last,
    sequence: String(view.nowMs),
    size: quote.bidSize,
    time: view.nowMs,
  }
}

function snapshot(listing: VenueListing, view: MarketView): object {
  const quote = view.quote(listing)
  const last = jsonNumber(quote.last)
  return {
    symbol: listing.id,
    symbolCode: listing.id,
    baseCurrency: listing.base,
    quoteCurrency: listing.quote,
    market: 'USDS',
    board: 0,
    mark: 0,
    sort: 100,
    trading: true,
    datetime: view.nowMs,
    buy: jsonNumber(quote.bid),
    sell: jsonNumber(quote.ask),
    lastTradedPrice: last,
    open: last,
    high: last,
    low: last,
    averagePrice: last,
    changePrice: 0,
    changeRate: 0,
    vol: jsonNumber(quote.volume),
    volValue: jsonNumber(quoteVolume(quote.volume, quote.last, 8)),
  }
}
