import { DecodeError } from '../../protocol/bytes.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import { createDeadline, type Deadline } from './deadline.ts'
import { encodeFrame, FrameError, type PeerStream, readFrame } from './frame.ts'
import type { EventCounter } from './peer-events.ts'
import type { PeerKey } from './peer-key.ts'
import type { RequestHandler, RequestLimits } from './peer-network.ts'
import { RequestRefused } from './peer-request-error.ts'
import { RateBudget } from './rate-budget.ts'
import { REPLY, type ReplyStatus } from './reply.ts'

/** A member's node asks another one a few times a round; a round is 200 ms or more. */
const REQUESTS_PER_SEC = 100
/** Refused requests cost little; a peer that sends as many as this many seconds' worth of them is not busy but hostile. */
const DEBT_SEC = 10

export interface RequestServerDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly events: EventCounter
  /** A peer asks so much more than it may that it has to be cut off. */
  readonly flooded: (peer: PeerKey) => void
}

/**
 * Answers the streams of one protocol, in this order: the peer's budget, room for it, size, the whole request, the handler, all
 * within one deadline.
 */
export class RequestServer {
  readonly #protocol: string
  readonly #limits: RequestLimits
  readonly #handler: RequestHandler
  readonly #deps: RequestServerDeps
  /** As many entries as peers with a request open. */
  readonly #inFlight = new Map<PeerKey, number>()
  readonly #budget: RateBudget

  constructor(protocol: string, limits: RequestLimits, handler: RequestHandler, deps: RequestServerDeps) {
    this.#protocol = protocol
    this.#limits = limits
    this.#handler = handler
    this.#deps = deps
    const perSec = limits.maxPerSec ?? REQUESTS_PER_SEC
    this.#budget = new RateBudget({ perSec, burst: 2 * perSec, maxDebt: DEBT_SEC * perSec })
  }

  /** libp2p resets streams above this. Twice our own limit, so that a refusal can still be said in words. */
  get maxStreamsPerPeer(): number {
    return 2 * this.#limits.maxInFlightPerPeer + 8
  }

  /** Resolves when the stream is done with. Never rejects. */
  async serve(stream: PeerStream, from: PeerKey, lifetime: AbortSignal): Promise<void> {
    const deadline = createDeadline(this.#deps.clock, this.#limits.timeoutMs, [lifetime])
    const onClose = (event: { error?: Error }): void => {
      // A graceful close is both sides having said everything; only a broken stream means nobody waits any more.
      if (event.error !== undefined) deadline.cancel(event.error)
    }
    stream.addEventListener('close', onClose)
    const admitted = this.#mayAsk(from) && this.#enter(from)
    try {
      if (admitted) await this.#answer(stream, from, deadline)
      else await this.#refuse(stream, deadline)
    } catch (error) {
      this.#deps.events.add('REQUEST_BROKEN')
      stream.abort(error instanceof Error ? error : new Error('request failed'))
    } finally {
      stream.removeEventListener('close', onClose)
      deadline.release()
      if (admitted) this.#leave(from)
    }
  }

  /**
   * Says so after the request has begun to arrive, and takes in none of it. Earlier the other side may still be
   * negotiating the protocol, and libp2p loses a reply that comes with the end of the stream then.
   */
  async #refuse(stream: PeerStream, deadline: Deadline): Promise<void> {
    this.#deps.events.add('REQUEST_REFUSED')
    await readFrame(stream, 0, deadline.signal).catch((error: unknown) => {
      if (!(error instanceof FrameError && error.code === 'TOO_LARGE')) throw error
    })
    await reply(stream, REPLY.REFUSED)
  }

  async #answer(stream: PeerStream, from: PeerKey, deadline: Deadline): Promise<void> {
    let body: Uint8Array
    try {
      const request = await readFrame(stream, this.#limits.maxRequestBytes, deadline.signal)
      body = await unlessAborted(this.#handler(request, from, deadline.signal), deadline.signal)
    } catch (error) {
      if (deadline.signal.aborted && !deadline.expired) throw error
      const status = this.#statusOf(error, deadline.expired)
      this.#deps.events.add('REQUEST_REFUSED')
      await reply(stream, status)
      return
    }
    await reply(stream, REPLY.OK, body)
    this.#deps.events.add('REQUEST_SERVED')
  }

  #statusOf(error: unknown, expired: boolean): ReplyStatus {
    if (expired) return REPLY.TIMEOUT
    if (!(error instanceof FrameError)) {
      const expected = error instanceof RequestRefused || error instanceof DecodeError
      const fields = { protocol: this.#protocol, error }
      if (expected) this.#deps.logger.debug('a request was refused', fields)
      else this.#deps.logger.warn('a request handler failed', fields)
      return REPLY.REFUSED
    }
    if (error.code === 'TOO_LARGE') return REPLY.TOO_LARGE
    if (error.code === 'MALFORMED') return REPLY.REFUSED
    throw error
  }

  #mayAsk(from: PeerKey): boolean {
    const answer = this.#budget.spend(from, this.#deps.clock.monotonic())
    if (answer === 'within') return true
    this.#deps.events.add('REQUEST_OVER_BUDGET')
    if (answer === 'flood') this.#deps.flooded(from)
    return false
  }

  #enter(from: PeerKey): boolean {
    const inFlight = this.#inFlight.get(from) ?? 0
    if (inFlight >= this.#limits.maxInFlightPerPeer) return false
    this.#inFlight.set(from, inFlight + 1)
    return true
  }

  #leave(from: PeerKey): void {
    const left = (this.#inFlight.get(from) ?? 1) - 1
    if (left > 0) this.#inFlight.set(from, left)
    else this.#inFlight.delete(from)
  }
}

async function reply(stream: PeerStream, status: ReplyStatus, ...body: readonly Uint8Array[]): Promise<void> {
  stream.send(encodeFrame(Uint8Array.of(status), ...body))
  await stream.close()
}

/** A handler that does not listen to its signal must not hold the stream. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
    if (signal.aborted) onAbort()
  })
}
