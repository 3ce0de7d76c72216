import {
  findListing,
  type MarketView,
  market,
  ok,
  quoteVolume,
  type VenueFormat,
  type VenueListing,
} from '../format.ts'

const listings: readonly VenueListing[] = [
  market('usdtusd', 'USDT/USD', [4, 6], 2, 800_000),
  market('usdcusd', 'USDC/USD', [4, 6], 2, 500_000),
  market('btcusd', 'BTC/USD', [2, 8], 0.5, 700),
]

/** The volume over REST is that of the day which ended with the last of these. */
const VOLUME_EVERY_MS = 300_000

type Side = 'bid' | 'ask'

/**
 * Gemini v1: `GET /v1/pubticker/btcusd`, whose only time is that of the volume. No ticker stream, no subscriptions: what
 * `multimarketdata` streams stands in its address, here the top of the book of some markets.
 */
export const gemini: VenueFormat = {
  id: 'gemini',
  listings,
  wsPath: /^\/v1\/multimarketdata$/,
  limited: {
    status: 429,
    body: { result: 'error', reason: 'RateLimit', message: 'Requests were made too frequently' },
  },

  rest({ path }, view) {
    if (path === '/v1/symbols') return ok(view.listings.map(({ id }) => id))
    const [, id] = /^\/v1\/pubticker\/([a-z0-9]+)$/.exec(path) ?? []
    if (id === undefined) return undefined
    const listing = findListing(view.listings, id)
    if (listing === undefined) {
      const message = `Supplied value '${id}' is not a valid symbol`
      return { status: 400, body: { result: 'error', reason: 'InvalidSymbol', message } }
    }
    const quote = view.quote(listing)
    const volume = {
      [listing.base]: quote.volume,
      [listing.quote]: quoteVolume(quote.volume, quote.last, 2),
      timestamp: Math.floor(view.nowMs / VOLUME_EVERY_MS) * VOLUME_EVERY_MS,
    }
    return ok({ bid: quote.bid, ask: quote.ask, volume, last: quote.last })
  },

  connect(query, view) {
    if (query.get('top_of_book') !== 'true') return { replies: [] }
    const wanted = (query.get('symbols') ?? '').split(',').map(symbol => symbol.toLowerCase())
    const found = view.listings.filter(({ id }) => wanted.includes(id))
    const replies = found.map(listing => {
      const events = (['bid', 'ask'] as const).map(side => {
        const first = change(listing, view, side, 'initial')
        return { ...first, delta: first.remaining }
      })
      // It names no time.
      return JSON.stringify({ type: 'update', ...numbers(view), events })
    })
    return {
      replies,
      subscribe: found.map(listing => ({ key: `top/${listing.id}`, channel: 'top_of_book', listing })),
    }
  },

  /** It listens to nobody. */
  receive: () => ({ replies: [] }),

  push({ listing }, view, previousMs) {
    const before = view.quote(listing, previousMs)
    const now = view.quote(listing)
    const events = (['bid', 'ask'] as const).flatMap(side => {
      const better = change(listing, view, side, 'top-of-book')
      return before[side] === now[side]
        ? [better]
        : [{ ...better, price: before[side], remaining: '0' }, better]
    })
    const times = { timestamp: Math.floor(view.nowMs / 1_000), timestampms: view.nowMs }
    return JSON.stringify({ type: 'update', ...numbers(view), ...times, events })
  },

  heartbeat: {
    everyMs: 5_000,
    message: view =>
      JSON.stringify({
        type: 'heartbeat',
        timestampms: view.nowMs,
        socket_sequence: numbers(view).socket_sequence,
      }),
  },
}

/** Numbers that grow. */
function numbers({ nowMs }: MarketView): { eventId: number; socket_sequence: number } {
  return { eventId: nowMs, socket_sequence: nowMs % 1_000_000_000 }
}

interface Change {
  readonly type: 'change'
  readonly side: Side
  readonly price: string
  readonly remaining: string
  readonly reason: 'initial' | 'top-of-book'
  readonly symbol: string
}

function change(listing: VenueListing, view: MarketView, side: Side, reason: Change['reason']): Change {
  const quote = view.quote(listing)
  const remaining = side === 'bid' ? quote.bidSize : quote.askSize
  return { type: 'change', side, price: quote[side], remaining, reason, symbol: listing.id.toUpperCase() }
}
