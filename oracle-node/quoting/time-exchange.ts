/** Asks the other members what their clocks say, and tells them what this one says. */
import { CHANNELS } from '../../protocol/channels.ts'
import { activeMembers, type Member, type Membership } from '../../protocol/membership.ts'
import { decodeTimeReply, encodeTimeReply, TIME_REPLY_BYTES } from '../../protocol/round/messages.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { createLoop, type Loop } from '../../runtime/loop.ts'
import type { PeerNetwork } from '../../runtime/p2p/peer-network.ts'
import type { Service } from '../../runtime/service.ts'
import { PeerClock } from './peer-clock.ts'

export interface TimeExchangeOptions {
  readonly slot: number
  readonly skewMs: number
}

export interface TimeExchangeDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly network: Pick<PeerNetwork, 'handle' | 'request' | 'connected'>
  /** The members whose clocks count now. */
  readonly membership: () => Membership | undefined
}

/** A member that has just connected is asked within a second. */
const LOOK_MS = 1_000
/** A clock that is stepped shows at once; between exchanges only drift builds up, some 1 ms in this time. */
const ASK_EVERY_MS = 15_000
const TIMEOUT_MS = 1_000

export class TimeExchange implements Service {
  readonly name = 'time exchange'
  readonly #options: TimeExchangeOptions
  readonly #deps: TimeExchangeDeps
  readonly #peers: PeerClock
  readonly #loop: Loop
  /** Monotonic time of the last question, by slot of the members there are. */
  readonly #askedAtMs = new Map<number, number>()

  constructor(options: TimeExchangeOptions, deps: TimeExchangeDeps) {
    this.#options = options
    this.#deps = deps
    this.#peers = new PeerClock(options.skewMs)
    const { clock, logger } = deps
    this.#loop = createLoop({
      name: 'time exchange',
      everyMs: LOOK_MS,
      clock,
      logger,
      longRuns: true,
      run: () => this.#askDue(),
    })
  }

  register(): void {
    const limits = { maxRequestBytes: 0, maxInFlightPerPeer: 2, timeoutMs: TIMEOUT_MS, maxPerSec: 4 }
    this.#deps.network.handle(CHANNELS.time, limits, async () => {
      const nowMs = this.#deps.clock.now()
      return encodeTimeReply({ receivedAtMs: nowMs, sentAtMs: nowMs })
    })
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }

  /** How far the others are ahead of this node's clock; undefined when too few have said. See {@link PeerClock}. */
  offsetMs(): number | undefined {
    const membership = this.#deps.membership()
    if (membership === undefined) return undefined
    const others = this.#others(membership).map(({ slot }) => slot)
    return this.#peers.offsetMs(this.#deps.clock, others, membership.quorum.f)
  }

  #others(membership: Membership): Member[] {
    return activeMembers(membership).filter(({ slot }) => slot !== this.#options.slot)
  }

  async #askDue(): Promise<void> {
    const { clock, network } = this.#deps
    const membership = this.#deps.membership()
    if (membership === undefined) return
    const nowMs = clock.monotonic()
    const others = this.#others(membership)
    for (const slot of this.#askedAtMs.keys()) {
      if (!others.some(member => member.slot === slot)) this.#askedAtMs.delete(slot)
    }
    const connected = new Set(network.connected())
    const due = others.filter(
      ({ slot, peerKey }) =>
        connected.has(peerKey) &&
        nowMs - (this.#askedAtMs.get(slot) ?? Number.NEGATIVE_INFINITY) >= ASK_EVERY_MS,
    )
    // Silence, refusal and nonsense come to the same: nothing is known of that clock.
    await Promise.allSettled(due.map(member => this.#ask(member)))
  }

  async #ask({ slot, peerKey }: Member): Promise<void> {
    const { clock, network } = this.#deps
    const askedAtMs = clock.monotonic()
    this.#askedAtMs.set(slot, askedAtMs)
    const answer = await network.request(peerKey, CHANNELS.time, new Uint8Array(), {
      timeoutMs: TIMEOUT_MS,
      maxReplyBytes: TIME_REPLY_BYTES,
    })
    this.#peers.note(slot, { askedAtMs, reply: decodeTimeReply(answer), answeredAtMs: clock.monotonic() })
  }
}
