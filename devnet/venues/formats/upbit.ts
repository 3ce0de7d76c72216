import { findListing, market, ok, type VenueFormat, type VenueListing } from '../format.ts'
import { subscribeTickers, ticker, tickerFrame } from './korean.ts'

const listings: readonly VenueListing[] = [
  market('KRW-IO', 'IO/KRW', [0, 8], 6, 3_000_000),
  market('KRW-USDT', 'USDT/KRW', [1, 6], 4, 80_000_000),
]

/**
 * Upbit v1: `GET /v1/…`, JSON numbers throughout, tickers without bid and ask whose time is that of the last trade. Its
 * streams send JSON in binary frames.
 */
export const upbit: VenueFormat = {
  id: 'upbit',
  listings,
  wsPath: /^\/websocket\/v1$/,
  limited: { status: 429, body: { name: 'too_many_requests' } },

  rest({ path, query }, view) {
    if (path === '/v1/market/all') {
      return ok(view.listings.map(({ id, base }) => ({ market: id, korean_name: base, english_name: base })))
    }
    if (path !== '/v1/ticker') return undefined
    const wanted = (query.get('markets') ?? '').split(',').map(id => findListing(view.listings, id))
    const found = wanted.filter(listing => listing !== undefined)
    if (found.length < wanted.length) {
      return { status: 404, body: { error: { name: 404, message: 'Code not found' } } }
    }
    return ok(found.map(listing => ({ market: listing.id, ...ticker(listing, view) })))
  },

  receive: subscribeTickers,
  push: ({ listing }, view) => tickerFrame(listing, view),
}
