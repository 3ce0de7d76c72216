/**
 * Partials as they come in. Each member's is verified once for each input; what is more than a value needs is not
 * looked at. Bounded by slots and members: {@link BeaconTable.forgetBefore} is called as time goes on.
 */
import type { Hash } from '../bytes.ts'
import type { Domain } from '../domain.ts'
import { type BeaconProof, combine, type SlotPartial } from './combine.ts'
import { type BeaconInput, inputKey, inputPoint } from './input.ts'
import type { PartialMessage } from './messages.ts'
import { type CurvePoint, verifyAgainst } from './partial.ts'
import type { BeaconPublic } from './public.ts'

export const PARTIAL_REFUSALS = [
  'NO_SHARE',
  'KNOWN',
  'COMPLETE',
  'OTHER_KEY',
  'OTHER_ROOT',
  'BAD_PROOF',
] as const
/**
 * KNOWN: the member's partial is here. COMPLETE: the value is. OTHER_KEY: the input's partials are of another key.
 * OTHER_ROOT: the member has drawn for another root of this slot. Only BAD_PROOF says something about who sent it.
 */
export type PartialRefusal = (typeof PARTIAL_REFUSALS)[number]

export interface BeaconValue {
  readonly value: Hash
  readonly proof: BeaconProof
}

interface Entry {
  readonly input: BeaconInput
  readonly keyEpoch: number
  readonly base: CurvePoint
  readonly partials: Map<number, SlotPartial>
  found: BeaconValue | undefined
}

export class BeaconTable {
  readonly #domain: Domain
  readonly #entries = new Map<string, Entry>()
  /** By slot and member, the root it has drawn for: who draws for many would fill the table. */
  readonly #roots = new Map<number, Map<number, Hash>>()

  constructor(domain: Domain) {
    this.#domain = domain
  }

  /** @param pub of the message's key epoch. The value when this partial completes it. */
  add(
    { input, keyEpoch, slot, partial }: PartialMessage,
    pub: BeaconPublic,
  ): { readonly added: BeaconValue | undefined } | { readonly refused: PartialRefusal } {
    if (!pub.shares.has(slot)) return { refused: 'NO_SHARE' }
    const known = this.#entries.get(inputKey(input))
    if (known !== undefined && known.keyEpoch !== keyEpoch) return { refused: 'OTHER_KEY' }
    if (known?.found !== undefined) return { refused: 'COMPLETE' }
    if (known?.partials.has(slot) === true) return { refused: 'KNOWN' }
    if (input.kind === 'draw' && !this.#isFirstRoot(input, slot)) return { refused: 'OTHER_ROOT' }
    const entry = known ?? this.#entryOf(input, keyEpoch)
    if (!verifyAgainst(entry.base, pub, slot, partial)) return { refused: 'BAD_PROOF' }
    this.#entries.set(inputKey(input), entry)
    if (input.kind === 'draw') this.#rootsOf(input.slot).set(slot, input.root)
    entry.partials.set(slot, { slot, partial })
    if (entry.partials.size >= pub.threshold) {
      const partials = ascending(entry).slice(0, pub.threshold)
      entry.found = { value: combine(pub, partials), proof: { keyEpoch, partials } }
    }
    return { added: entry.found }
  }

  /** Ascending by slot: all that is needed, or what there is so far. */
  proofOf(input: BeaconInput): BeaconProof | undefined {
    const entry = this.#entries.get(inputKey(input))
    if (entry === undefined) return undefined
    return entry.found?.proof ?? { keyEpoch: entry.keyEpoch, partials: ascending(entry) }
  }

  valueOf(input: BeaconInput): Hash | undefined {
    return this.foundOf(input)?.value
  }

  /** The value with all that is needed to show it. */
  foundOf(input: BeaconInput): BeaconValue | undefined {
    return this.#entries.get(inputKey(input))?.found
  }

  get size(): number {
    return this.#entries.size
  }

  /** @param slot the first one that is kept */
  forgetBefore(slot: number): void {
    for (const [key, { input }] of this.#entries) if (input.slot < slot) this.#entries.delete(key)
    for (const known of this.#roots.keys()) if (known < slot) this.#roots.delete(known)
  }

  #entryOf(input: BeaconInput, keyEpoch: number): Entry {
    const base = inputPoint(this.#domain, input)
    return { input, keyEpoch, base, partials: new Map(), found: undefined }
  }

  #isFirstRoot({ slot, root }: BeaconInput & { readonly kind: 'draw' }, member: number): boolean {
    const before = this.#roots.get(slot)?.get(member)
    return before === undefined || before === root
  }

  #rootsOf(slot: number): Map<number, Hash> {
    const known = this.#roots.get(slot) ?? new Map<number, Hash>()
    this.#roots.set(slot, known)
    return known
  }
}

function ascending({ partials }: Entry): SlotPartial[] {
  return [...partials.values()].sort((a, b) => a.slot - b.slot)
}
