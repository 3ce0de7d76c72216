/** Reading requests of the relayer's HTTP API. */
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { sendFault } from '../problem.ts'

export const OCTETS = 'application/octet-stream'

/**
 * Registers routes that take binary bodies and answer with problems, apart from other routes of the server.
 *
 * @param maxBytes longest body of any of them
 */
export function binaryRoutes(
  app: FastifyInstance,
  maxBytes: number,
  routes: (scope: FastifyInstance) => void,
): void {
  app.register(async scope => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser(OCTETS, { parseAs: 'buffer', bodyLimit: maxBytes }, (_request, body, done) =>
      done(null, body),
    )
    scope.setErrorHandler((error: Parameters<typeof sendFault>[1], _request, reply) =>
      sendFault(reply, error),
    )
    routes(scope)
  })
}

/** The body of a request that {@link binaryRoutes} parsed; empty when there was none. */
export function bodyOf(body: unknown): Uint8Array {
  return body instanceof Uint8Array ? body : new Uint8Array()
}

const hex = (bytes: number) =>
  z
    .string()
    .regex(new RegExp(`^0x[0-9a-fA-F]{${2 * bytes}}$`), `0x and ${2 * bytes} hexadecimal digits`)
    .transform(text => text.toLowerCase() as `0x${string}`)

export const addressParam = hex(20)
export const hashParam = hex(32)

const windowParams = z.object({
  window: z.coerce
    .number()
    .int()
    .min(0)
    .max(2 ** 32 - 1),
})
const deviceQuery = z.object({ worker: addressParam, device: hashParam })

/** `/v1/windows/:window…?worker=&device=` */
export function readDeviceWindow(
  params: unknown,
  query: unknown,
): { readonly window: number; readonly worker: `0x${string}`; readonly device: `0x${string}` } | string {
  const path = windowParams.safeParse(params)
  if (!path.success) return z.prettifyError(path.error)
  const device = deviceQuery.safeParse(query)
  return device.success ? { ...path.data, ...device.data } : z.prettifyError(device.error)
}
