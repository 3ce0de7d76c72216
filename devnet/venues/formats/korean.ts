import {
  findListing,
  type MarketView,
  parseObjects,
  type Reaction,
  strings,
  type VenueListing,
} from '../format.ts'
import { jsonNumber } from '../json-number.ts'

/** What Upbit and Bithumb have in common: Bithumb's second API is Upbit's. */

/** Of the last trade, which at the simulator is never long ago. */
export function ticker(listing: VenueListing, view: MarketView): object {
  const quote = view.quote(listing)
  const last = jsonNumber(quote.last)
  const date = new Date(view.nowMs).toISOString()
  return {
    trade_date: date.slice(0, 10).replaceAll('-', ''),
    trade_time: date.slice(11, 19).replaceAll(':', ''),
    trade_timestamp: view.nowMs,
    opening_price: last,
    high_price: last,
    low_price: last,
    trade_price: last,
    prev_closing_price: last,
    change: 'EVEN',
    change_price: 0,
    change_rate: 0,
    signed_change_price: 0,
    signed_change_rate: 0,
    trade_volume: jsonNumber(quote.bidSize),
    acc_trade_volume: jsonNumber(quote.volume),
    acc_trade_volume_24h: jsonNumber(quote.volume),
    timestamp: view.nowMs,
  }
}

/** `[{ticket}, {type: 'ticker', codes: ['KRW-IO']}, …]`, which no reply confirms. */
export function subscribeTickers(message: string, view: MarketView): Reaction {
  if (message === 'PING') return { replies: ['{"status":"UP"}'] }
  const subscribe = parseObjects(message).flatMap(({ type, codes }) => {
    if (type !== 'ticker') return []
    return strings(codes).flatMap(code => {
      const listing = findListing(view.listings, code)
      return listing === undefined ? [] : [{ key: `ticker/${code}`, channel: 'ticker', listing }]
    })
  })
  const error = { error: { name: 'WRONG_FORMAT', message: 'Format이 맞지 않습니다.' } }
  return subscribe.length === 0 ? { replies: [JSON.stringify(error)] } : { replies: [], subscribe }
}

/** A frame of the ticker stream: JSON text in a binary frame. */
export function tickerFrame(listing: VenueListing, view: MarketView): Uint8Array {
  const body = {
    type: 'ticker',
    code: listing.id,
    ...ticker(listing, view),
    market_state: 'ACTIVE',
    market_warning: 'NONE',
    stream_type: 'REALTIME',
  }
  return Buffer.from(JSON.stringify(body))
}
