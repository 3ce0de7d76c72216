import { type Adapter, asRecord } from './adapter.ts'

/**
 * What a venue says of markets that nobody asked for is forgotten after this many frames, or bytes of them: of one byte
 * ccxt makes up to fifty, where it keeps a list for each of the ten thousand markets that one frame may name.
 */
export const SWEEP_FRAMES = 1_000
export const SWEEP_BYTES = 1_000_000

/** What ccxt keeps by symbol or account of whatever a stream says, asked for or not. */
const CACHES = ['bidsasks', 'orderbooks', 'trades', 'ohlcvs', 'fundingRates', 'balance'] as const

/** Lists of what was said last, each a thousand messages long, which ccxt makes anew when they are not there. */
const LISTS = ['orders', 'triggerOrders', 'myTrades', 'liquidations', 'myLiquidations', 'positions'] as const

/** ccxt keeps a failure that nobody waits for until somebody does. */
const MAX_REJECTIONS = 100

/**
 * Keeps an adapter's caches small: it remembers every name that it hears, for as long as it lives. Of tickers those of
 * its markets stay, for some venues send only what has changed; nothing else is used here.
 *
 * @returns to be called after each frame
 */
export function boundCaches(adapter: Adapter): (bytes: number) => void {
  let frames = 0
  let heard = 0
  return bytes => {
    frames += 1
    heard += bytes
    if (frames < SWEEP_FRAMES && heard < SWEEP_BYTES) return
    frames = 0
    heard = 0
    for (const name of CACHES) forget(adapter[name], () => true)
    for (const name of LISTS) adapter[name] = undefined
    forget(adapter.tickers, symbol => adapter.markets?.[symbol] === undefined)
    for (const { rejections } of Object.values(adapter.clients ?? {})) {
      if (Object.keys(rejections ?? {}).length > MAX_REJECTIONS) forget(rejections, () => true)
    }
  }
}

function forget(cache: unknown, isIdle: (key: string) => boolean): void {
  for (const key of Object.keys(asRecord(cache))) {
    if (isIdle(key)) delete (cache as Record<string, unknown>)[key]
  }
}
