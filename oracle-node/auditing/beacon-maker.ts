/**
 * Makes this member's partials: of each slot's beacon when the slot begins, and of a window's draw once its root is
 * here and its grace is over. By block time, so never before anybody else may know it.
 */
import type { BeaconStore } from '../../member/beacons/beacon-store.ts'
import { type BeaconInput, inputKey } from '../../protocol/beacon/input.ts'
import type { PartialMessage } from '../../protocol/beacon/messages.ts'
import { makePartial } from '../../protocol/beacon/partial.ts'
import type { Address, Hash } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import { drawSec, mayBeWindow, slotOf, slotStartSec, type WindowTerms } from '../../protocol/epoch/windows.ts'
import type { BeaconShare } from '../keygen/dealer.ts'

export interface BeaconMakerOptions {
  readonly domain: Domain
  readonly terms: WindowTerms
  /** This node's. */
  readonly slot: number
  readonly identity: Address
}

export interface BeaconMakerDeps {
  readonly nowSec: () => number | undefined
  readonly keyEpochAt: (unixSec: number) => number | undefined
  readonly share: (keyEpoch: number) => Pick<BeaconShare, 'secret'> | undefined
  /** Whose the seat in a slot is under a key. */
  readonly holderOf: (keyEpoch: number, slot: number) => Address | undefined
  /** The first slot whose epoch can still be audited: nobody needs draws of those before it. */
  readonly neededFrom: () => number
  readonly store: Pick<BeaconStore, 'fixDraw' | 'drawnRoot'>
  /** Roots of windows that came in time, from one slot up to, and without, another. */
  readonly rootsBetween: (from: number, to: number) => ReadonlyMap<number, Hash>
  readonly offer: (message: PartialMessage) => void
}

/** A root is written a moment after it was heard, and a chain may stand still for a while: looked for so long. */
const LATE_SLOTS = 8
/** Partials that are kept for who asks again: each takes milliseconds to make. */
const MAX_MADE = 512

export class BeaconMaker {
  readonly #options: BeaconMakerOptions
  readonly #deps: BeaconMakerDeps
  /** The newest slot whose beacon was made, or needs none. */
  #lastSlot = -1
  /** Slots drawn by this process; older ones are forgotten. */
  readonly #drawn = new Set<number>()
  /** By input, the one that was made first at the front. */
  readonly #made = new Map<string, PartialMessage>()

  constructor(options: BeaconMakerOptions, deps: BeaconMakerDeps) {
    this.#options = options
    this.#deps = deps
  }

  /** Makes what is due. To be called several times a second: workers wait for it. */
  tick(): void {
    const nowSec = this.#deps.nowSec()
    if (nowSec === undefined) return
    this.#makeWindow(nowSec)
    this.#makeDraws(nowSec)
  }

  /**
   * What may be made of an input now, for who asks: of a slot that has begun lately, or of the draw that this member
   * has made its part of.
   */
  own(input: BeaconInput): PartialMessage | undefined {
    const nowSec = this.#deps.nowSec()
    if (nowSec === undefined) return undefined
    if (input.kind === 'draw') {
      if (input.slot < this.#deps.neededFrom()) return undefined
      const drawn = this.#deps.store.drawnRoot(input.slot) === input.root
      return drawn ? this.#partial(input) : undefined
    }
    const current = slotOf(this.#options.terms, nowSec)
    const begun = input.slot <= current && input.slot > current - LATE_SLOTS
    return begun && mayBeWindow(this.#options.terms, input.slot) ? this.#partial(input) : undefined
  }

  /**
   * Draws for a root that f + 1 others had in time. Without it, f members and a relayer that sent its root to few could
   * see the draw, and then decide whether anybody else does.
   */
  adopt(slot: number, root: Hash): void {
    const nowSec = this.#deps.nowSec()
    if (nowSec !== undefined && nowSec >= drawSec(this.#options.terms, slot)) this.#draw(slot, root)
  }

  #makeWindow(nowSec: number): void {
    const { terms } = this.#options
    const slot = slotOf(terms, nowSec)
    if (slot <= this.#lastSlot) return
    if (mayBeWindow(terms, slot)) {
      const message = this.#partial({ kind: 'window', slot })
      if (message === undefined) return
      this.#deps.offer(message)
    }
    this.#lastSlot = slot
  }

  #makeDraws(nowSec: number): void {
    const { terms } = this.#options
    const last = slotOf(terms, nowSec - terms.graceSec)
    for (const [slot, root] of this.#deps.rootsBetween(last - LATE_SLOTS, last))
      if (!this.#drawn.has(slot) && nowSec >= drawSec(terms, slot)) this.#draw(slot, root)
    for (const slot of this.#drawn) if (slot < last - LATE_SLOTS) this.#drawn.delete(slot)
  }

  #draw(slot: number, root: Hash): void {
    const { store, offer, neededFrom } = this.#deps
    // What was drawn so long ago may have been forgotten: a second root could get a second draw.
    if (slot < neededFrom()) return
    // On disk before it leaves: two roots of one slot would be two draws to choose from.
    if (store.fixDraw(slot, root) !== root) {
      this.#drawn.add(slot)
      return
    }
    const message = this.#partial({ kind: 'draw', slot, root })
    if (message === undefined) return
    offer(message)
    this.#drawn.add(slot)
  }

  /** Under the key that counted when the slot began. */
  #partial(input: BeaconInput): PartialMessage | undefined {
    const { domain, terms, slot } = this.#options
    const keyEpoch = this.#deps.keyEpochAt(slotStartSec(terms, input.slot))
    if (keyEpoch === undefined) return undefined
    const key = `${keyEpoch} ${inputKey(input)}`
    const before = this.#made.get(key)
    if (before !== undefined) return before
    // Shares of another's seat prove nothing in this one's name: who came back may sit elsewhere than it did then.
    if (this.#deps.holderOf(keyEpoch, slot) !== this.#options.identity) return undefined
    const share = this.#deps.share(keyEpoch)
    if (share === undefined) return undefined
    const message = { keyEpoch, input, slot, partial: makePartial(domain, input, share.secret) }
    this.#made.set(key, message)
    const [oldest] = this.#made.keys()
    if (this.#made.size > MAX_MADE && oldest !== undefined) this.#made.delete(oldest)
    return message
  }
}
