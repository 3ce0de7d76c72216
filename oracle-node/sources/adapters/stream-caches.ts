import { type Adapter, asRecord, type StreamClient } from './adapter.ts'

/** A venue that talks of markets that nobody asked for is forgotten after this many frames, or bytes of them. */
export const SWEEP_FRAMES = 1_000
export const SWEEP_BYTES = 8_000_000

/** What ccxt keeps by symbol or account of whatever a stream says, asked for or not. */
const CACHES = ['bidsasks', 'orderbooks', 'trades', 'ohlcvs', 'fundingRates', 'balance', 'positions'] as const

/** ccxt keeps a failure that nobody waits for until somebody does. */
const MAX_REJECTIONS = 100

/**
 * Keeps an adapter's caches small: it remembers every name that it hears, for as long as it lives. Of tickers those of
 * its markets stay, for some venues send only what has changed; nothing else is used here.
 *
 * @returns to be called after each frame
 */
export function boundCaches(adapter: Adapter): (client: StreamClient, bytes: number) => void {
  let frames = 0
  let heard = 0
  return (client, bytes) => {
    frames += 1
    heard += bytes
    if (frames < SWEEP_FRAMES && heard < SWEEP_BYTES) return
    frames = 0
    heard = 0
    for (const name of CACHES) forget(adapter[name], () => true)
    forget(adapter.tickers, symbol => adapter.markets?.[symbol] === undefined)
    if (Object.keys(client.rejections ?? {}).length > MAX_REJECTIONS) forget(client.rejections, () => true)
  }
}

function forget(cache: unknown, isIdle: (key: string) => boolean): void {
  for (const key of Object.keys(asRecord(cache))) {
    if (isIdle(key)) delete (cache as Record<string, unknown>)[key]
  }
}
