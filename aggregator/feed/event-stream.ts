/** Server-Sent Events to any number of readers, none of which can slow the others or fill the memory. */
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Logger } from '../../runtime/logger.ts'

/** More readers than a feed of one network has; one more is told to come back. */
const MAX_READERS = 256
/** A reader this far behind is cut off: it reconnects and asks for what it missed. */
const MAX_BUFFERED_BYTES = 256 * 1024
/** Proxies close connections that say nothing for a minute. */
const KEEP_ALIVE_MS = 15_000

type Raw = FastifyReply['raw']

export class EventStream {
  readonly #readers = new Set<Raw>()
  readonly #logger: Logger
  #keepAlive: NodeJS.Timeout | undefined

  constructor(logger: Logger) {
    this.#logger = logger
  }

  route(app: FastifyInstance, path: string): void {
    app.get(path, (request, reply) => {
      if (this.#readers.size >= MAX_READERS) {
        reply.code(503).header('retry-after', '5').send({ error: 'TOO_MANY_READERS' })
        return
      }
      reply.hijack()
      const { raw } = reply
      raw.writeHead(200, {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'access-control-allow-origin': '*',
        'x-accel-buffering': 'no',
      })
      raw.write(': connected\n\n')
      this.#readers.add(raw)
      request.raw.on('close', () => this.#readers.delete(raw))
    })
  }

  start(): void {
    this.#keepAlive = setInterval(() => this.#write(': alive\n\n'), KEEP_ALIVE_MS)
  }

  stop(): void {
    clearInterval(this.#keepAlive)
    for (const reader of this.#readers) reader.end()
    this.#readers.clear()
  }

  /** Sends one event to everybody. `id` is what a reader names to go on from. */
  send(event: string, id: number, data: unknown): void {
    this.#write(`event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`)
  }

  #write(text: string): void {
    for (const reader of this.#readers) {
      if (reader.writableLength > MAX_BUFFERED_BYTES) {
        this.#logger.debug('a reader of the feed is too slow and is cut off')
        this.#readers.delete(reader)
        reader.destroy()
      } else {
        reader.write(text)
      }
    }
  }
}
