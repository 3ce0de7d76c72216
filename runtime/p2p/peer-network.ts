import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import type { Service } from '../service.ts'
import { Libp2pNetwork } from './libp2p-network.ts'
import type { PeerEvent } from './peer-events.ts'
import type { PeerKey } from './peer-key.ts'

export type { PeerEvent } from './peer-events.ts'
export { PEER_EVENTS } from './peer-events.ts'
export type { PeerKey } from './peer-key.ts'
export { type PeerRequestCode, PeerRequestError, RequestRefused } from './peer-request-error.ts'

/**
 * What a gossip validator says of a message. `accept`: deliver and forward. `ignore`: drop, nobody is to blame (late,
 * unknown, views differ). `reject`: drop, and the peer that sent it to us gets a strike.
 */
export type Verdict = 'accept' | 'ignore' | 'reject'

export interface PeerNetworkOptions {
  /** 32-byte Ed25519 seed of this peer's key. */
  readonly seed: Uint8Array
  /** Multiaddrs to listen on, e.g. `/ip4/0.0.0.0/tcp/4610`. Port 0 picks a free one. */
  readonly listen: readonly string[]
  /** Multiaddrs ending in `/p2p/…`. Dialled in parallel, and again with backoff while not connected. */
  readonly bootstrap: readonly string[]
  /** Keys that may be connected, in and out. Read at each connection and every second. */
  readonly allowed: () => ReadonlySet<PeerKey>
  /** True for a devnet or a test with all peers on one IP: lifts the limits that count peers per IP. */
  readonly loopback: boolean
}

export interface RequestLimits {
  readonly maxRequestBytes: number
  /** Requests of one peer being read or answered at once; one more is refused. */
  readonly maxInFlightPerPeer: number
  /**
   * Requests of one peer a second, on average; twice as many at once. Who goes on long after that is cut off.
   * 100 unless told.
   */
  readonly maxPerSec?: number
  /** From the opened stream to the written reply. */
  readonly timeoutMs: number
}

export interface RequestOptions {
  /** From the call to the last byte of the reply. */
  readonly timeoutMs: number
  readonly maxReplyBytes: number
  readonly signal?: AbortSignal
}

export type RequestHandler = (request: Uint8Array, from: PeerKey, signal: AbortSignal) => Promise<Uint8Array>

/**
 * Authenticated connections to the peers that the registry lists: gossip by topic, and requests with one reply.
 * `from` is always the peer at the other end of the connection. For gossip that is whoever forwarded the message:
 * penalties go by it, and the payload's own signature names the author.
 */
export interface PeerNetwork extends Service {
  readonly self: PeerKey
  /** Where this peer listens, each ending in `/p2p/…`; empty while not started. */
  addresses(): string[]
  connected(): PeerKey[]
  /**
   * Serves a protocol (one handler each), before or after `start`. `signal` aborts at the deadline, when the peer
   * hangs up and when the network stops. A handler that throws is answered with REFUSED.
   */
  handle(protocol: string, limits: RequestLimits, handler: RequestHandler): void
  /** One request, one reply. Throws {@link PeerRequestError}, nothing else. */
  request(to: PeerKey, protocol: string, request: Uint8Array, options: RequestOptions): Promise<Uint8Array>
  /**
   * Joins a topic (once each), before or after `start`. `validate` runs before a message is forwarded and must be
   * quick; `receive` gets what it accepted. Messages over `maxBytes` are rejected unseen. Own messages do not come back.
   */
  subscribe(
    topic: string,
    maxBytes: number,
    validate: (data: Uint8Array, from: PeerKey) => Verdict,
    receive: (data: Uint8Array, from: PeerKey) => void,
  ): void
  /**
   * Sends to all connected subscribers. The same bytes go out once. Resolves also when nobody is connected: delivery
   * is never promised, whoever misses something asks for it.
   */
  publish(topic: string, data: Uint8Array): Promise<void>
  /** How often each thing happened since the process began. */
  counts(): Readonly<Record<PeerEvent, number>>
  /** How many gossip messages of each peer were rejected since it was first heard of; peers without any are left out. */
  rejects(): ReadonlyMap<PeerKey, number>
  /** What gossipsub thinks of each connected peer (see score.ts); of no use among direct peers. */
  scores(): ReadonlyMap<PeerKey, number>
}

export interface PeerNetworkDeps {
  readonly clock: Clock
  readonly logger: Logger
  /** Told of each event as it happens: see peer-metrics.ts. */
  readonly count?: (event: PeerEvent) => void
}

/** A peer network over libp2p: TCP, Noise, Yamux, gossipsub. Does nothing before `start`, which may be called again after `stop`. */
export function createPeerNetwork(options: PeerNetworkOptions, deps: PeerNetworkDeps): PeerNetwork {
  return new Libp2pNetwork(options, deps)
}
