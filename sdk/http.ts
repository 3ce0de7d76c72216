/** One request to a service of the network, with a deadline and a bound on the answer. Nothing but `fetch`. */
import { ProblemError, problemOf } from './problem.ts'

export interface HttpTarget {
  /** Without a slash at the end. */
  readonly url: string
  readonly timeoutMs: number
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST'
  /** From the first slash on. */
  readonly path: string
  readonly body?: Uint8Array<ArrayBufferLike> | string
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
  /** Longest answer that is taken. */
  readonly maxBytes?: number
}

export const OCTETS = 'application/octet-stream'
const DEFAULT_MAX_BYTES = 1024 * 1024

/**
 * The body of a successful answer.
 *
 * @throws {ProblemError} for every other end, but the abort of the caller's own signal, which is passed on
 */
export async function request(target: HttpTarget, options: HttpRequest): Promise<Uint8Array> {
  const { method, path, body, headers = {}, signal } = options
  const timeout = AbortSignal.timeout(target.timeoutMs)
  try {
    const response = await fetch(`${target.url}${path}`, {
      method,
      headers,
      // A service that sends its callers elsewhere is not the one that was configured.
      redirect: 'error',
      ...(body === undefined ? {} : { body: body as NonNullable<RequestInit['body']> }),
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    })
    const bytes = await readBounded(response, options.maxBytes ?? DEFAULT_MAX_BYTES)
    if (!response.ok) throw problemOf(response.status, new TextDecoder().decode(bytes))
    return bytes
  } catch (error) {
    if (error instanceof ProblemError) throw error
    signal?.throwIfAborted()
    if (timeout.aborted)
      throw new ProblemError(`no answer within ${target.timeoutMs} ms`, { code: 'TIMEOUT', status: 0 }, error)
    throw new ProblemError('the service cannot be reached', { code: 'UNREACHABLE', status: 0 }, error)
  }
}

/** The same, as JSON. What the value is remains the caller's to check. @throws {ProblemError} */
export async function requestJson(target: HttpTarget, options: HttpRequest): Promise<unknown> {
  const bytes = await request(target, options)
  return parseAnswer(() => JSON.parse(new TextDecoder().decode(bytes)) as unknown)
}

/** Turns what a parser throws into an error of this client. @throws {ProblemError} */
export function parseAnswer<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    throw new ProblemError(
      'the service answered with something else than it should',
      { code: 'BAD_ANSWER', status: 200 },
      error,
    )
  }
}

async function readBounded(response: Response, maxBytes: number): Promise<Uint8Array> {
  if (response.body === null) return new Uint8Array()
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of response.body) {
    length += part.length
    if (length > maxBytes)
      throw new ProblemError(`the answer is longer than ${maxBytes} bytes`, {
        code: 'BAD_ANSWER',
        status: response.status,
      })
    parts.push(part)
  }
  const out = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    out.set(part, offset)
    offset += part.length
  }
  return out
}
