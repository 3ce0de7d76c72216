import type { PeerKey } from './peer-key.ts'

/**
 * - `NOT_CONNECTED`: there is no connection to the peer; nothing was sent.
 * - `TIMEOUT`: no complete reply in time, on either side's clock. The peer may have acted on the request.
 * - `TOO_LARGE`: the request is over the peer's limit, or the reply over ours.
 * - `REFUSED`: the peer does not serve this protocol, is serving too many requests of ours, or its handler failed.
 * - `CLOSED`: the stream broke, the caller cancelled, or this network is stopping. The peer may have acted on it.
 */
export type PeerRequestCode = 'NOT_CONNECTED' | 'TIMEOUT' | 'TOO_LARGE' | 'REFUSED' | 'CLOSED'

const MEANING: Record<PeerRequestCode, string> = {
  NOT_CONNECTED: 'is not connected',
  TIMEOUT: 'did not answer in time',
  TOO_LARGE: 'request or reply is over the size limit',
  REFUSED: 'refused the request',
  CLOSED: 'request ended without an answer',
}

export class PeerRequestError extends Error {
  readonly code: PeerRequestCode
  readonly peer: PeerKey
  readonly protocol: string
  /** Whether the same request can succeed later. */
  readonly retryable: boolean

  constructor(code: PeerRequestCode, peer: PeerKey, protocol: string, cause?: unknown) {
    super(`peer ${peer} ${protocol}: ${MEANING[code]}`, cause === undefined ? {} : { cause })
    this.name = 'PeerRequestError'
    this.code = code
    this.peer = peer
    this.protocol = protocol
    this.retryable = code !== 'TOO_LARGE'
  }
}

/**
 * Thrown by a handler that says no on purpose: not yet, not to you, not this. The asker gets `REFUSED`; nobody is
 * woken up for it.
 */
export class RequestRefused extends Error {
  constructor(reason: string) {
    super(reason)
    this.name = 'RequestRefused'
  }
}
