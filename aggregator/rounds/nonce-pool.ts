/** Unspent nonce pairs that members have sent ahead, so that a round needs one exchange instead of two. */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { bytesOf, type Hash, hexOf } from '../../protocol/bytes.ts'
import { CHANNELS } from '../../protocol/channels.ts'
import { isPoint } from '../../protocol/frost.ts'
import type { FrostCrypto } from '../../protocol/frost-crypto.ts'
import type { Member } from '../../protocol/membership.ts'
import {
  decodeNoncePairs,
  encodeNonceRequest,
  MAX_LANE_PAIRS,
  type NoncePair,
} from '../../protocol/round/messages.ts'
import type { PeerNetwork } from '../../runtime/p2p/peer-network.ts'

const REQUEST_TIMEOUT_MS = 1_000
const MAX_REPLY_BYTES = 1_024
/** Below this a member is asked for more while nobody waits for it. */
const LOW_WATER = 2

export class NoncePool {
  readonly #bootId: Hash
  /** Where a member's lane had to be begun anew: the name of the lane instead of the boot id. */
  readonly #laneIds = new Map<number, Hash>()
  readonly #network: Pick<PeerNetwork, 'request'>
  readonly #keyEpoch: number
  readonly #frost: Pick<FrostCrypto, 'isPoint'>
  readonly #pairs = new Map<number, NoncePair[]>()
  /** Pairs that have been proposed: a member that lists one again has not seen the proposal, and must not get another. */
  readonly #used = new Set<string>()
  readonly #asking = new Map<number, Promise<void>>()

  /** @param keyEpoch of the key that the pairs are for: another key has another pool */
  constructor(
    bootId: Uint8Array,
    keyEpoch: number,
    network: Pick<PeerNetwork, 'request'>,
    frost: Pick<FrostCrypto, 'isPoint'> = { isPoint },
  ) {
    this.#frost = frost
    this.#bootId = hexOf(bootId)
    this.#keyEpoch = keyEpoch
    this.#network = network
  }

  /** Slots with at least one pair at hand. */
  stocked(): number[] {
    return [...this.#pairs].filter(([, pairs]) => pairs.length > 0).map(([slot]) => slot)
  }

  /** Takes a pair; it is never given out again, whatever becomes of the session. */
  take(slot: number): NoncePair | undefined {
    const pair = this.#pairs.get(slot)?.shift()
    if (pair !== undefined) this.#used.add(hexOf(pair.hiding))
    return pair
  }

  /** Drops what is left of a member's pairs: it has been restarted and knows none of them. */
  forget(slot: number): void {
    this.#pairs.delete(slot)
  }

  /** Keeps a pair, unless it is known, used, or no pair of points: with that no honest member could sign. */
  add(slot: number, pair: NoncePair): void {
    if (!this.#frost.isPoint(pair.hiding) || !this.#frost.isPoint(pair.binding)) return
    const pairs = this.#pairs.get(slot) ?? []
    const known = pairs.some(other => hexOf(other.hiding) === hexOf(pair.hiding))
    if (known || this.#used.has(hexOf(pair.hiding)) || pairs.length >= MAX_LANE_PAIRS) return
    this.#pairs.set(slot, [...pairs, pair])
    if (this.#used.size > MAX_REMEMBERED) this.#forgetOldest()
  }

  #forgetOldest(): void {
    for (const key of this.#used) {
      if (this.#used.size <= MAX_REMEMBERED / 2) return
      this.#used.delete(key)
    }
  }

  /** Asks for more where few are left. One request a member at a time; failures leave things as they are. */
  refill(members: readonly Member[]): Promise<void> {
    const low = members.filter(member => (this.#pairs.get(member.slot)?.length ?? 0) < LOW_WATER)
    return Promise.all(low.map(member => this.#ask(member))).then(() => {})
  }

  #ask(member: Member): Promise<void> {
    const asked = this.#asking.get(member.slot)
    if (asked !== undefined) return asked
    const asking = this.#askAnew(member)
      // Silence, refusal and nonsense come to the same: this member is not a candidate now.
      .catch(() => {})
      .finally(() => this.#asking.delete(member.slot))
    this.#asking.set(member.slot, asking)
    return asking
  }

  /**
   * A pair that was proposed and not signed with (refused, lost on the way) stays unspent on the member's side and
   * takes its place in the lane for good. Once it lists nothing else, another lane is the only way to fresh pairs.
   */
  async #askAnew(member: Member): Promise<void> {
    const { slot } = member
    if (await this.#fetch(member)) return
    this.#laneIds.set(slot, hexOf(keccak_256(bytesOf(this.#laneIdOf(slot)))))
    await this.#fetch(member)
  }

  /** False when the member's lane holds nothing but pairs that have been proposed. */
  async #fetch({ slot, peerKey }: Member): Promise<boolean> {
    const request = encodeNonceRequest({ keyEpoch: this.#keyEpoch, bootId: this.#laneIdOf(slot) })
    const answer = await this.#network.request(peerKey, CHANNELS.nonces, request, {
      timeoutMs: REQUEST_TIMEOUT_MS,
      maxReplyBytes: MAX_REPLY_BYTES,
    })
    const pairs = decodeNoncePairs(answer)
    for (const pair of pairs) this.add(slot, pair)
    return pairs.length === 0 || (this.#pairs.get(slot)?.length ?? 0) > 0
  }

  #laneIdOf(slot: number): Hash {
    return this.#laneIds.get(slot) ?? this.#bootId
  }
}

/** A signer forgets all but its last few pairs, so what was used thousands of pairs ago cannot come back. */
const MAX_REMEMBERED = 4_096
