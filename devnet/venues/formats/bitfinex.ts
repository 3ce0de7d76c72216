import {
  findListing,
  type MarketView,
  market,
  ok,
  parseObject,
  type Reaction,
  type VenueFormat,
  type VenueListing,
} from '../format.ts'
import { jsonNumber } from '../json-number.ts'

const listings: readonly VenueListing[] = [
  market('tBTCUSD', 'BTC/USD', [0, 8], 0.3, 1_000),
  market('tUSTUSD', 'USDT/USD', [4, 8], 2, 6_000_000),
  market('tUDCUSD', 'USDC/USD', [4, 8], 2, 900_000),
]

/** Its own names of three letters. */
const NAMES: Readonly<Record<string, string>> = { USDT: 'UST', USDC: 'UDC' }
/** A bit of `{event: 'conf', flags}`: every message from then on ends with its time. */
const TIMESTAMP = 32_768

/** Bitfinex v2: everything is a list of JSON numbers, `GET /v2/ticker/tBTCUSD`; streams by number of channel. */
export const bitfinex: VenueFormat = {
  id: 'bitfinex',
  listings,
  wsPath: /^\/ws\/2$/,
  limited: { status: 429, body: ['error', 11_010, 'ratelimit: error'] },

  rest({ path }, view) {
    const [, labels] = /^\/v2\/conf\/(.+)$/.exec(decodeURIComponent(path)) ?? []
    if (labels !== undefined) return ok(labels.split(',').map(label => conf(label, view)))
    const [, id] = /^\/v2\/ticker\/(\w+)$/.exec(path) ?? []
    if (id === undefined) return undefined
    const listing = findListing(view.listings, id)
    return listing === undefined
      ? { status: 500, body: ['error', 10_020, 'symbol: invalid'] }
      : ok(ticker(listing, view))
  },

  connect(_query, { nowMs }) {
    const info = { event: 'info', version: 2, serverId: `simulated-${nowMs}`, platform: { status: 1 } }
    return { replies: [JSON.stringify(info)] }
  },

  receive(message, view, session) {
    const request = parseObject(message)
    const { event } = request ?? {}
    if (event === 'ping') return reply({ event: 'pong', cid: request?.['cid'], ts: view.nowMs })
    if (event === 'conf') {
      if ((Number(request?.['flags']) & TIMESTAMP) !== 0) session?.add('timestamp')
      return reply({ event: 'conf', status: 'OK' })
    }
    if (event !== 'subscribe') return reply({ event: 'error', msg: 'event: unknown', code: 10_000 })
    const symbol = String(request?.['symbol'])
    const listing = request?.['channel'] === 'ticker' ? findListing(view.listings, symbol) : undefined
    if (listing === undefined) {
      return reply({ event: 'error', msg: 'symbol: invalid', code: 10_300, channel: 'ticker', symbol })
    }
    const isTimed = session?.has('timestamp') ?? false
    const told = { channel: 'ticker', chanId: channelId(listing), symbol, pair: pairOf(listing) }
    return {
      ...reply({ event: 'subscribed', ...told }),
      subscribe: [{ key: `ticker/${symbol}`, channel: 'ticker', listing, isTimed }],
    }
  },

  push({ listing, isTimed }, view) {
    const message = [channelId(listing), ticker(listing, view)]
    return JSON.stringify(isTimed === true ? [...message, view.nowMs] : message)
  },
}

const reply = (message: object): Reaction => ({ replies: [JSON.stringify(message)] })

/** A number for each market, by its name. */
function channelId({ id }: VenueListing): number {
  return [...id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 1_000_003, 7)
}

/** `BTCUSD`, or `JUNK0:USD` where a name is longer. */
function pairOf({ base, quote }: VenueListing): string {
  const [one = '', other = ''] = [base, quote].map(name => NAMES[name] ?? name)
  return `${one}${one.length === 3 && other.length === 3 ? '' : ':'}${other}`
}

function ticker(listing: VenueListing, view: MarketView): unknown[] {
  const { bid, bidSize, ask, askSize, last, volume } = view.quote(listing)
  const [high, low] = [last, last]
  const change = ['0', '0']
  return [bid, bidSize, ask, askSize, ...change, last, volume, high, low].map(jsonNumber)
}

function conf(label: string, view: MarketView): unknown[] {
  if (label !== 'pub:info:pair') return []
  const info = [null, null, null, '0.00006', '2000.0', null, null, null, 0.2, 0.1, null, null]
  return view.listings.map(listing => [pairOf(listing), info])
}
