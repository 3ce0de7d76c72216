/** The registry as a history of views. Every node reads it with a delay of its own. */
import type { Hash } from '../../../protocol/bytes.ts'
import type { Membership, RegistryView } from '../../../protocol/membership.ts'
import { type Cast, registryView } from '../network/cast.ts'
import { type DealtKey, dealKey } from '../network/dealt-keys.ts'
import { Random, withSeededEntropy } from './random.ts'

interface Change {
  readonly atMs: number
  readonly view: RegistryView
}

export class SimRegistry {
  readonly #cast: Cast
  readonly #keys: readonly DealtKey[]
  readonly #changes: Change[]

  constructor(cast: Cast, keys: readonly DealtKey[]) {
    this.#cast = cast
    this.#keys = keys
    const newest = this.#membership(1, 1, [])
    this.#changes = [{ atMs: 0, view: { newest, previous: undefined, switchAtSec: 0, pending: undefined } }]
  }

  viewAt(unixMs: number): RegistryView {
    const change = this.#changes.findLast(({ atMs }) => atMs <= unixMs)
    if (change === undefined) throw new RangeError('nothing is older than the first view')
    return change.view
  }

  /** What counts for a round that starts then, as the whole history tells it: the measure of all certificates. */
  truthAt(unixMs: number): Membership {
    const counts = this.#changes.findLast(
      ({ view }) => view.previous === undefined || view.switchAtSec * 1_000 <= unixMs,
    )
    if (counts === undefined) throw new RangeError('nothing is older than the first view')
    return counts.view.newest
  }

  changesAfter(unixMs: number): readonly Change[] {
    return this.#changes.filter(({ atMs }) => atMs > unixMs)
  }

  keyOf(keyEpoch: number): DealtKey | undefined {
    return this.#keys[keyEpoch - 1]
  }

  /** What any holder of a key shows to whoever asks for the transcript with that hash. */
  transcriptOf(hash: Hash): Uint8Array | undefined {
    const key = this.#keys.find(({ groupKey }) => groupKey.transcriptHash === hash)
    return key?.keys[0]?.transcript
  }

  /** The next key is installed; it counts `handoverSec` later. Nothing happens when there is no further key. */
  rotate(atMs: number, handoverSec: number): void {
    const { newest } = this.viewAt(atMs)
    if (this.keyOf(newest.keyEpoch + 1) === undefined) return
    const next = this.#membership(newest.keyEpoch + 1, newest.registryVersion + 1, suspendedOf(newest))
    const switchAtSec = Math.ceil(atMs / 1_000) + handoverSec
    this.#changes.push({ atMs, view: { newest: next, previous: newest, switchAtSec, pending: undefined } })
  }

  suspend(atMs: number, slot: number): void {
    const { newest, previous, switchAtSec, pending } = this.viewAt(atMs)
    const without = (membership: Membership): Membership =>
      this.#membership(membership.keyEpoch, newest.registryVersion + 1, [...suspendedOf(membership), slot])
    const view = {
      newest: without(newest),
      previous: previous === undefined ? undefined : without(previous),
      switchAtSec,
      pending,
    }
    this.#changes.push({ atMs, view })
  }

  #membership(keyEpoch: number, registryVersion: number, suspended: readonly number[]): Membership {
    const groupKey = this.keyOf(keyEpoch)?.groupKey
    return registryView(this.#cast, { keyEpoch, registryVersion, groupKey, suspended })
  }
}

function suspendedOf(membership: Membership): number[] {
  return membership.members.flatMap(({ slot, suspended }) => (suspended ? [slot] : []))
}

const dealt = new Map<string, Promise<readonly DealtKey[]>>()

/** Keys of a network of that size, the same in every run: nothing that is looked for depends on them. */
export function dealtKeys(n: number, q: number, count: number): Promise<readonly DealtKey[]> {
  const name = `keys ${n} ${q} ${count}`
  const known = dealt.get(name)
  if (known !== undefined) return known
  const slots = Array.from({ length: n }, (_, slot) => slot)
  const keys = withSeededEntropy(new Random(name), async () =>
    Array.from({ length: count }, () => dealKey(slots, q)),
  )
  dealt.set(name, keys)
  return keys
}
