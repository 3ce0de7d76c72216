/** What is known of the REST answers of one call, which ccxt keeps to itself, and bounds for them. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { createHash } from 'node:crypto'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import type { Clock } from '../../../runtime/clock.ts'
import { DeadlineError } from '../deadline.ts'
import type { Adapter, RestBody, RestResponse } from './adapter.ts'
import { blankLongNumbers, refuseLongLists } from './bounded-answer.ts'
import { TooLargeError } from './errors.ts'

/**
 * All bodies of one call together. The longest market list is Binance's: some 1,500 markets of 3 kB each, of those that
 * are traded and without permission sets (a parameter of its documentation); others have up to 3,000 markets of a few
 * hundred bytes. A ticker is below a kilobyte.
 */
export const MAX_MARKETS_BYTES = 12_000_000
export const MAX_TICKER_BYTES = 1_000_000

/** A market list may take longer on its way than a ticker. */
export const MARKETS_BODY_MS = 15_000

/** One call of ours, which may be several of the adapter's; what the last answer said. */
export interface RestCall {
  readonly maxBytes: number
  /** Bound of each body; absent: as of everything else. */
  readonly bodyMs?: number
  /** What its answers have had so far. */
  readBytes?: number
  status?: number
  /** `Retry-After`, when there was one. */
  retryAfterMs?: number
  /** `Date`: the venue's clock, to a second. */
  dateMs?: number
  /** From the request's first byte to the answer's last, without the wait for the venue's rate limit. */
  wireMs?: number
  sentAtMs?: number
  /** SHA-256 of the body, without its content encoding. */
  frame?: Uint8Array
}

export interface RestCalls {
  /** Runs `work` so that its answers are written down in `call`. */
  within<T>(call: RestCall, work: () => Promise<T>): Promise<T>
  current(): RestCall | undefined
  /** Ends the bodies that are still being read. */
  abort(): void
}

export interface RestCallOptions {
  readonly timeoutMs: number
  readonly hashFrames: boolean
  readonly clock: Pick<Clock, 'now' | 'sleep'>
}

export function observeRestCalls(adapter: Adapter, options: RestCallOptions): RestCalls {
  const { clock } = options
  const storage = new AsyncLocalStorage<RestCall>()
  const reading = new Set<RestBody>()

  const fetch = adapter.fetch.bind(adapter)
  adapter.fetch = async (url, ...rest) => {
    const call = storage.getStore()
    if (call === undefined) return fetch(url, ...rest)
    call.sentAtMs = clock.now()
    try {
      return await fetch(url, ...rest)
    } finally {
      call.wireMs = clock.now() - call.sentAtMs
    }
  }

  // ccxt reads whatever comes for as long as it comes.
  adapter.undiciBody = async (response, binary) => {
    const call = storage.getStore()
    if (call !== undefined) noteHeaders(call, response, clock.now())
    reading.add(response.body)
    const over = new AbortController()
    const { bodyMs = options.timeoutMs } = call ?? {}
    void clock
      .sleep(bodyMs, over.signal)
      .then(() => response.body.destroy(new DeadlineError(bodyMs)))
      .catch(() => {})
    try {
      const bytes = await readAll(response, call ?? { maxBytes: MAX_TICKER_BYTES })
      if (call !== undefined && options.hashFrames) call.frame = createHash('sha256').update(bytes).digest()
      return binary === true ? bytes : bytes.toString('utf8')
    } finally {
      over.abort()
      reading.delete(response.body)
    }
  }

  const parseJson = adapter.parseJson.bind(adapter)
  adapter.parseJson = text => {
    const answer = parseJson(text)
    refuseLongLists(answer)
    blankLongNumbers(answer)
    return answer
  }

  return {
    within: (call, work) => storage.run(call, work),
    current: () => storage.getStore(),
    abort: () => {
      for (const body of reading) body.destroy(new Error('the exchange is closed'))
    },
  }
}

const DECODERS: Readonly<Record<string, () => NodeJS.ReadWriteStream & { destroy(): unknown }>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  br: createBrotliDecompress,
  deflate: createInflate,
}

/** Counts as it reads: bodies of one call may come side by side. */
async function readAll({ headers, body }: RestResponse, call: RestCall): Promise<Buffer> {
  const encoding = headers['content-encoding']
  const decoder = typeof encoding === 'string' ? DECODERS[encoding]?.() : undefined
  const stream = body as unknown as NodeJS.ReadableStream
  if (decoder !== undefined) {
    stream.on('error', error => decoder.emit('error', error))
    stream.pipe(decoder)
  }
  const chunks: Buffer[] = []
  try {
    for await (const chunk of decoder ?? stream) {
      const bytes = Buffer.from(chunk)
      call.readBytes = (call.readBytes ?? 0) + bytes.length
      if (call.readBytes > call.maxBytes) throw new TooLargeError('an answer', call.maxBytes)
      chunks.push(bytes)
    }
  } catch (error) {
    body.destroy()
    decoder?.destroy()
    throw error
  }
  return Buffer.concat(chunks)
}

function noteHeaders(call: RestCall, { statusCode, headers }: RestResponse, nowMs: number): void {
  call.status = statusCode
  const dateMs = Date.parse(String(headers['date']))
  if (Number.isFinite(dateMs)) call.dateMs = dateMs
  const retryAfterMs = parseRetryAfter(headers['retry-after'], nowMs)
  if (retryAfterMs !== undefined) call.retryAfterMs = retryAfterMs
}

/** Seconds or a date (RFC 9110, 10.2.3), as milliseconds from now. */
export function parseRetryAfter(header: string | string[] | undefined, nowMs: number): number | undefined {
  if (typeof header !== 'string') return undefined
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1_000
  const atMs = Date.parse(header)
  return Number.isFinite(atMs) ? Math.max(0, atMs - nowMs) : undefined
}
