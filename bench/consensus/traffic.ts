/** Counts what this process writes to TCP sockets. Import it before anything opens one. */
import { subscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'

export interface Traffic {
  readonly bytes: number
  readonly writes: number
}

/** Counted on every TCP socket from the call on; the pipe to the parent process is none. */
export function countTraffic(): () => Traffic {
  const sockets = new Set<Socket>()
  let closedBytes = 0
  let writes = 0
  const watch = (message: unknown): void => {
    const { socket } = message as { socket: Socket }
    sockets.add(socket)
    const write = socket.write
    socket.write = ((...args: Parameters<Socket['write']>) => {
      writes += 1
      return write.apply(socket, args)
    }) as Socket['write']
    socket.once('close', () => {
      sockets.delete(socket)
      closedBytes += socket.bytesWritten
    })
  }
  subscribe('net.client.socket', watch)
  subscribe('net.server.socket', watch)
  return () => ({
    bytes: [...sockets].reduce((sum, socket) => sum + socket.bytesWritten, closedBytes),
    writes,
  })
}
