/** What PeerNetwork promises, over virtual time: gossip that floods, requests with one reply, links that fail. */
import type { PeerKey } from '../../../protocol/membership.ts'
import { BAN_MS, ConductBook } from '../../../runtime/p2p/conduct.ts'
import {
  PEER_EVENTS,
  type PeerEvent,
  type PeerNetwork,
  PeerRequestError,
  type RequestHandler,
  type RequestLimits,
  type RequestOptions,
  type Verdict,
} from '../../../runtime/p2p/peer-network.ts'
import type { Timeline } from './timeline.ts'

export type LinkState = 'up' | 'silent' | 'down'

/** The weather: asked for every message. Names are those given to {@link SimNetwork.open}. */
export interface Weather {
  /** `silent`: nothing passes and nobody has noticed. `down`: the connection is known to be gone. */
  link(a: string, b: string): LinkState
  latencyMs(from: string, to: string): number
  isLost(): boolean
  isDoubled(): boolean
  /** How long a busy node lets a message lie. */
  lagMs(name: string): number
}

export interface NetworkWitness {
  gossip(
    event: 'accept' | 'ignore' | 'reject',
    at: string,
    from: string,
    topic: string,
    data: Uint8Array,
  ): void
  banned(by: string, peer: string): void
  /** A handler has come to its answer, which may still be lost. */
  answered(by: string, asker: string, protocol: string, request: Uint8Array, reply: Uint8Array): void
  unanswered(asker: string, by: string, protocol: string, code: string): void
}

interface Subscription {
  readonly maxBytes: number
  readonly validate: (data: Uint8Array, from: PeerKey) => Verdict
  readonly receive: (data: Uint8Array, from: PeerKey) => void
}

/** How long a message is remembered so that it is not handled twice; gossipsub's default. */
const SEEN_MS = 120_000

export class SimNetwork {
  readonly timeline: Timeline
  readonly weather: Weather
  readonly witness: NetworkWitness
  readonly #peers = new Map<PeerKey, SimPeer>()
  /** From when on a pair talks (again), after a start or a ban. */
  readonly #talkFromMs = new Map<string, number>()

  constructor(timeline: Timeline, weather: Weather, witness: NetworkWitness) {
    this.timeline = timeline
    this.weather = weather
    this.witness = witness
  }

