import type { Libp2p } from 'libp2p'
import type { Clock } from '../clock.ts'
import { createDeadline } from './deadline.ts'
import { encodeFrame, FrameError, type PeerStream, readFrame } from './frame.ts'
import type { PeerKey } from './peer-key.ts'
import type { RequestOptions } from './peer-network.ts'
import { type PeerRequestCode, PeerRequestError } from './peer-request-error.ts'
import { REPLY, REPLY_STATUS_BYTES } from './reply.ts'

export type PeerConnection = ReturnType<Libp2p['getConnections']>[number]

/** Against a peer that never closes its side; far above what a node has open towards one peer. */
const MAX_OPEN_PER_PEER = 256

export interface RequestTarget {
  readonly peer: PeerKey
  readonly protocol: string
  readonly connection: PeerConnection
}

/**
 * One stream: the request, then our side is closed, then the reply `uint32 length | status | body`.
 * `lifetime` aborts when the network stops.
 */
export async function sendRequest(
  target: RequestTarget,
  request: Uint8Array,
  options: RequestOptions,
  deps: { readonly clock: Clock; readonly lifetime: AbortSignal },
): Promise<Uint8Array> {
  const parents = options.signal === undefined ? [deps.lifetime] : [deps.lifetime, options.signal]
  const deadline = createDeadline(deps.clock, options.timeoutMs, parents)
  const { signal } = deadline
  let stream: PeerStream | undefined
  try {
    signal.throwIfAborted()
    stream = await target.connection.newStream(target.protocol, {
      signal,
      maxOutboundStreams: MAX_OPEN_PER_PEER,
    })
    const reply = readFrame(stream, REPLY_STATUS_BYTES + options.maxReplyBytes, signal)
    // When sending throws, nobody waits for the reply any more, and its end must not count as unhandled.
    reply.catch(() => {})
    stream.send(encodeFrame(request))
    // Not awaited: a peer that refuses may answer without taking the whole request.
    stream.close({ signal }).catch(() => {})
    return openReply(await reply, target)
  } catch (error) {
    if (stream !== undefined && error instanceof Error) stream.abort(error)
    if (error instanceof PeerRequestError) throw error
    const code = deadline.expired ? 'TIMEOUT' : codeOf(error)
    throw new PeerRequestError(code, target.peer, target.protocol, error)
  } finally {
    deadline.release()
  }
}

function openReply(frame: Uint8Array, target: RequestTarget): Uint8Array {
  const status = frame[0]
  if (status === REPLY.OK) return frame.subarray(REPLY_STATUS_BYTES)
  throw new PeerRequestError(codeOfStatus(status), target.peer, target.protocol)
}

function codeOfStatus(status: number | undefined): PeerRequestCode {
  switch (status) {
    case REPLY.REFUSED:
      return 'REFUSED'
    case REPLY.TOO_LARGE:
      return 'TOO_LARGE'
    case REPLY.TIMEOUT:
      return 'TIMEOUT'
    default:
      return 'CLOSED'
  }
}

function codeOf(error: unknown): PeerRequestCode {
  if (error instanceof FrameError) return error.code === 'TOO_LARGE' ? 'TOO_LARGE' : 'CLOSED'
  // libp2p's own names: its classes come from a package of its own, and names are what it promises.
  const name = error instanceof Error ? error.name : ''
  if (name === 'UnsupportedProtocolError' || name === 'TooManyOutboundProtocolStreamsError') return 'REFUSED'
  return 'CLOSED'
}
