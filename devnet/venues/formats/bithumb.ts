import { findListing, market, ok, type VenueFormat, type VenueListing } from '../format.ts'
import { subscribeTickers, ticker, tickerFrame } from './korean.ts'

const listings: readonly VenueListing[] = [
  market('KRW-IO', 'IO/KRW', [0, 8], 8, 900_000),
  market('KRW-USDT', 'USDT/KRW', [0, 6], 7, 60_000_000),
]

/** Bithumb's second API, `GET /v1/…`: that of Upbit. */
export const bithumb: VenueFormat = {
  id: 'bithumb',
  listings,
  wsPath: /^\/websocket\/v1$/,
  limited: { status: 429, body: { name: 429, message: 'Too many requests' } },

  rest({ path, query }, view) {
    if (path === '/v1/market/all') {
      return ok(
        view.listings.map(({ id, base }) => ({
          market: id,
          korean_name: base,
          english_name: base,
          market_warning: 'NONE',
        })),
      )
    }
    if (path !== '/v1/ticker') return undefined
    const listing = findListing(view.listings, query.get('markets'))
    if (listing === undefined) {
      return { status: 404, body: { error: { name: 404, message: 'Code not found' } } }
    }
    return ok([{ market: listing.id, ...ticker(listing, view) }])
  },

  receive: subscribeTickers,
  push: ({ listing }, view) => tickerFrame(listing, view),
}
