import type { Clock } from '../../../runtime/clock.ts'
import type { Adapter, StreamClient } from './adapter.ts'

/** By what was ever waited for, which are the pairs that are watched; undefined where the last update was read. */
type Unread = Map<string, { readonly result: unknown } | undefined>

/**
 * Keeps the last update that came while nobody waited, for whoever asks next while the stream lasts: ccxt drops it. Of
 * two frames in one TCP segment it would always be the second, for both are parsed before anybody can ask again.
 * Tickers are stamped when they are parsed, since they may be read later.
 */
export function keepUnread(adapter: Adapter, clock: Pick<Clock, 'now'>): void {
  const unreadOf = new WeakMap<StreamClient, Unread>()
  const clientOf = adapter.client.bind(adapter)
  adapter.client = url => {
    const client = clientOf(url)
    if (!unreadOf.has(client)) unreadOf.set(client, keepLast(client))
    return client
  }
  // Some parsers look for who waits at the moment before they tell anybody.
  adapter.findMessageHashes = (client, part) =>
    [...(unreadOf.get(client)?.keys() ?? [])].filter(hash => hash.includes(part))
  const safeTicker = adapter.safeTicker.bind(adapter)
  adapter.safeTicker = (ticker, market) => ({ ...safeTicker(ticker, market), receivedAtMs: clock.now() })
}

function keepLast(client: StreamClient): Unread {
  const unread: Unread = new Map()
  const future = client.future.bind(client)
  const resolve = client.resolve.bind(client)
  client.future = hash => {
    const waiting = future(hash)
    const last = unread.get(hash)
    unread.set(hash, undefined)
    if (last !== undefined) resolve(last.result, hash)
    return waiting
  }
  client.resolve = (result, hash) => {
    if (unread.has(hash)) unread.set(hash, hash in client.futures ? undefined : { result })
    return resolve(result, hash)
  }
  return unread
}
