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
  market('IOUSDT', 'IO/USDT', [4, 2], 6, 2_500_000),
  market('IOUSDC', 'IO/USDC', [4, 2], 9, 150_000),
  market('BTCUSDT', 'BTC/USDT', [2, 6], 0.1, 7_000),
]

/** Bitget v2 spot: `GET /api/v2/…`, channel `ticker`, keep-alive by the bare texts `ping` and `pong`. */
export const bitget: VenueFormat = {
  id: 'bitget',
  listings,
  wsPath: /^\/v2\/ws\/public$/,
  limited: { status: 429, body: { code: '429', msg: 'Too many requests', requestTime: 0, data: null } },

  rest({ path, query }, view) {
    const answer = (data: unknown): ReturnType<typeof ok> =>
      ok({ code: '00000', msg: 'success', requestTime: view.nowMs, data })
    if (path === '/api/v2/public/time') return answer({ serverTime: String(view.nowMs) })
    if (path === '/api/v2/spot/public/symbols') return answer(view.listings.map(symbol))
    if (path === '/api/v2/margin/currencies') return answer([])
    if (path === '/api/v2/spot/market/tickers') {
      const listing = findListing(view.listings, query.get('symbol'))
      if (listing === undefined) {
        const body = { code: '40034', msg: 'Parameter does not exist', requestTime: view.nowMs, data: null }
        return { status: 400, body }
      }
      return answer([{ symbol: listing.id, ...ticker(listing, view) }])
    }
    return undefined
  },

  receive(message, view) {
    if (message === 'ping') return { replies: ['pong'] }
    const request = parseObject(message)
    const args = Array.isArray(request?.['args']) ? request['args'].map(asObject) : []
    const subscribe = args.flatMap(({ instType, channel, instId }) => {
      const listing = findListing(view.listings, String(instId))
      if (instType !== 'SPOT' || channel !== 'ticker' || listing === undefined) return []
      return [{ key: `ticker/${listing.id}`, channel, listing }]
    })
    if (request?.['op'] !== 'subscribe' || subscribe.length === 0) {
      const error = {
        event: 'error',
        code: 30001,
        msg: 'instType:SPOT,channel:ticker,instId:? doesn’t exist',
      }
      return { replies: [JSON.stringify(error)] }
    }
    const replies = subscribe.map(({ channel, listing }) =>
      JSON.stringify({ event: 'subscribe', arg: argument(channel, listing) }),
    )
    return { replies, subscribe }
  },

  push({ channel, listing }, view) {
    const data = [{ instId: listing.id, ...ticker(listing, view) }]
    return JSON.stringify({ action: 'snapshot', arg: argument(channel, listing), data, ts: view.nowMs })
  },
}

const argument = (channel: string, listing: VenueListing): object => ({
  instType: 'SPOT',
  channel,
  instId: listing.id,
})

function ticker(listing: VenueListing, view: MarketView): object {
  const quote = view.quote(listing)
  const turnover = quoteVolume(quote.volume, quote.last, 6)
  return {
    lastPr: quote.last,
    open: quote.last,
    open24h: quote.last,
    high24h: quote.last,
    low24h: quote.last,
    change24h: '0',
    bidPr: quote.bid,
    askPr: quote.ask,
    bidSz: quote.bidSize,
    askSz: quote.askSize,
    baseVolume: quote.volume,
    quoteVolume: turnover,
    usdtVolume: turnover,
    openUtc: quote.last,
    changeUtc24h: '0',
    ts: String(view.nowMs),
  }
}

function symbol(listing: VenueListing): object {
  return {
    symbol: listing.id,
    baseCoin: listing.base,
    quoteCoin: listing.quote,
    minTradeAmount: '0',
    maxTradeAmount: '900000000000000000000',
    takerFeeRate: '0.002',
    makerFeeRate: '0.002',
    pricePrecision: String(listing.priceDecimals),
    quantityPrecision: String(listing.sizeDecimals),
    quotePrecision: '6',
    status: 'online',
    minTradeUSDT: '1',
    buyLimitPriceRatio: '0.05',
    sellLimitPriceRatio: '0.05',
    areaSymbol: 'no',
    orderQuantity: '200',
  }
}
