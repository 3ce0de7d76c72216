/**
 * How far this node's wall clock stands from the other members'. Each exchange is four times, as in NTP; what is kept
 * is the peer's wall time against this machine's *monotonic* one, so that a step of the own clock shows at once and
 * not only in the next exchange.
 */
import type { TimeReply } from '../../protocol/round/messages.ts'
import type { Clock } from '../../runtime/clock.ts'

/** Four exchanges' time: a peer may miss some. Machines drift a few milliseconds in it at most. */
const FRESH_MS = 60_000

export interface TimeExchange {
  /** Monotonic, on this machine. */
  readonly askedAtMs: number
  readonly reply: TimeReply
  /** Monotonic, on this machine. */
  readonly answeredAtMs: number
}

interface Reading {
  /** The peer's wall clock minus this machine's monotonic one. */
  readonly aheadMs: number
  readonly takenAtMs: number
}

export class PeerClock {
  readonly #maxRoundTripMs: number
  /** One entry a slot that was asked, so at most one a member. */
  readonly #readings = new Map<number, Reading>()

  /** @param maxRoundTripMs half of it is the error that is put up with */
  constructor(maxRoundTripMs: number) {
    this.#maxRoundTripMs = maxRoundTripMs
  }

  /** Keeps what an exchange says; false for one that took too long to say anything, or contradicts itself. */
  note(slot: number, { askedAtMs, reply, answeredAtMs }: TimeExchange): boolean {
    const servedMs = reply.sentAtMs - reply.receivedAtMs
    const roundTripMs = answeredAtMs - askedAtMs - servedMs
    // Millisecond clocks: an exchange within one of them may seem to take a little less than nothing.
    if (servedMs < 0 || roundTripMs < -1 || roundTripMs > this.#maxRoundTripMs) return false
    const aheadMs = (reply.receivedAtMs - askedAtMs + (reply.sentAtMs - answeredAtMs)) / 2
    this.#readings.set(slot, { aheadMs, takenAtMs: answeredAtMs })
    return true
  }

  /**
   * The median of the peers' clocks against this node's, this node among them with 0; positive when they are ahead.
   * Undefined with fewer than 2f fresh readings (one, for f = 0): with 2f of them and the own clock, f liars are a
   * minority, and the median lies between honest clocks, so that they cannot silence a node whose clock is right.
   *
   * @param others slots of the other active members; all else is forgotten
   */
  offsetMs(
    clock: Pick<Clock, 'now' | 'monotonic'>,
    others: readonly number[],
    f: number,
  ): number | undefined {
    const wallMs = clock.now() - clock.monotonic()
    for (const slot of this.#readings.keys()) if (!others.includes(slot)) this.#readings.delete(slot)
    const fresh = [...this.#readings.values()].filter(
      ({ takenAtMs }) => clock.monotonic() - takenAtMs <= FRESH_MS,
    )
    if (fresh.length < Math.max(1, 2 * f)) return undefined
    const offsets = [0, ...fresh.map(({ aheadMs }) => aheadMs - wallMs)].sort((a, b) => a - b)
    const upper = offsets[Math.floor(offsets.length / 2)] ?? 0
    const lower = offsets[Math.floor((offsets.length - 1) / 2)] ?? 0
    return (lower + upper) / 2
  }
}
