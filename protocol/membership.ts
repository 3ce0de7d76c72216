/**
 * What the registry says of a network at one block: who may sign, who may propose, who serves, and under which
 * key.
 * Everything that is accepted or refused is judged against one such view.
 */
import type { Address, Hash, Hex } from './bytes.ts'
import { type Quorum, quorumOf } from './quorum.ts'

/** Hex of a peer's 32-byte Ed25519 public key, its libp2p identity. */
export type PeerKey = Hex

export interface Member {
  readonly slot: number
  readonly identity: Address
  readonly peerKey: PeerKey
  readonly suspended: boolean
}

/** An aggregator, a relayer or a gateway: it serves the network and signs no price. */
export interface ServicePeer {
  /** Its place in the registry's list of its role. */
  readonly index: number
  readonly identity: Address
  readonly peerKey: PeerKey
}

export interface GroupKey {
  /** x coordinate of the group key; y is even. */
  readonly px: bigint
  readonly transcriptHash: Hash
  /** Slots that hold shares, ascending. */
  readonly participants: readonly number[]
}

export interface Membership {
  readonly registryVersion: number
  /** 0 until the first group key is installed. */
  readonly keyEpoch: number
  readonly groupKey: GroupKey | undefined
  /** n, f and q are frozen for the key epoch: a suspension never lowers them. */
  readonly quorum: Quorum
  readonly members: readonly Member[]
  readonly aggregators: readonly ServicePeer[]
  readonly relayers: readonly ServicePeer[]
  readonly gateways: readonly ServicePeer[]
}

type OptionalLists = 'relayers' | 'gateways'

/** What a membership is made from: a network may be without relayers and gateways. */
export type MembershipFields = Omit<Membership, 'quorum' | OptionalLists> &
  Partial<Pick<Membership, OptionalLists>>

export function membershipOf(fields: MembershipFields): Membership {
  return { relayers: [], gateways: [], ...fields, quorum: quorumOf(fields.members.length) }
}

export function memberBySlot(membership: Membership, slot: number): Member | undefined {
  return membership.members[slot]
}

export function memberByIdentity(membership: Membership, identity: Address): Member | undefined {
  return membership.members.find(member => member.identity === identity)
}

export function aggregatorByIdentity(membership: Membership, identity: Address): ServicePeer | undefined {
  return membership.aggregators.find(aggregator => aggregator.identity === identity)
}

export function relayerByIdentity(membership: Membership, identity: Address): ServicePeer | undefined {
  return membership.relayers.find(relayer => relayer.identity === identity)
}

export function relayerByPeerKey(membership: Membership, peerKey: PeerKey): ServicePeer | undefined {
  return membership.relayers.find(relayer => relayer.peerKey === peerKey)
}

/** The peer keys of all whom the registry lists, whatever their role: nobody else is talked to. */
export function peerKeysOf(membership: Membership): ReadonlySet<PeerKey> {
  const { members, aggregators, relayers, gateways } = membership
  return new Set([...members, ...aggregators, ...relayers, ...gateways].map(({ peerKey }) => peerKey))
}

export function activeMembers(membership: Membership): readonly Member[] {
  return membership.members.filter(member => !member.suspended)
}

/** Slots → the bitmap the registry stores. */
export function bitmapOf(slots: readonly number[]): bigint {
  return slots.reduce((bits, slot) => bits | (1n << BigInt(slot)), 0n)
}

/** The inverse of {@link bitmapOf}, ascending. */
export function slotsOf(bitmap: bigint): number[] {
  const slots: number[] = []
  for (let slot = 0; bitmap >> BigInt(slot) !== 0n; slot++) {
    if ((bitmap >> BigInt(slot)) & 1n) slots.push(slot)
  }
  return slots
}
