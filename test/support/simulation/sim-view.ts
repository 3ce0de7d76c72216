import { type Membership, membershipAt, type RegistryView } from '../../../protocol/membership.ts'
import type { World } from './world.ts'

/** The registry as one node reads it: always a little late. */
export class SimView {
  readonly #world: World
  readonly #lagMs: number

  constructor(world: World, lagMs: number) {
    this.#world = world
    this.#lagMs = lagMs
  }

  view(): RegistryView {
    return this.#world.registry.viewAt(this.#world.timeline.nowMs - this.#lagMs)
  }

  at(unixMs: number): Membership {
    return membershipAt(this.view(), unixMs)
  }

  /** Calls `listener` for each view to come, for as long as `alive` says so. */
  onChange(alive: () => boolean, listener: (view: RegistryView) => void): void {
    const { registry, timeline } = this.#world
    for (const { atMs } of registry.changesAfter(timeline.nowMs - this.#lagMs)) {
      timeline.at(atMs + this.#lagMs, () => {
        if (alive()) listener(this.view())
      })
    }
  }
}
