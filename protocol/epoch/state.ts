/**
 * What one epoch leaves to the next: how far every channel has been paid, which holds are open, and which
 * sequence numbers have been taken. Every auditor arrives at the same, so only its hash need be compared.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { type Address, type Hash, type Hex, hexOf } from '../bytes.ts'
import type { Domain } from '../domain.ts'
import { type Hold, holdId } from '../usage/hold.ts'
import { type Channel, channelKey } from '../usage/receipt.ts'
import { FIRST_SEQUENCE, type SequenceState } from '../usage/sequence.ts'
import type { Asset } from '../usage/wire.ts'
import { encodeChannelState, encodeHoldState, encodeWorkerSequence } from './state-codec.ts'

/** Cumulative figures of one channel, in units and in wei of its asset. */
export interface ChannelState {
  readonly channel: Channel
  /** The asset of its holds: `assetOf` the channel. */
  readonly asset: Asset
  readonly units: bigint
  /** Charged under holds. */
  readonly claimed: bigint
  /** Debited and paid on: at most `claimed`. */
  readonly settled: bigint
  /** The part of `settled` that the network fee has been taken of; 0 for IOSD, which pays no fee. */
  readonly feeSettled: bigint
}

export interface HoldState {
  readonly hold: Hold
  /** Wei charged under it. */
  readonly used: bigint
}

export interface WorkerSequence {
  readonly worker: Address
  readonly sequence: SequenceState
}

/** Lists are sorted by their encoded bytes. */
export interface UsageState {
  readonly channels: readonly ChannelState[]
  readonly holds: readonly HoldState[]
  readonly sequences: readonly WorkerSequence[]
}

export const EMPTY_STATE: UsageState = { channels: [], holds: [], sequences: [] }

/** SHA-256 over the canonical encoding: what an auditor remembers of an epoch to judge the next. */
export function stateHash(state: UsageState): Hash {
  const hash = sha256.create()
  for (const channel of state.channels) hash.update(encodeChannelState(channel))
  // Items differ in length and in their leading bytes; a mark between lists keeps one from passing for another.
  hash.update(Uint8Array.of(0xff))
  for (const hold of state.holds) hash.update(encodeHoldState(hold))
  hash.update(Uint8Array.of(0xff))
  for (const worker of state.sequences) hash.update(encodeWorkerSequence(worker))
  return hexOf(hash.digest())
}

/** The state as tables, while an epoch is computed. Owned by one computation, never shared. */
export class UsageTables {
  readonly channels: Map<Hex, ChannelState>
  readonly holds: Map<Hash, HoldState>
  readonly sequences: Map<Address, SequenceState>

  constructor(domain: Domain, state: UsageState) {
    this.channels = new Map(state.channels.map(item => [channelKey(item.channel), item]))
    this.holds = new Map(state.holds.map(item => [holdId(domain, item.hold), item]))
    this.sequences = new Map(state.sequences.map(({ worker, sequence }) => [worker, sequence]))
  }

  sequenceOf(worker: Address): SequenceState {
    return this.sequences.get(worker) ?? FIRST_SEQUENCE
  }

  /** What is left for the epochs after `epoch`: expired holds go, as no charge can name them any more. */
  closing(epoch: number): UsageState {
    const sortedBy = <T>(items: Iterable<T>, encode: (item: T) => Uint8Array): T[] =>
      [...items]
        .map(item => ({ item, key: hexOf(encode(item)) }))
        .sort((a, b) => (a.key < b.key ? -1 : 1))
        .map(({ item }) => item)
    const sequences = [...this.sequences].map(([worker, sequence]) => ({ worker, sequence }))
    return {
      channels: sortedBy(this.channels.values(), encodeChannelState),
      holds: sortedBy(
        [...this.holds.values()].filter(({ hold }) => hold.expiresEpoch > epoch),
        encodeHoldState,
      ),
      sequences: sortedBy(sequences, encodeWorkerSequence),
    }
  }
}
