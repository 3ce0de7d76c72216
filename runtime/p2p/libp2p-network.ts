import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { TopicValidatorResult } from '@libp2p/gossipsub'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p } from 'libp2p'
import { ConductBook } from './conduct.ts'
import { ConnectionTable } from './connection-table.ts'
import { type GossipRouter, MAX_DIRECT_PEERS, routerOf } from './gossip.ts'
import { libp2pOptions, type PeerServices } from './libp2p-options.ts'
import { createEventCounter, type EventCounter, type PeerEvent } from './peer-events.ts'
import { type PeerKey, peerIdOf, peerKeyFromSeed, peerKeyOf, peerKeyOfAddress } from './peer-key.ts'
import type {
  PeerNetwork,
  PeerNetworkDeps,
  PeerNetworkOptions,
  RequestHandler,
  RequestLimits,
  RequestOptions,
  Verdict,
} from './peer-network.ts'
import { PeerRequestError } from './peer-request-error.ts'
import { RedialPlan, type RedialTarget } from './redial.ts'
import { type PeerConnection, sendRequest } from './request-client.ts'
import { RequestServer } from './request-server.ts'
import { TOPIC_SCORE } from './score.ts'

/** How often the plan for dialling and the table of connections are looked at. */
const KEEPER_EVERY_MS = 100
/** Two when peers dial each other at once, one more for a process that died unnoticed; nobody may take all the places. */
const MAX_CONNECTIONS_PER_PEER = 3
/** gossipsub opens its two streams right after a handshake; a connection without them for so long has lost them. */
const GOSSIP_GRACE_MS = 10_000

interface Topic {
  readonly maxBytes: number
  readonly validate: (data: Uint8Array, from: PeerKey) => Verdict
  readonly receive: (data: Uint8Array, from: PeerKey) => void
}

/** What exists between `start` and `stop`. */
interface Running {
  readonly node: Libp2p<PeerServices>
  readonly router: GossipRouter
  readonly plan: RedialPlan
  readonly lifetime: AbortController
  readonly work: Set<Promise<void>>
}

export class PeerListenError extends Error {
  readonly code = 'LISTEN_FAILED'
  constructor(addresses: readonly string[], cause: unknown) {
    super(`cannot listen on ${addresses.join(', ')}: is something else using the port?`, { cause })
    this.name = 'PeerListenError'
  }
}

export class Libp2pNetwork implements PeerNetwork {
  readonly name = 'peer-network'
  readonly self: PeerKey
  readonly #options: PeerNetworkOptions
  readonly #deps: PeerNetworkDeps
  readonly #targets: readonly RedialTarget[]
  readonly #servers = new Map<string, RequestServer>()
  readonly #topics = new Map<string, Topic>()
  readonly #conduct = new ConductBook()
  readonly #connections = new ConnectionTable()
  readonly #events: EventCounter
  #running: Running | undefined
  #stopping: Promise<void> | undefined

