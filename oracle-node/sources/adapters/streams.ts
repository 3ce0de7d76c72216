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

/** Answers to pings, which may be as long as those, that wait for a venue that does not read. */
export const MAX_UNSENT_BYTES = 1_000_000

export interface Streams {
  /** SHA-256 of the frame that is being parsed, if one is and hashes are wanted. */
  frame(): Uint8Array | undefined
  /** How many frames have come, on all connections. */
  count(): number
  /** Why there is nothing more to wait for; undefined while there is. ccxt would dial again, and tell nobody. */
  lost(): Error | undefined
  /** Every connection that was ever made: ccxt forgets those that failed, open or not. */
  readonly clients: ReadonlySet<StreamClient>
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

  const clients = new Set<StreamClient>()
  /** All connections with the first: an exchange is made anew as a whole, and nobody would listen to the others. */
  const end = (error: Error): void => {
    if (lost !== undefined) return
    lost = error
    for (const client of clients) cut(client, error)
  }

  // Of any market that a stream names ccxt would ask the book over REST, and forget the open connection where that fails.
  adapter.loadOrderBook = async () => {}

  const clientOf = adapter.client.bind(adapter)
  adapter.client = url => {
    // Whoever was about to dial when the others ended.
    if (lost !== undefined) throw lost
    const client = clientOf(url)
    if (clients.has(client)) return client
    clients.add(client)
    catchLostSends(client)
    noteEnds(client, end)
    const spend = (bytes: number, parseMs: number): void => {
      const spent = allowance.spend({ frames: 1, bytes, parseMs })
      if (spent !== undefined) end(new adapterErrors.BadResponse(`too many ${spent}`))
      else if ((client.connection?.bufferedAmount ?? 0) > MAX_UNSENT_BYTES)
        end(new adapterErrors.BadResponse('the venue does not read what it is sent'))
    }
    // Without a hash it is for everybody who waits.
    const reject = client.reject.bind(client)
    client.reject = (error, hash) => {
      if (hash) return reject(error, hash)
      if (isRefusal(error)) end(error)
      // What is told while a message is read is about that message, unless it refuses us.
      else if (data !== undefined && lost === undefined) return options.onUnreadable()
      return reject(error)
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
        const text = isZipped ? unzip(event.data, end) : event.data
        bytes = lengthOf(text)
        if (text !== undefined) onMessage({ data: text })
        sweep(bytes)
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
      if (isRefusal(error)) throw error
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
    clients,
  }
}

/** What ends a stream: the venue wants nothing more of us. Everything else that is thrown is about one message. */
const REFUSALS = [
  adapterErrors.AuthenticationError,
  adapterErrors.NetworkError,
  adapterErrors.RestrictedLocation,
]

function isRefusal(error: unknown): error is Error {
  return REFUSALS.some(refusal => error instanceof refusal)
}

function noteEnds(client: StreamClient, note: (error: Error) => void): void {
  const onError = client.onError.bind(client)
  client.onError = error => {
    onError(error)
    // What ws reports is an event; ccxt makes an error of it.
    note(client.error ?? error)
  }
  const onClose = client.onClose.bind(client)
  client.onClose = event => {
    // By us, with all others.
    if (!(client.error instanceof adapterErrors.ExchangeClosedByUser))
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
function unzip(data: unknown, end: (error: Error) => void): string | undefined {
  if (typeof data === 'string') return data
  if (!(data instanceof Uint8Array)) return undefined
  try {
    return gunzipSync(data, { maxOutputLength: MAX_FRAME_BYTES }).toString('utf8')
  } catch (error) {
    if (error instanceof RangeError) end(new adapterErrors.NetworkError(error.message))
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
