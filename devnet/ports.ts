import { createServer } from 'node:net'
import { PortInUseError } from '../runtime/http.ts'

/**
 * Checks that all ports are free, before anything is started. Another program can still take one afterwards; then
 * the process that needs it says so.
 *
 * @throws {PortInUseError} naming the first one that is taken
 */
export async function requireFreePorts(
  ports: readonly { readonly port: number; readonly what: string }[],
  host: string,
): Promise<void> {
  const free = await Promise.all(ports.map(({ port }) => isFree(port, host)))
  const taken = ports.find((_, index) => free[index] === false)
  if (taken !== undefined) throw new PortInUseError(host, taken.port, taken.what)
}

function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', error => {
      if ('code' in error && (error.code === 'EADDRINUSE' || error.code === 'EACCES')) resolve(false)
      else reject(error)
    })
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