  constructor(options: PeerNetworkOptions, deps: PeerNetworkDeps) {
    this.#options = options
    this.#deps = deps
    this.#events = createEventCounter(deps.count)
    this.self = peerKeyFromSeed(options.seed)
    this.#targets = options.bootstrap.map(address => {
      const peer = peerKeyOfAddress(address)
      if (peer === undefined)
        throw new RangeError(`a bootstrap address must end in /p2p/ and an Ed25519 peer id: ${address}`)
      return { peer, address }
    })
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#running !== undefined) throw new Error('the peer network is already running')
    const node = await createLibp2p(
      libp2pOptions({
        privateKey: await generateKeyPairFromSeed('Ed25519', this.#options.seed),
        listen: this.#options.listen,
        loopback: this.#options.loopback,
        denied: peerId => this.#isDenied(peerId),
        deniedInbound: peerId => this.#isCrowding(peerId),
        maxBytesOf: topic => this.#topics.get(topic)?.maxBytes,
        topics: [...this.#topics.keys()],
      }),
    )
    const running: Running = {
      node,
      router: routerOf(node.services.pubsub),
      plan: new RedialPlan(this.self, this.#targets, this.#deps.clock.monotonic()),
      lifetime: new AbortController(),
      work: new Set(),
    }
    this.#running = running
    this.#listenTo(running)
    try {
      for (const [protocol, server] of this.#servers) await this.#serve(running, protocol, server)
      await node.start()
    } catch (error) {
      await this.stop()
      throw new PeerListenError(this.#options.listen, error)
    }
    for (const topic of this.#topics.keys()) this.#join(running, topic)
    this.#track(running, this.#keep(running))
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop().finally(() => {
      this.#stopping = undefined
    })
    return this.#stopping
  }

  async #stop(): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    running.lifetime.abort(new Error('the peer network is stopping'))
    await running.node.stop()
    await Promise.all(running.work)
    this.#connections.clear()
    this.#running = undefined
  }

  addresses(): string[] {
    return this.#running?.node.getMultiaddrs().map(address => address.toString()) ?? []
  }

  connected(): PeerKey[] {
    return this.#connections.peers()
  }

  counts(): Readonly<Record<PeerEvent, number>> {
    return this.#events.counts()
  }

  rejects(): ReadonlyMap<PeerKey, number> {
    return this.#conduct.rejects()
  }

  scores(): ReadonlyMap<PeerKey, number> {
    const score = this.#running?.router.score
    if (score === undefined) return new Map()
    return new Map(this.connected().map(peer => [peer, score.score(peerIdOf(peer))]))
  }

  handle(protocol: string, limits: RequestLimits, handler: RequestHandler): void {
    if (this.#servers.has(protocol)) throw new Error(`${protocol} already has a handler`)
    const { clock, logger } = this.#deps
    const flooded = (peer: PeerKey): void => {
      this.#conduct.ban(peer, clock.monotonic())
      this.#drop(peer, 'BANNED_FOR_FLOOD')
    }
    const deps = { clock, logger, events: this.#events, flooded }
    const server = new RequestServer(protocol, limits, handler, deps)
    this.#servers.set(protocol, server)
    const running = this.#running
    if (running !== undefined) this.#track(running, this.#serve(running, protocol, server))
  }

  async request(
    to: PeerKey,
    protocol: string,
    request: Uint8Array,
    options: RequestOptions,
  ): Promise<Uint8Array> {
    const running = this.#running
    const connection = this.#connections.newest(to)
    if (running === undefined || connection === undefined)
      throw new PeerRequestError('NOT_CONNECTED', to, protocol)
    const deps = { clock: this.#deps.clock, lifetime: running.lifetime.signal }
    return sendRequest({ peer: to, protocol, connection }, request, options, deps)
  }

  subscribe(topic: string, maxBytes: number, validate: Topic['validate'], receive: Topic['receive']): void {
    if (this.#topics.has(topic)) throw new Error(`${topic} is already subscribed`)
    this.#topics.set(topic, { maxBytes, validate, receive })
    if (this.#running?.node.status === 'started') this.#join(this.#running, topic)
  }

  async publish(topic: string, data: Uint8Array): Promise<void> {
    const running = this.#running
    if (running?.node.status !== 'started') return
    try {
      await running.node.services.pubsub.publish(topic, data)
    } catch (error) {
      this.#events.add('PUBLISH_FAILED')
      this.#deps.logger.warn('a gossip message could not be published', { topic, error })
    }
  }

  #listenTo(running: Running): void {
    const { node, router, plan } = running
    node.addEventListener('connection:open', event => this.#opened(event.detail, router))
    node.addEventListener('connection:close', event => this.#closed(event.detail, router, plan))
    node.services.pubsub.addEventListener('gossipsub:message', event => {
      const { msg, propagationSource } = event.detail
      const from = peerKeyOf(propagationSource.toString())
      if (from !== undefined) this.#receive(msg.topic, msg.data, from)
    })
  }

  #opened(connection: PeerConnection, router: GossipRouter): void {
    const peerId = connection.remotePeer.toString()
    const peer = peerKeyOf(peerId)
    if (peer === undefined) {
      connection.abort(new Error('not an Ed25519 peer'))
      return
    }
    if (this.#options.allowed().size <= MAX_DIRECT_PEERS) router.direct.add(peerId)
    if (!this.#connections.add(peer, connection, this.#deps.clock.monotonic())) return
    this.#events.add('CONNECTED')
    this.#deps.logger.debug('peer connected', { peer })
  }

  #closed(connection: PeerConnection, router: GossipRouter, plan: RedialPlan): void {
    const peerId = connection.remotePeer.toString()
    const peer = peerKeyOf(peerId)
    if (peer === undefined || !this.#connections.remove(peer, connection)) return
    const left = this.#connections.of(peer)
    if (left.length > 0) {
      // gossipsub keeps its streams on one of two connections and does not move them: start over with both.
      for (const other of left) other.abort(new Error('the other connection to this peer has closed'))
      return
    }
    router.direct.delete(peerId)
    plan.lost(peer, this.#deps.clock.monotonic())
    this.#events.add('DISCONNECTED')
    this.#deps.logger.debug('peer disconnected', { peer })
  }

  #isDenied(peerId: string): boolean {
    const peer = peerKeyOf(peerId)
    if (peer === undefined || !this.#options.allowed().has(peer)) {
      this.#events.add('DENIED_UNKNOWN')
      return true
    }
    if (this.#conduct.isBanned(peer, this.#deps.clock.monotonic())) {
      this.#events.add('DENIED_BANNED')
      return true
    }
    return false
  }

  #isCrowding(peerId: string): boolean {
    const peer = peerKeyOf(peerId)
    if (peer !== undefined && this.#connections.of(peer).length < MAX_CONNECTIONS_PER_PEER) return false
    this.#events.add('DENIED_TOO_MANY')
    return true
  }

  async #serve(running: Running, protocol: string, server: RequestServer): Promise<void> {
    await running.node.handle(
      protocol,
      (stream, connection) => {
        const from = peerKeyOf(connection.remotePeer.toString())
        if (from === undefined) return
        this.#track(running, server.serve(stream, from, running.lifetime.signal))
      },
      { maxInboundStreams: server.maxStreamsPerPeer },
    )
  }

  #join(running: Running, topic: string): void {
    const { pubsub } = running.node.services
    running.router.score.params.topics[topic] = TOPIC_SCORE
    pubsub.topicValidators.set(topic, (source, message) => {
      const from = peerKeyOf(source.toString())
      return from === undefined ? TopicValidatorResult.Ignore : this.#judge(topic, message.data, from)
    })
    pubsub.subscribe(topic)
  }

  #judge(topic: string, data: Uint8Array, from: PeerKey): TopicValidatorResult {
    const now = this.#deps.clock.monotonic()
    if (this.#conduct.isBanned(from, now)) return TopicValidatorResult.Ignore
    const budget = this.#conduct.spend(from, now)
    if (budget !== 'within') {
      this.#events.add('GOSSIP_OVER_BUDGET')
      if (budget === 'flood') this.#drop(from, 'BANNED_FOR_FLOOD')
      return TopicValidatorResult.Ignore
    }
    switch (this.#verdict(topic, data, from)) {
      case 'accept':
        this.#events.add('GOSSIP_ACCEPTED')
        return TopicValidatorResult.Accept
      case 'ignore':
        this.#events.add('GOSSIP_IGNORED')
        return TopicValidatorResult.Ignore
      case 'reject':
        this.#events.add('GOSSIP_REJECTED')
        if (this.#conduct.strike(from, now)) this.#drop(from, 'BANNED_FOR_REJECTS')
        return TopicValidatorResult.Reject
    }
  }

  #verdict(topic: string, data: Uint8Array, from: PeerKey): Verdict {
    const entry = this.#topics.get(topic)
    if (entry === undefined) return 'ignore'
    if (data.length > entry.maxBytes) return 'reject'
    try {
      return entry.validate(data, from)
    } catch (error) {
      // Our mistake, so nobody gets a strike for it.
      this.#deps.logger.error('a gossip validator failed', { topic, error })
      return 'ignore'
    }
  }

  #receive(topic: string, data: Uint8Array, from: PeerKey): void {
    try {
      this.#topics.get(topic)?.receive(data, from)
    } catch (error) {
      this.#deps.logger.error('a gossip receiver failed', { topic, error })
    }
  }

  #drop(peer: PeerKey, event: PeerEvent): void {
    this.#events.add(event)
    this.#deps.logger.warn('peer dropped', { peer, reason: event })
    // Not from inside gossipsub's own handling of this peer.
    queueMicrotask(() => {
      for (const connection of this.#connections.of(peer)) connection.abort(new Error(event))
    })
  }

  async #keep(running: Running): Promise<void> {
    const { signal } = running.lifetime
    while (!signal.aborted) {
      this.#dialDue(running)
      this.#dropUnfit(running)
      await this.#deps.clock.sleep(KEEPER_EVERY_MS, signal).catch(() => {})
    }
  }

  #dialDue(running: Running): void {
    const now = this.#deps.clock.monotonic()
    const allowed = this.#options.allowed()
    const skip = (peer: PeerKey): boolean =>
      this.#connections.has(peer) || !allowed.has(peer) || this.#conduct.isBanned(peer, now)
    for (const target of running.plan.take(now, skip)) this.#track(running, this.#dial(running, target))
  }

  async #dial(running: Running, target: RedialTarget): Promise<void> {
    try {
      await running.node.dial(multiaddr(target.address), { signal: running.lifetime.signal })
      running.plan.succeeded(target)
    } catch (error) {
      running.plan.failed(target, this.#deps.clock.monotonic())
      this.#events.add('DIAL_FAILED')
      this.#deps.logger.debug('a bootstrap peer could not be dialled', { peer: target.peer, error })
    }
  }

  #dropUnfit(running: Running): void {
    const now = this.#deps.clock.monotonic()
    const allowed = this.#options.allowed()
    for (const peer of this.#connections.peers()) {
      if (!allowed.has(peer)) this.#drop(peer, 'DROPPED_UNLISTED')
      else if (this.#connections.ageMs(peer, now) > GOSSIP_GRACE_MS && !hasGossip(running.router, peer)) {
        this.#drop(peer, 'DROPPED_WITHOUT_GOSSIP')
      }
    }
  }

  #track(running: Running, work: Promise<void>): void {
    running.work.add(work)
    work.finally(() => running.work.delete(work)).catch(() => {})
  }
}

function hasGossip(router: GossipRouter, peer: PeerKey): boolean {
  const peerId = peerIdOf(peer)
  return router.streamsOutbound.has(peerId) && router.streamsInbound.has(peerId)
}