  /** A new life of a peer; its connections come up after `connectMs`. */
  open(self: PeerKey, name: string, connectMs: number): SimPeer {
    const peer = new SimPeer(this, self, name)
    for (const other of this.#peers.values()) this.holdBack(peer, other, connectMs)
    this.#peers.set(self, peer)
    return peer
  }

  peers(): readonly SimPeer[] {
    return [...this.#peers.values()]
  }

  peer(key: PeerKey): SimPeer | undefined {
    const peer = this.#peers.get(key)
    return peer?.alive === true ? peer : undefined
  }

  holdBack(a: SimPeer, b: SimPeer, ms: number): void {
    const key = pairOf(a, b)
    this.#talkFromMs.set(key, Math.max(this.#talkFromMs.get(key) ?? 0, this.timeline.nowMs + ms))
  }

  linkOf(a: SimPeer, b: SimPeer): LinkState {
    if (!a.alive || !b.alive || this.timeline.nowMs < (this.#talkFromMs.get(pairOf(a, b)) ?? 0)) return 'down'
    return this.weather.link(a.name, b.name)
  }

  /** One way of a message. What arrives meets whoever lives there then. */
  carry(from: SimPeer, to: PeerKey, arrive: (peer: SimPeer) => void): void {
    const receiver = this.peer(to)
    if (receiver === undefined || this.linkOf(from, receiver) !== 'up' || this.weather.isLost()) return
    const { weather } = this
    const delayMs =
      weather.lagMs(from.name) + weather.latencyMs(from.name, receiver.name) + weather.lagMs(receiver.name)
    this.timeline.after(delayMs, () => {
      // A connection does not outlive the process at either end.
      if (receiver.alive && this.linkOf(from, receiver) !== 'down') arrive(receiver)
    })
  }
}

function pairOf(a: SimPeer, b: SimPeer): string {
  return a.self < b.self ? `${a.self} ${b.self}` : `${b.self} ${a.self}`
}

export class SimPeer implements PeerNetwork {
  readonly self: PeerKey
  readonly name: string
  alive = true
  readonly #net: SimNetwork
  readonly #topics = new Map<string, Subscription>()
  readonly #handlers = new Map<string, { limits: RequestLimits; handler: RequestHandler }>()
  readonly #inFlight = new Map<string, number>()
  readonly #seenAtMs = new Map<string, number>()
  readonly #conduct = new ConductBook()
  readonly #rejects = new Map<PeerKey, number>()
  readonly #end = new AbortController()

  constructor(net: SimNetwork, self: PeerKey, name: string) {
    this.#net = net
    this.self = self
    this.name = name
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {
    this.kill()
  }

  /** The process is gone: nothing leaves it any more, nothing it awaited comes. */
  kill(): void {
    this.alive = false
  }

  addresses(): string[] {
    return []
  }

  counts(): Readonly<Record<PeerEvent, number>> {
    return Object.fromEntries(PEER_EVENTS.map(event => [event, 0])) as Record<PeerEvent, number>
  }

  rejects(): ReadonlyMap<PeerKey, number> {
    return this.#rejects
  }

  scores(): ReadonlyMap<PeerKey, number> {
    return new Map()
  }

  connected(): PeerKey[] {
    return this.#neighbours().map(peer => peer.self)
  }

  handle(protocol: string, limits: RequestLimits, handler: RequestHandler): void {
    this.#handlers.set(protocol, { limits, handler })
  }

  subscribe(
    topic: string,
    maxBytes: number,
    validate: Subscription['validate'],
    receive: Subscription['receive'],
  ): void {
    this.#topics.set(topic, { maxBytes, validate, receive })
  }

  async publish(topic: string, data: Uint8Array): Promise<void> {
    if (!this.alive || this.#isSeen(topic, data)) return
    this.#flood(topic, data, undefined)
  }

  /** To some only, as no honest peer would. */
  publishTo(peers: readonly PeerKey[], topic: string, data: Uint8Array): void {
    this.#isSeen(topic, data)
    for (const to of peers) this.#send(to, topic, data)
  }

  /** Something that comes from outside of what is simulated, by way of a peer that is. */
  deliver(topic: string, data: Uint8Array, from: SimPeer): void {
    if (this.alive) this.#receive(topic, data, from)
  }

  request(to: PeerKey, protocol: string, request: Uint8Array, options: RequestOptions): Promise<Uint8Array> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    const fail = (code: PeerRequestError['code']): void => {
      this.#net.witness.unanswered(this.name, this.#net.peer(to)?.name ?? '?', protocol, code)
      if (this.alive) reject(new PeerRequestError(code, to, protocol))
    }
    if (!this.connected().includes(to)) {
      // A dead process learns nothing any more.
      fail('NOT_CONNECTED')
      return promise
    }
    const cancel = this.#net.timeline.after(options.timeoutMs, () => fail('TIMEOUT'))
    const settle = (answer: Uint8Array | PeerRequestError['code']): void => {
      cancel()
      if (typeof answer === 'string') fail(answer)
      else if (answer.length > options.maxReplyBytes) fail('TOO_LARGE')
      else if (this.alive) resolve(answer)
    }
    this.#net.carry(this, to, peer => peer.#serve(this, protocol, request, settle))
    return promise
  }

  #serve(
    from: SimPeer,
    protocol: string,
    request: Uint8Array,
    settle: (answer: Uint8Array | 'REFUSED') => void,
  ): void {
    const reply = (answer: Uint8Array | 'REFUSED'): void => {
      if (this.alive) this.#net.carry(this, from.self, asker => asker === from && settle(answer))
    }
    const served = this.#handlers.get(protocol)
    const lane = `${from.self} ${protocol}`
    const inFlight = this.#inFlight.get(lane) ?? 0
    const tooMuch =
      request.length > (served?.limits.maxRequestBytes ?? 0) ||
      inFlight >= (served?.limits.maxInFlightPerPeer ?? 0)
    if (served === undefined || tooMuch) {
      reply('REFUSED')
      return
    }
    this.#inFlight.set(lane, inFlight + 1)
    served
      .handler(request, from.self, this.#end.signal)
      .then(
        answer => {
          if (this.alive) this.#net.witness.answered(this.name, from.name, protocol, request, answer)
          reply(answer)
        },
        () => reply('REFUSED'),
      )
      .finally(() => this.#inFlight.set(lane, (this.#inFlight.get(lane) ?? 1) - 1))
  }

  #neighbours(): SimPeer[] {
    return this.#net.peers().filter(peer => peer !== this && this.#net.linkOf(this, peer) !== 'down')
  }

  #flood(topic: string, data: Uint8Array, except: SimPeer | undefined): void {
    for (const peer of this.#neighbours()) if (peer !== except) this.#send(peer.self, topic, data)
  }

  #send(to: PeerKey, topic: string, data: Uint8Array): void {
    const copies = this.#net.weather.isDoubled() ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      this.#net.carry(this, to, peer => peer.#receive(topic, data, this))
    }
  }

  #receive(topic: string, data: Uint8Array, from: SimPeer): void {
    const subscription = this.#topics.get(topic)
    if (subscription === undefined || this.#isSeen(topic, data)) return
    const { witness, timeline } = this.#net
    const verdict = data.length > subscription.maxBytes ? 'reject' : subscription.validate(data, from.self)
    if (!this.alive) return
    witness.gossip(verdict, this.name, from.name, topic, data)
    if (verdict === 'accept') {
      subscription.receive(data, from.self)
      this.#flood(topic, data, from)
    }
    if (verdict !== 'reject') return
    this.#rejects.set(from.self, (this.#rejects.get(from.self) ?? 0) + 1)
    if (this.#conduct.strike(from.self, timeline.nowMs)) {
      witness.banned(this.name, from.name)
      this.#net.holdBack(this, from, BAN_MS)
    }
  }

  #isSeen(topic: string, data: Uint8Array): boolean {
    const { nowMs } = this.#net.timeline
    for (const [id, at] of this.#seenAtMs) {
      if (nowMs - at < SEEN_MS) break
      this.#seenAtMs.delete(id)
    }
    const id = `${topic} ${Buffer.from(data).toString('base64')}`
    if (this.#seenAtMs.has(id)) return true
    this.#seenAtMs.set(id, nowMs)
    return false
  }
}
