/** What ccxt's WebSocket clients must not do to us: grow, stall everybody, or end the process. */
import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import type { Adapter, StreamClient } from './adapter.ts'
import { adapterErrors } from './ccxt.ts'
import { boundCaches } from './stream-caches.ts'

/** A ticker or one-level book is below a kilobyte; the longest frame that any venue here sends is a tenth of this. */
export const MAX_FRAME_BYTES = 1_000_000

export interface Streams {
  /** SHA-256 of the frame that is being parsed, if one is and hashes are wanted. */
  frame(): Uint8Array | undefined
  /** How many frames have come, on all connections. */
  count(): number
}

/** Wraps every client that the adapter makes. */
export function guardStreams(adapter: Adapter, hashFrames: boolean): Streams {
  let data: unknown
  let hash: Uint8Array | undefined
  let frames = 0
  const sweep = boundCaches(adapter)

  const clientOf = adapter.client.bind(adapter)
  const guarded = new WeakSet<StreamClient>()
  adapter.client = url => {
    const client = clientOf(url)
    if (guarded.has(client)) return client
    guarded.add(client)
    catchLostSends(client)
    // ccxt would inflate without a bound, while nothing else runs.
    const isZipped = client.gunzip
    client.gunzip = false
    const onMessage = client.onMessage.bind(client)
    client.onMessage = event => {
      data = event.data
      hash = undefined
      frames += 1
      try {
        const text = isZipped ? unzip(event.data, client) : event.data
        if (text !== undefined) onMessage({ data: text })
        sweep(client, lengthOf(text))
      } finally {
        data = undefined
      }
    }
    return client
  }

  const handleMessage = adapter.handleMessage.bind(adapter)
  adapter.handleMessage = (client, message) => {
    try {
      handleMessage(client, message)
    } catch (error) {
      // What the venue refuses ends the stream. What the parser chokes on costs that frame and no other pair.
      if (error instanceof adapterErrors.BaseError) throw error
    }
  }

  return {
    frame: () => {
      if (!hashFrames || data === undefined) return undefined
      hash ??= sha256(data)
      return hash
    },
    count: () => frames,
  }
}

function lengthOf(data: unknown): number {
  return typeof data === 'string' || data instanceof Uint8Array ? data.length : 0
}

/** undefined: not a frame of this venue, or one that is too large, which ends the stream. */
function unzip(data: unknown, client: StreamClient): string | undefined {
  if (typeof data === 'string') return data
  if (!(data instanceof Uint8Array)) return undefined
  try {
    return gunzipSync(data, { maxOutputLength: MAX_FRAME_BYTES }).toString('utf8')
  } catch (error) {
    if (error instanceof RangeError) {
      client.onError(error)
      client.close()
      // It need not answer our close frame, and ccxt has forgotten the connection by now.
      client.connection?.terminate?.()
    }
    return undefined
  }
}

function sha256(data: unknown): Uint8Array | undefined {
  return typeof data === 'string' || data instanceof Uint8Array
    ? createHash('sha256').update(data).digest()
    : undefined
}

/**
 * Subscriptions wait for the venue's rate limit. When the socket closes meanwhile, ccxt leaves the failed send to
 * nobody, and an unhandled rejection ends the process. The end of the stream itself says what there is to know.
 */
function catchLostSends(client: StreamClient): void {
  const send = client.send.bind(client)
  client.send = message => {
    const sent = send(message)
    sent.catch(() => {})
    return sent
  }
}
