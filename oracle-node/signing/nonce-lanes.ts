/**
 * This node's unspent nonce pairs, one lane an aggregator's run.
 *
 * A pair lives in memory only: never stored, copied or handed to a thread, and deleted before it signs. Three
 * answers under one pair give away the key share. A restart loses all pairs, which is what makes it safe.
 */
import { equalBytes, type Hash } from '../../protocol/bytes.ts'
import type { FrostSecret } from '../../protocol/frost.ts'
import { type FrostCrypto, type GeneratedNonce, nobleFrostCrypto } from '../../protocol/frost-crypto.ts'
import type { PeerKey } from '../../protocol/membership.ts'
import { MAX_LANE_PAIRS, type NoncePair } from '../../protocol/round/messages.ts'

interface Lane {
  readonly bootId: Hash
  readonly pairs: GeneratedNonce[]
}

/** As many services as a registry lists, times the two keys that count around a rotation. */
const MAX_LANES = 64 * 2

export class NonceLanes {
  /** By aggregator and key epoch: around a rotation rounds under both keys are open at a time. */
  readonly #lanes = new Map<string, Lane>()
  readonly #frost: Pick<FrostCrypto, 'commit'>

  constructor(frostCrypto: Pick<FrostCrypto, 'commit'> = nobleFrostCrypto) {
    this.#frost = frostCrypto
  }

  /** Fills an aggregator's lane up and returns its public pairs. A new boot id starts a new lane. */
  refill(aggregator: PeerKey, bootId: Hash, keyEpoch: number, secret: FrostSecret): NoncePair[] {
    const name = laneName(aggregator, keyEpoch)
    const known = this.#lanes.get(name)
    const lane: Lane = known?.bootId === bootId ? known : { bootId, pairs: [] }
    if (this.#lanes.size >= MAX_LANES && known === undefined) return []
    this.#lanes.set(name, lane)
    while (lane.pairs.length < MAX_LANE_PAIRS) lane.pairs.push(this.#frost.commit(secret))
    return lane.pairs.map(pair => ({ hiding: pair.commitments.hiding, binding: pair.commitments.binding }))
  }

  isUnspent(aggregator: PeerKey, keyEpoch: number, pair: NoncePair): boolean {
    return this.#find(aggregator, keyEpoch, pair) !== undefined
  }

  /** Removes the pair from memory and returns it, once. */
  take(aggregator: PeerKey, keyEpoch: number, pair: NoncePair): GeneratedNonce | undefined {
    const found = this.#find(aggregator, keyEpoch, pair)
    if (found === undefined) return undefined
    found.lane.pairs.splice(found.index, 1)
    return found.nonce
  }

  /** Adds one fresh pair in place of a spent one; its public half goes out with the reply. */
  replace(aggregator: PeerKey, keyEpoch: number, secret: FrostSecret): NoncePair {
    const nonce = this.#frost.commit(secret)
    const lane = this.#lanes.get(laneName(aggregator, keyEpoch))
    if (lane !== undefined && lane.pairs.length < MAX_LANE_PAIRS) lane.pairs.push(nonce)
    return { hiding: nonce.commitments.hiding, binding: nonce.commitments.binding }
  }

  clear(): void {
    this.#lanes.clear()
  }

  /** Forgets the lanes of keys that no round is signed under any more. */
  forgetBefore(keyEpoch: number): void {
    for (const name of this.#lanes.keys()) {
      if (Number(name.split(':')[1]) < keyEpoch) this.#lanes.delete(name)
    }
  }

  #find(aggregator: PeerKey, keyEpoch: number, pair: NoncePair) {
    const lane = this.#lanes.get(laneName(aggregator, keyEpoch))
    if (lane === undefined) return undefined
    const index = lane.pairs.findIndex(
      ({ commitments }) =>
        equalBytes(commitments.hiding, pair.hiding) && equalBytes(commitments.binding, pair.binding),
    )
    const nonce = lane.pairs[index]
    return nonce === undefined ? undefined : { lane, index, nonce }
  }
}

function laneName(aggregator: PeerKey, keyEpoch: number): string {
  return `${aggregator}:${keyEpoch}`
}
