import { type Adapter, type AdapterTicker, asRecord, type Numeric, stringAt } from './adapter.ts'
import { isNumeric, symbolOf, timeOf } from './text-book.ts'

/** A bit of `{event: 'conf', flags}`: every message from then on ends with its time. */
const TIMESTAMP = 32_768

/**
 * Bitfinex streams lists of numbers, each with the number of a channel that it named when it took the subscription, and
 * says the time where it is asked to. ccxt does not ask, keeps every channel that is ever named, and computes with the
 * change of the day, of which a venue can make a text of any length.
 */
export function watchBitfinexTicker(adapter: Adapter): (symbol: string) => Promise<AdapterTicker> {
  const channels = new Map<string, unknown>()
  adapter.handleMessage = (client, message) => {
    if (!Array.isArray(message)) {
      const { event, channel, chanId } = message
      const symbol = symbolOf(adapter, message['symbol'])
      if (event === 'subscribed' && channel === 'ticker' && symbol !== undefined) channels.set(symbol, chanId)
      return
    }
    const [chanId, values, time]: readonly unknown[] = message
    const symbol = [...channels.keys()].find(each => channels.get(each) === chanId)
    // A heartbeat has no list.
    if (symbol === undefined || !Array.isArray(values)) return
    const ticker = { ...tickerOf(symbol, values), timestamp: timeOf(time) }
    client.resolve(adapter.safeTicker(ticker), `ticker:${symbol}`)
  }
  Object.assign(adapter, {
    parseTicker: (values: unknown, market: unknown) =>
      adapter.safeTicker(tickerOf(stringAt(market, 'symbol'), Array.isArray(values) ? values : [])),
  })
  let isAsked = false
  return async symbol => {
    const url = stringAt(adapter.urls.api, 'ws', 'public') ?? ''
    // Nobody waits for its answer: without it, messages come without a time.
    if (!isAsked) adapter.watch(url, 'conf', { event: 'conf', flags: TIMESTAMP }, 'conf').catch(() => {})
    isAsked = true
    const request = { event: 'subscribe', channel: 'ticker', symbol: adapter.markets?.[symbol]?.id }
    const hash = `ticker:${symbol}`
    return asRecord(await adapter.watch(url, hash, request, hash))
  }
}

/** What both ways tell: a list in the same order. */
function tickerOf(symbol: string | undefined, values: readonly unknown[]) {
  return {
    symbol,
    bid: numeric(values[0]),
    ask: numeric(values[2]),
    last: numeric(values[6]),
    baseVolume: numeric(values[7]),
  }
}

function numeric(value: unknown): Numeric {
  return isNumeric(value) ? value : undefined
}
