import {
  asObject,
  findListing,
  type MarketView,
  ok,
  parseObject,
  quoteVolume,
  step,
  type VenueFormat,
  type VenueListing,
} from '../format.ts'

const listings: readonly VenueListing[] = [
  {
    id: 'IO-USDT',
    symbol: 'IO/USDT',
    base: 'IO',
    quote: 'USDT',
    priceDecimals: 4,
    sizeDecimals: 3,
    spreadBps: 5,
    dailyVolume: 4_000_000,
  },
  {
    id: 'IO-USDC',
    symbol: 'IO/USDC',
    base: 'IO',
    quote: 'USDC',
    priceDecimals: 4,
    sizeDecimals: 3,
    spreadBps: 7,
    dailyVolume: 400_000,
  },
  {
    id: 'IO-BTC',
    symbol: 'IO/BTC',
    base: 'IO',
    quote: 'BTC',
    priceDecimals: 8,
    sizeDecimals: 3,
    spreadBps: 12,
    dailyVolume: 120_000,
  },
  {
    id: 'BTC-USDT',
    symbol: 'BTC/USDT',
    base: 'BTC',
    quote: 'USDT',
    priceDecimals: 1,
    sizeDecimals: 8,
    spreadBps: 0.1,
    dailyVolume: 9_000,
  },
]

/** OKX v5: `GET /api/v5/…`, channel `tickers`, keep-alive by the bare texts `ping` and `pong`. */
export const okx: VenueFormat = {
  id: 'okx',
  listings,
  wsPath: /^\/ws\/v5\/public$/,
  limited: { status: 429, body: { code: '50011', msg: 'Too Many Requests' } },

  rest({ path, query }, view) {
    if (path === '/api/v5/public/time') return answer([{ ts: String(view.nowMs) }])
    if (path === '/api/v5/public/instruments') {
      return answer(query.get('instType') === 'SPOT' ? view.listings.map(instrument) : [])
    }
    if (path === '/api/v5/market/ticker') {
      const listing = findListing(view.listings, query.get('instId'))
      if (listing === undefined) {
        return ok({ code: '51001', msg: "Instrument ID doesn't exist", data: [] })
      }
      return answer([ticker(listing, view)])
    }
    return undefined
  },

  receive(message, view) {
    if (message === 'ping') return { replies: ['pong'] }
    const request = parseObject(message)
    if (request?.['op'] !== 'subscribe') {
      return {
        replies: [JSON.stringify({ event: 'error', code: '60012', msg: 'Illegal request', connId: 'sim' })],
      }
    }
    const args = Array.isArray(request['args']) ? request['args'].map(asObject) : []
    const subscribe = args.flatMap(arg => {
      const listing = findListing(view.listings, String(arg['instId']))
      if (arg['channel'] !== 'tickers' || listing === undefined) return []
      return [{ key: `tickers/${listing.id}`, channel: 'tickers', listing }]
    })
    const replies = subscribe.map(({ channel, listing }) =>
      JSON.stringify({ event: 'subscribe', arg: { channel, instId: listing.id }, connId: 'sim' }),
    )
    return { replies, subscribe }
  },

  push({ channel, listing }, view) {
    return JSON.stringify({ arg: { channel, instId: listing.id }, data: [ticker(listing, view)] })
  },
}

const answer = (data: unknown): ReturnType<typeof ok> => ok({ code: '0', msg: '', data })

function instrument(listing: VenueListing): object {
  return {
    instType: 'SPOT',
    instId: listing.id,
    instFamily: '',
    uly: '',
    baseCcy: listing.base,
    quoteCcy: listing.quote,
    settleCcy: '',
    category: '1',
    ctMult: '',
    ctType: '',
    ctVal: '',
    ctValCcy: '',
    expTime: '',
    lever: '5',
    listTime: '1718100000000',
    lotSz: step(listing.sizeDecimals),
    minSz: step(listing.sizeDecimals),
    maxLmtSz: '9999999999',
    maxMktSz: '1000000',
    optType: '',
    state: 'live',
    stk: '',
    tickSz: step(listing.priceDecimals),
  }
}

function ticker(listing: VenueListing, view: MarketView): object {
  const quote = view.quote(listing)
  return {
    instType: 'SPOT',
    instId: listing.id,
    last: quote.last,
    lastSz: quote.bidSize,
    askPx: quote.ask,
    askSz: quote.askSize,
    bidPx: quote.bid,
    bidSz: quote.bidSize,
    open24h: quote.last,
    high24h: quote.last,
    low24h: quote.last,
    sodUtc0: quote.last,
    sodUtc8: quote.last,
    volCcy24h: quoteVolume(quote.volume, quote.last, 4),
    vol24h: quote.volume,
    ts: String(view.nowMs),
  }
}
