/** The faults of a run as the network, the clocks and the invariants see them. */
import type { PeerKey } from '../../../protocol/membership.ts'
import { type Fault, isDuring } from './faults.ts'
import type { Random } from './random.ts'
import type { LinkState, Weather } from './sim-network.ts'
import type { Timeline } from './timeline.ts'

export interface Name {
  readonly name: string
  readonly peerKey: PeerKey
}

/** What a good network needs from one peer to the next. */
const CALM_MS = { least: 2, most: 25 }
/** Connections come back this much later than the network does. */
const RECONNECT_MS = 400

export class FaultyWeather implements Weather {
  readonly #timeline: Timeline
  readonly #faults: readonly Fault[]
  readonly #random: Random
  /** What each clock is off by, apart from faults. */
  readonly #offsets: ReadonlyMap<string, number>

  constructor(
    timeline: Timeline,
    faults: readonly Fault[],
    offsets: ReadonlyMap<string, number>,
    random: Random,
  ) {
    this.#timeline = timeline
    this.#faults = faults
    this.#offsets = offsets
    this.#random = random
  }

  link(a: string, b: string): LinkState {
    const { nowMs } = this.#timeline
    let state: LinkState = 'up'
    for (const fault of this.#faults) {
      if (fault.kind !== 'partition' || fault.side.includes(a) === fault.side.includes(b)) continue
      const gone = nowMs >= fault.fromMs + fault.noticedMs
      if (isDuring(fault, nowMs)) {
        if (gone) return 'down'
        state = 'silent'
      } else if (
        nowMs >= fault.toMs &&
        nowMs < fault.toMs + RECONNECT_MS &&
        fault.fromMs + fault.noticedMs < fault.toMs
      )
        return 'down'
    }
    return state
  }

  latencyMs(): number {
    let ms = CALM_MS.least + this.#random.fraction() * (CALM_MS.most - CALM_MS.least)
    for (const fault of this.#faults) {
      if (fault.kind === 'delay' && isDuring(fault, this.#timeline.nowMs))
        ms += fault.extraMs + this.#random.fraction() * fault.jitterMs
    }
    return ms
  }

  isLost(): boolean {
    const rate = Math.max(0, ...this.#now('loss').map(fault => fault.rate))
    return rate > 0 && this.#random.chance(rate)
  }

  isDoubled(): boolean {
    return this.#random.chance(0.02)
  }

  lagMs(name: string): number {
    const most = Math.max(0, ...this.#now('slow').map(fault => (fault.node === name ? fault.lagMs : 0)))
    return most === 0 ? 0 : this.#random.fraction() * most
  }

  offsetMs(name: string): number {
    const stepped = this.#now('clock').find(fault => fault.node === name)
    return (this.#offsets.get(name) ?? 0) + (stepped?.offsetMs ?? 0)
  }

  #now<K extends 'loss' | 'slow' | 'clock'>(kind: K): Extract<Fault, { kind: K }>[] {
    const { nowMs } = this.#timeline
    return this.#faults.filter(
      (fault): fault is Extract<Fault, { kind: K }> =>
        fault.kind === kind && 'toMs' in fault && isDuring(fault, nowMs),
    )
  }
}
