import {
  findListing,
  type MarketView,
  market,
  ok,
  quoteVolume,
  type VenueFormat,
  type VenueListing,
} from '../format.ts'

const DAY_MS = 86_400_000

const listings: readonly VenueListing[] = [
  market('IOUSDT', 'IO/USDT', [4, 2], 7, 1_800_000),
  market('BTCUSDT', 'BTC/USDT', [2, 6], 0.1, 6_000),
]

/** MEXC v3: `GET /api/v3/…`. Its streams are protocol buffers, and not simulated. */
export const mexc: VenueFormat = {
  id: 'mexc',
  listings,
  limited: { status: 429, body: { code: 429, msg: 'Too Many Requests' } },

  rest({ path, query }, view) {
    if (path === '/api/v3/time') return ok({ serverTime: view.nowMs })
    if (path === '/api/v3/exchangeInfo') {
      return ok({ timezone: 'CST', serverTime: view.nowMs, symbols: view.listings.map(symbol) })
    }
    if (path === '/api/v1/contract/detail') return ok({ success: true, code: 0, data: [] })
    if (path !== '/api/v3/ticker/24hr') return undefined
    const listing = findListing(view.listings, query.get('symbol'))
    if (listing === undefined) return { status: 400, body: { code: -1121, msg: 'Invalid symbol.' } }
    return ok(ticker(listing, view))
  },

  receive: () => ({ replies: [] }),
  push: () => '',
}

function ticker(listing: VenueListing, view: MarketView): object {
  const quote = view.quote(listing)
  return {
    symbol: listing.id,
    priceChange: '0',
    priceChangePercent: '0',
    prevClosePrice: quote.last,
    lastPrice: quote.last,
    bidPrice: quote.bid,
    bidQty: quote.bidSize,
    askPrice: quote.ask,
    askQty: quote.askSize,
    openPrice: quote.last,
    highPrice: quote.last,
    lowPrice: quote.last,
    volume: quote.volume,
    quoteVolume: quoteVolume(quote.volume, quote.last, 2),
    openTime: view.nowMs - DAY_MS,
    closeTime: view.nowMs,
    count: null,
  }
}

function symbol(listing: VenueListing): object {
  return {
    symbol: listing.id,
    status: '1',
    baseAsset: listing.base,
    baseAssetPrecision: listing.sizeDecimals,
    quoteAsset: listing.quote,
    quotePrecision: listing.priceDecimals,
    quoteAssetPrecision: listing.priceDecimals,
    baseCommissionPrecision: 2,
    quoteCommissionPrecision: 4,
    orderTypes: ['LIMIT', 'LIMIT_MAKER', 'MARKET'],
    isSpotTradingAllowed: true,
    isMarginTradingAllowed: false,
    quoteAmountPrecision: '1',
    baseSizePrecision: '0.1',
    permissions: ['SPOT'],
    filters: [],
    maxQuoteAmount: '2000000',
    makerCommission: '0',
    takerCommission: '0.0005',
  }
}
