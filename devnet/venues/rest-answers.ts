import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../runtime/clock.ts'

/** Between two bytes of a slow body: an answer of any length takes longer than anybody waits. */
const TRICKLE_MS = 200

export function answer(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}

/** The head at once, the body byte by byte until the client leaves. */
export async function trickle(
  response: ServerResponse,
  status: number,
  body: unknown,
  clock: Pick<Clock, 'sleep'>,
): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(body))
  const gone = new AbortController()
  void once(response, 'close').then(() => gone.abort(new Error('the client left')))
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length })
  for (const byte of bytes) {
    response.write(Uint8Array.of(byte))
    await clock.sleep(TRICKLE_MS, gone.signal)
  }
  response.end()
}

/** @throws {Error} when it is longer than `maxBytes` */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk)
    size += bytes.length
    if (size > maxBytes) throw new Error('the body is too long')
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString()
}
