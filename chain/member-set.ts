/** The members that a quorum of those in force agrees on: what it signs, and the call that makes the list pending. */
import { type AbiParameter, encodeAbiParameters, keccak256, zeroAddress, zeroHash } from 'viem'
import type { Address, Hash } from '../protocol/bytes.ts'
import { type Domain, digestOf, STRUCTS } from '../protocol/domain.ts'
import type { PeerKey } from '../protocol/membership.ts'
import { oracleRegistryAbi } from './abi/oracle-registry.ts'
import { contractSignature } from './price-feed.ts'
import type { ContractCall } from './transactor.ts'

/** A member as the registry lists it. */
export interface ListedMember {
  readonly identity: Address
  readonly peerKey: PeerKey
}

/** The index is the slot; undefined is an empty one. */
export type MemberList = readonly (ListedMember | undefined)[]

const EMPTY_SLOT: ListedMember = { identity: zeroAddress, peerKey: zeroHash }

const MEMBERS: readonly AbiParameter[] = [
  {
    type: 'tuple[]',
    components: [
      { name: 'identity', type: 'address' },
      { name: 'peerKey', type: 'bytes32' },
    ],
  },
]

/** A list as the contract's array is encoded. */
export function contractMembers(list: MemberList): ListedMember[] {
  return list.map(member => member ?? EMPTY_SLOT)
}

/** keccak256(abi.encode(members)). */
export function membersHashOf(list: MemberList): Hash {
  return keccak256(encodeAbiParameters(MEMBERS, [contractMembers(list)]))
}

/** What a quorum of the active members in force signs. @param registryVersion the current one: a proposal raises it */
export function memberSetDigest(domain: Domain, registryVersion: number, list: MemberList): Uint8Array {
  return digestOf(domain, STRUCTS.memberSet, { registryVersion, membersHash: membersHashOf(list) })
}

/** @param signatures 64 bytes each, of at least a quorum, ascending by the signer's address */
export function proposeMembersCall(
  registry: Address,
  list: MemberList,
  signatures: readonly Uint8Array[],
): ContractCall {
  return {
    address: registry,
    abi: oracleRegistryAbi,
    functionName: 'proposeMembers',
    args: [contractMembers(list), signatures.map(contractSignature)],
  }
}
