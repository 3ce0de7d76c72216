import {
  findListing,
  market,
  ok,
  parseObject,
  quoteVolume,
  type VenueFormat,
  type VenueListing,
} from '../format.ts'
import { jsonNumber } from '../json-number.ts'

const listings: readonly VenueListing[] = [market('io_usdt', 'IO/USDT', [4, 2], 15, 600_000)]

/** LBank v2: `GET /v2/….do`, stream `tick` in JSON numbers; tickers without bid and ask. */
export const lbank: VenueFormat = {
  id: 'lbank',
  listings,
  wsPath: /^\/ws\/V2\/?$/,
  limited: { status: 429, body: { result: 'false', error_code: 10_004, ts: 0 } },

  rest({ path, query }, view) {
    const answer = (data: unknown): ReturnType<typeof ok> =>
      ok({ result: 'true', msg: 'Success', data, error_code: 0, ts: view.nowMs })
    if (path === '/v2/timestamp.do') return answer(view.nowMs)
    if (path === '/v2/accuracy.do') return answer(view.listings.map(accuracy))
    if (path === '/cfd/openApi/v1/pub/instrument') return answer([])
    if (path !== '/v2/ticker/24hr.do') return undefined
    const listing = findListing(view.listings, query.get('symbol'))
    if (listing === undefined) return ok({ result: 'false', error_code: 10_008, ts: view.nowMs })
    const quote = view.quote(listing)
    const ticker = {
      high: quote.last,
      vol: quote.volume,
      low: quote.last,
      change: '0.00',
      turnover: quoteVolume(quote.volume, quote.last, 2),
      latest: quote.last,
    }
    return answer([{ symbol: listing.id, ticker, timestamp: view.nowMs }])
  },

  receive(message, view) {
    const request = parseObject(message)
    const action = request?.['action']
    if (action === 'pong') return { replies: [] }
    if (action === 'ping') return { replies: [JSON.stringify({ action: 'pong', pong: request?.['ping'] })] }
    const listing = findListing(view.listings, String(request?.['pair']))
    if (action !== 'subscribe' || request?.['subscribe'] !== 'tick' || listing === undefined) {
      const error = { SERVER: 'V2', message: 'Invalid order pairs', status: 'error', TS: stamp(view.nowMs) }
      return { replies: [JSON.stringify(error)] }
    }
    return { replies: [], subscribe: [{ key: `tick/${listing.id}`, channel: 'tick', listing }] }
  },

  push({ channel, listing }, view) {
    const quote = view.quote(listing)
    const last = jsonNumber(quote.last)
    const tick = {
      to_cny: last,
      high: last,
      vol: jsonNumber(quote.volume),
      low: last,
      change: 0,
      usd: last,
      to_usd: last,
      dir: 'sell',
      turnover: jsonNumber(quoteVolume(quote.volume, quote.last, 2)),
      latest: last,
      cny: last,
    }
    return JSON.stringify({ tick, type: channel, pair: listing.id, SERVER: 'V2', TS: stamp(view.nowMs) })
  },

  heartbeat: {
    everyMs: 10_000,
    message: view => JSON.stringify({ action: 'ping', ping: String(view.nowMs) }),
  },
}

const CHINA_AHEAD_MS = 8 * 3_600_000

/** The time of China, whose zone is not named. */
const stamp = (tMs: number): string => new Date(tMs + CHINA_AHEAD_MS).toISOString().slice(0, -1)

function accuracy(listing: VenueListing): object {
  return {
    symbol: listing.id,
    quantityAccuracy: String(listing.sizeDecimals),
    priceAccuracy: String(listing.priceDecimals),
    minTranQua: '0.1',
  }
}
