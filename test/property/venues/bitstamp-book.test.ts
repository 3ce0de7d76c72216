import { expect } from 'chai'
import fc from 'fast-check'
import type { MarketView } from '../../../devnet/venues/format.ts'
import { bitstamp } from '../../../devnet/venues/formats/bitstamp.ts'
import { quoteAt } from '../../../devnet/venues/market.ts'

const T = Date.UTC(2026, 0, 1)
const anyListing = fc.constantFrom(...bitstamp.listings)
type Levels = [price: string, size: string][]

const view = (seed: string, nowMs: number): MarketView => ({
  nowMs,
  listings: bitstamp.listings,
  quote: (listing, atMs = nowMs) => quoteAt(seed, 'bitstamp', listing, atMs, atMs % 700 < 300 ? 1.004 : 1),
})

function applyLevels(book: Map<string, string>, levels: Levels): void {
  for (const [price, size] of levels) {
    if (Number(size) === 0) book.delete(price)
    else book.set(price, size)
  }
}

describe('bitstamp book', () => {
  it('is rebuilt exactly from a snapshot at any moment and the differences after it', () => {
    const gaps = fc.array(fc.integer({ min: 1, max: 2_000 }), { minLength: 2, maxLength: 20 })
    fc.assert(
      fc.property(fc.string(), gaps, fc.nat(), anyListing, (seed, gapsMs, pick, listing) => {
        const key = `diff_order_book_${listing.id}`
        let elapsedMs = 0
        const times = gapsMs.map(gapMs => {
          elapsedMs += gapMs
          return T + elapsedMs
        })
        const snapshotMs = T + (pick % ((times.at(-1) ?? T) - T))

        const path = `/api/v2/order_book/${listing.id}`
        const request = { path, query: new URLSearchParams(), method: 'GET', body: '', wsOrigin: '' }
        const answer = bitstamp.rest(request, view(seed, snapshotMs))
        const snapshot = answer?.body as { microtimestamp: string; bids: Levels; asks: Levels }
        const bids = new Map(snapshot.bids)
        const asks = new Map(snapshot.asks)
        let previousMs = T
        for (const nowMs of times) {
          const text = bitstamp.push(
            { key, channel: 'diff_order_book', listing },
            view(seed, nowMs),
            previousMs,
          )
          const { data } = JSON.parse(String(text))
          previousMs = nowMs
          if (Number(data.microtimestamp) <= Number(snapshot.microtimestamp)) continue
          applyLevels(bids, data.bids)
          applyLevels(asks, data.asks)
        }
        const endMs = Math.max(
          Number(snapshot.microtimestamp) / 1_000,
          Math.floor((times.at(-1) ?? T) / 100) * 100,
        )
        const expected = view(seed, endMs).quote(listing)
        expect([...bids]).to.deep.equal([[expected.bid, expected.bidSize]])
        expect([...asks]).to.deep.equal([[expected.ask, expected.askSize]])
      }),
    )
  })
})
