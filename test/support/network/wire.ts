/** Direct requests between peers in one process: what PeerNetwork promises, without sockets. */
import type { PeerKey } from '../../../protocol/membership.ts'
import {
  type PeerNetwork,
  PeerRequestError,
  type RequestHandler,
  type RequestOptions,
} from '../../../runtime/p2p/peer-network.ts'

export type WirePeer = Pick<PeerNetwork, 'handle' | 'request' | 'connected'>

/** What stands between asker and handler: by default nothing. */
export type Tamper = (
  protocol: string,
  request: Uint8Array,
  answer: () => Promise<Uint8Array>,
  from: PeerKey,
) => Promise<Uint8Array>

export class Wire {
  readonly #handlers = new Map<string, RequestHandler>()
  readonly #peers = new Set<PeerKey>()
  readonly #tampers = new Map<PeerKey, Tamper>()

  peer(self: PeerKey): WirePeer {
    this.#peers.add(self)
    return {
      handle: (protocol, _limits, handler) => {
        this.#handlers.set(`${self} ${protocol}`, handler)
      },
      connected: () => [...this.#peers].filter(peer => peer !== self),
      request: (to, protocol, request, options) =>
        within(options, to, protocol, this.#request(self, to, protocol, request)),
    }
  }

  /** Lets `peer` answer otherwise than its handlers would. */
  tamper(peer: PeerKey, tamper: Tamper): void {
    this.#tampers.set(peer, tamper)
  }

  disconnect(peer: PeerKey): void {
    this.#peers.delete(peer)
  }

  async #request(from: PeerKey, to: PeerKey, protocol: string, request: Uint8Array): Promise<Uint8Array> {
    const handler = this.#handlers.get(`${to} ${protocol}`)
    if (handler === undefined || !this.#peers.has(to))
      throw new PeerRequestError('NOT_CONNECTED', to, protocol)
    const answer = () => handler(request, from, new AbortController().signal)
    try {
      const tamper = this.#tampers.get(to)
      return await (tamper === undefined ? answer() : tamper(protocol, request, answer, from))
    } catch (cause) {
      throw new PeerRequestError('REFUSED', to, protocol, cause)
    }
  }
}

/** The reply, or the end of the asker's patience. */
function within(
  { timeoutMs, signal }: RequestOptions,
  to: PeerKey,
  protocol: string,
  reply: Promise<Uint8Array>,
): Promise<Uint8Array> {
  const ended = Promise.withResolvers<Uint8Array>()
  const timer = setTimeout(() => ended.reject(new PeerRequestError('TIMEOUT', to, protocol)), timeoutMs)
  const cancel = (): void => ended.reject(new PeerRequestError('CLOSED', to, protocol, signal?.reason))
  if (signal?.aborted === true) cancel()
  signal?.addEventListener('abort', cancel, { once: true })
  reply.then(ended.resolve, ended.reject)
  return ended.promise.finally(() => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', cancel)
  })
}
