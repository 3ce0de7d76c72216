/** Best bid and ask as text, where a venue streams them in no ticker: ccxt's books compute with doubles. */
import { type Adapter, type AdapterTicker, asRecord, type Numeric, stringAt } from './adapter.ts'

interface Top {
  readonly bid: Numeric
  readonly ask: Numeric
}

/**
 * Bybit's spot ticker stream carries neither bid nor ask; the one-level book does. A snapshot replaces both sides, a
 * difference those that it names; a size of zero takes the level away.
 */
export function watchBybitBook(adapter: Adapter): (symbol: string) => Promise<AdapterTicker> {
  const tops = new Map<string, Top>()
  adapter.handleOrderBook = (client, message) => {
    const data = asRecord(message['data'])
    const { symbol } = adapter.safeMarket(data['s'], undefined, undefined, 'spot')
    if (symbol === undefined || adapter.markets?.[symbol] === undefined) return
    const before = message['type'] === 'snapshot' ? undefined : tops.get(symbol)
    const top = { bid: side(data['b'], before?.bid), ask: side(data['a'], before?.ask) }
    tops.set(symbol, top)
    client.resolve(
      { [symbol]: adapter.safeTicker({ symbol, ...top, timestamp: timeOf(message['ts']) }) },
      `bidask:${symbol}`,
    )
  }
  return async symbol => asRecord(await adapter.watchBidsAsks([symbol]))[symbol] ?? {}
}

function side(levels: unknown, before: Numeric): Numeric {
  if (!Array.isArray(levels)) return before
  let price = before
  for (const level of levels) {
    const [at, size] = Array.isArray(level) ? level : []
    if (!isNumeric(at)) continue
    if (!isNothing(size)) price = at
    else if (at === price) price = undefined
  }
  return price
}

/**
 * Bitstamp streams no ticker. `order_book_…` sends the upper hundred levels each time, so nothing has to be kept; the
 * venue's time is in µs.
 */
export function watchBitstampBook(adapter: Adapter): (symbol: string) => Promise<AdapterTicker> {
  const handleMessage = adapter.handleMessage.bind(adapter)
  adapter.handleMessage = (client, message) => {
    const channel = stringAt(message, 'channel') ?? ''
    if (!channel.startsWith(CHANNEL)) {
      handleMessage(client, message)
      return
    }
    if (message['event'] !== 'data') return
    const { symbol } = adapter.safeMarket(channel.slice(CHANNEL.length), undefined, undefined, 'spot')
    const data = asRecord(message['data'])
    const micros = Number(data['microtimestamp'])
    const ticker = adapter.safeTicker({
      symbol,
      bid: best(data['bids']),
      ask: best(data['asks']),
      timestamp: timeOf(Math.floor(micros / 1_000)),
    })
    client.resolve(ticker, `top:${symbol}`)
  }
  return async symbol => {
    const channel = `${CHANNEL}${adapter.markets?.[symbol]?.id}`
    const request = { event: 'bts:subscribe', data: { channel } }
    const hash = `top:${symbol}`
    return asRecord(await adapter.watch(stringAt(adapter.urls.api, 'ws') ?? '', hash, request, hash))
  }
}

const CHANNEL = 'order_book_'

/**
 * Gemini streams no ticker, and ccxt's best bid and ask stay where a side was emptied. What is wanted stands in the
 * address, so one connection is for all pairs that are kept. The first message of a pair, which is the book as it
 * stands, has no time.
 */
export function watchGeminiTop(adapter: Adapter): (symbol: string) => Promise<AdapterTicker> {
  const tops = new Map<string, Top>()
  const handleMessage = adapter.handleMessage.bind(adapter)
  adapter.handleMessage = (client, message) => {
    // It may answer no ping, for want of which ccxt would hang up: whatever it says shows that it is there.
    handleMessage(client, { type: 'heartbeat' })
    if (message['type'] !== 'update' || !Array.isArray(message['events'])) return
    const changed = new Set<string>()
    for (const event of message['events']) {
      const change = asRecord(event)
      const symbol = symbolOf(adapter, String(change['symbol']).toLowerCase())
      if (symbol === undefined || !TOP_REASONS.has(change['reason'])) continue
      const levels = [[change['price'], change['remaining']]]
      const { bid, ask } = tops.get(symbol) ?? { bid: undefined, ask: undefined }
      if (change['side'] === 'bid') tops.set(symbol, { bid: side(levels, bid), ask })
      else if (change['side'] === 'ask') tops.set(symbol, { bid, ask: side(levels, ask) })
      else continue
      changed.add(symbol)
    }
    for (const symbol of changed) {
      const ticker = { symbol, ...tops.get(symbol), timestamp: timeOf(message['timestampms']) }
      client.resolve(adapter.safeTicker(ticker), `top:${symbol}`)
    }
  }
  return async symbol => {
    const markets = Object.values(adapter.markets ?? {})
    const ids = markets.flatMap(market => (market?.spot === true ? [market.id.toUpperCase()] : []))
    const what = 'heartbeat=true&trades=false&bids=true&offers=true&top_of_book=true'
    const url = `${stringAt(adapter.urls.api, 'ws')}/v1/multimarketdata?symbols=${ids.join(',')}&${what}`
    const hash = `top:${symbol}`
    return asRecord(await adapter.watch(url, hash, undefined, hash))
  }
}

/** Other changes are of levels below the best one. */
const TOP_REASONS: ReadonlySet<unknown> = new Set(['initial', 'top-of-book'])

/** Of the markets that are kept; ccxt's own look-up makes up those that it does not know. */
export function symbolOf(adapter: Adapter, id: unknown): string | undefined {
  return Object.values(adapter.markets ?? {}).find(market => market?.spot === true && market.id === id)
    ?.symbol
}

function best(levels: unknown): Numeric {
  const [first] = Array.isArray(levels) ? levels : []
  const [price] = Array.isArray(first) ? first : []
  return isNumeric(price) ? price : undefined
}

export function isNumeric(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number'
}

/** Reads each character once: with the dot optional by itself, a megabyte of zeros would be read for hours. */
function isNothing(size: unknown): boolean {
  return /^0*(\.0*)?$/.test(String(size))
}

export function timeOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined
}
