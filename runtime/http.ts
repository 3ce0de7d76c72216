import cors from '@fastify/cors'
import fastify, { type FastifyInstance } from 'fastify'
import type { Logger } from './logger.ts'
import type { Metrics } from './metrics.ts'
import type { Service } from './service.ts'

/** What GET /health answers: 200 when healthy, else 503. `details` must be small and hold nothing secret. */
export interface Health {
  readonly healthy: boolean
  readonly details: Readonly<Record<string, unknown>>
}

export interface HttpServerOptions {
  readonly name: string
  readonly host: string
  /** 0 takes a free port. */
  readonly port: number
  /** Lets pages of other origins read: for public data only. */
  readonly cors: boolean
  /** Adds routes before the server listens. */
  readonly routes?: (app: FastifyInstance) => void | Promise<void>
  readonly health: () => Health
  /** Largest request body, in bytes. */
  readonly bodyLimitBytes?: number
}

export interface HttpServer extends Service {
  /** The port it listens on, once started. */
  readonly port: number
  readonly url: string
}

export class PortInUseError extends Error {
  readonly code = 'PORT_IN_USE'
  readonly host: string
  readonly port: number
  constructor(host: string, port: number, what: string) {
    super(
      `port ${port} on ${host} is already in use, but the ${what} needs it: stop what uses it, or choose another port`,
    )
    this.name = 'PortInUseError'
    this.host = host
    this.port = port
  }
}

/** Requests of this protocol are small; whoever needs more says so. */
const DEFAULT_BODY_LIMIT_BYTES = 64 * 1024
/** A client that sends its request slower than this holds a socket for nothing. */
const REQUEST_TIMEOUT_MS = 10_000

/** An HTTP server with `/health`, `/metrics` and the routes of its owner. Bodies of bigint become decimal strings. */
export function createHttpServer(
  options: HttpServerOptions,
  deps: { readonly logger: Logger; readonly metrics: Metrics },
): HttpServer {
  let app: FastifyInstance | undefined
  let port = options.port

  const build = async (): Promise<FastifyInstance> => {
    const server = fastify({
      logger: false,
      bodyLimit: options.bodyLimitBytes ?? DEFAULT_BODY_LIMIT_BYTES,
      requestTimeout: REQUEST_TIMEOUT_MS,
      // Open streams must not keep a stopping process alive.
      forceCloseConnections: true,
    })
    server.setReplySerializer(payload =>
      JSON.stringify(payload, (_key, value: unknown) =>
        typeof value === 'bigint' ? value.toString() : value,
      ),
    )
    if (options.cors) await server.register(cors, { origin: '*' })
    server.get('/health', async (_request, reply) => {
      const { healthy, details } = options.health()
      return reply.code(healthy ? 200 : 503).send({ healthy, ...details })
    })
    server.get('/metrics', async (_request, reply) =>
      reply.type(deps.metrics.contentType).send(await deps.metrics.render()),
    )
    await options.routes?.(server)
    return server
  }

  return {
    name: `${options.name} http`,
    get port() {
      return port
    },
    get url() {
      return `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`
    },
    start: async () => {
      app = await build()
      try {
        await app.listen({ host: options.host, port: options.port })
      } catch (error) {
        if (isCode(error, 'EADDRINUSE')) throw new PortInUseError(options.host, options.port, options.name)
        throw error
      }
      const address = app.server.address()
      if (address !== null && typeof address === 'object') port = address.port
      deps.logger.info('listening', { host: options.host, port })
    },
    stop: async () => {
      await app?.close()
      app = undefined
    },
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
