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
  /** Number of the list of members; rises when a rotation brings another list into force. */
  readonly memberSet: number
  /** 0 until the first group key is installed. */
  readonly keyEpoch: number
  /**
   * Undefined until the first one is installed, and again, in a key epoch of its own, from when the timelock has
   * replaced all members until these have made one: a quorum of identities alone certifies then.
   */
  readonly groupKey: GroupKey | undefined
  /** n, f and q are frozen for the key epoch: a suspension never lowers them. */
  readonly quorum: Quorum
  /** By slot, ascending. A slot that a member has left may be empty: then it is not listed. */
  readonly members: readonly Member[]
  readonly aggregators: readonly ServicePeer[]
  readonly relayers: readonly ServicePeer[]
  readonly gateways: readonly ServicePeer[]
}

/** Members that a quorum has agreed on, and that the next rotation brings into force. */
export interface PendingMembers {
  readonly memberSet: number
  /** Suspended: since the list was proposed, so they make no key with the others and stay so when it is in force. */
  readonly members: readonly Member[]
}

/**
 * Everything the registry says at one block. Around a rotation two memberships stand in it: which of them counts is
 * a question of time alone, so everybody changes over in the same round ({@link membershipAt}).
 */
export interface RegistryView {
  /** Under the newest key. */
  readonly newest: Membership
  /** Under the key before it; undefined when there was none. */
  readonly previous: Membership | undefined
  /** Unix seconds. Rounds that start at or after it belong to `newest`, those before it to `previous`. */
  readonly switchAtSec: number
  readonly pending: PendingMembers | undefined
}

/** The membership that counts for what begins at `unixMs`, such as a round. */
export function membershipAt({ newest, previous, switchAtSec }: RegistryView, unixMs: number): Membership {
  return previous === undefined || unixMs >= switchAtSec * 1_000 ? newest : previous
}

type OptionalFields = 'relayers' | 'gateways' | 'memberSet'

/** What a membership is made from: a network may be without relayers and gateways, and begins with its first list. */
export type MembershipFields = Omit<Membership, 'quorum' | OptionalFields> &
  Partial<Pick<Membership, OptionalFields>>

export function membershipOf(fields: MembershipFields): Membership {
  return { relayers: [], gateways: [], memberSet: 1, ...fields, quorum: quorumOf(fields.members.length) }
}

export function memberBySlot(membership: Membership, slot: number): Member | undefined {
  const member = membership.members[slot]
  // Nearly always in its place; where a slot before it is empty, it is not.
  return member?.slot === slot ? member : membership.members.find(other => other.slot === slot)
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

/**
 * The peer keys of all whom the registry lists, whatever their role: nobody else is talked to. Members that are about
 * to come are among them, for they take part in making their key; those that go are while their key still counts.
 */
export function peerKeysOf({ newest, previous, pending }: RegistryView): ReadonlySet<PeerKey> {
  const { members, aggregators, relayers, gateways } = newest
  const around = [...(previous?.members ?? []), ...(pending?.members ?? [])]
  return new Set([...members, ...around, ...aggregators, ...relayers, ...gateways].map(peer => peer.peerKey))
}

/**
 * Somebody's place in the network, whichever of its lists it is in: a member may have just left, or be about to come.
 * Its slot is the same in all of them.
 */
export function seatOf(
  { newest, previous, pending }: RegistryView,
  identity: Address,
): Pick<Member, 'slot' | 'identity' | 'peerKey'> | undefined {
  const members = [...newest.members, ...(pending?.members ?? []), ...(previous?.members ?? [])]
  return members.find(member => member.identity === identity)
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
