/** What ccxt's WebSocket clients must not do to us: grow, stall everybody, or end the process. */
import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import type { Clock } from '../../../runtime/clock.ts'
import type { Adapter, StreamClient } from './adapter.ts'
import { Allowance } from './allowance.ts'
import { blankLongNumbers } from './bounded-answer.ts'
import { adapterErrors } from './ccxt.ts'
import { boundCaches } from './stream-caches.ts'

/** A ticker or one-level book is below a kilobyte; the longest that is asked for, Bitstamp's book, about ten. */
export const MAX_FRAME_BYTES = 256_000

export interface Streams {
  /** SHA-256 of the frame that is being parsed, if one is and hashes are wanted. */
  frame(): Uint8Array | undefined
  /** How many frames have come, on all connections. */
  count(): number
  /** Why there is nothing more to wait for; undefined while there is. ccxt would dial again, and tell nobody. */
  lost(): Error | undefined
}

export interface StreamOptions {
  readonly hashFrames: boolean
  readonly clock: Pick<Clock, 'monotonic'>
  /** Told of each message that the adapter could not read. */
  readonly onUnreadable: () => void
}

/** Wraps every client that the adapter makes. */
export function guardStreams(adapter: Adapter, options: StreamOptions): Streams {
  const { clock } = options
  let data: unknown
  let hash: Uint8Array | undefined
  let frames = 0
  let lost: Error | undefined
  const sweep = boundCaches(adapter)
  const allowance = new Allowance(clock)

  const clientOf = adapter.client.bind(adapter)
  const guarded = new WeakSet<StreamClient>()
  adapter.client = url => {
    const client = clientOf(url)
    if (guarded.has(client)) return client
    guarded.add(client)
    catchLostSends(client)
    noteEnds(client, error => {
      lost ??= error
    })
    const spend = (bytes: number, parseMs: number): void => {
      const spent = allowance.spend({ frames: 1, bytes, parseMs })
      if (spent !== undefined && lost === undefined)
        cut(client, new adapterErrors.BadResponse(`too many ${spent}`))
    }
    // ccxt would inflate without a bound, while nothing else runs.
    const isZipped = client.gunzip
    client.gunzip = false
    const onMessage = client.onMessage.bind(client)
    client.onMessage = event => {
      // What came before the connection was cut is still delivered.
      if (lost !== undefined) return
      const startedMs = clock.monotonic()
      data = event.data
      hash = undefined
      frames += 1
      let bytes = 0
      try {
        const text = isZipped ? unzip(event.data, client) : event.data
        bytes = lengthOf(text)
        if (text !== undefined) onMessage({ data: text })
        sweep(client, bytes)
      } finally {
        data = undefined
        spend(bytes, clock.monotonic() - startedMs)
      }
    }
    for (const name of ['onPing', 'onPong'] as const) {
      const handle = client[name].bind(client)
      client[name] = () => {
        handle()
        spend(0, 0)
      }
    }
    return client
  }

  const handleMessage = adapter.handleMessage.bind(adapter)
  adapter.handleMessage = (client, message) => {
    try {
      blankLongNumbers(message)
      handleMessage(client, message)
    } catch (error) {
      if (REFUSALS.some(refusal => error instanceof refusal)) throw error
      // What the parser chokes on costs that frame and no other pair.
      options.onUnreadable()
    }
  }

  return {
    frame: () => {
      if (!options.hashFrames || data === undefined) return undefined
      hash ??= sha256(data)
      return hash
    },
    count: () => frames,
    lost: () => lost,
  }
}

/** What ends a stream: the venue wants nothing more of us. Everything else that is thrown is about one message. */
const REFUSALS = [
  adapterErrors.AuthenticationError,
  adapterErrors.NetworkError,
  adapterErrors.RestrictedLocation,
]

function noteEnds(client: StreamClient, note: (error: Error) => void): void {
  const onError = client.onError.bind(client)
  client.onError = error => {
    onError(error)
    // What ws reports is an event; ccxt makes an error of it.
    note(client.error ?? error)
  }
  const onClose = client.onClose.bind(client)
  client.onClose = event => {
    note(new adapterErrors.NetworkError('the venue has closed the connection'))
    onClose(event)
  }
}

/** Ends a connection at once: it need not answer our close frame, and ccxt has forgotten it by then. */
function cut(client: StreamClient, error: Error): void {
  client.onError(error)
  client.close()
  client.connection?.terminate?.()
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
    if (error instanceof RangeError) cut(client, error)
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
