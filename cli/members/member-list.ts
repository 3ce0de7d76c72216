/** A list of members to be proposed: what its file says, what the registry would say to it, and what it changes. */
import { zeroAddress, zeroHash } from 'viem'
import { z } from 'zod'
import type { ListedMember, MemberList } from '../../chain/member-set.ts'
import { readDocument } from '../../config/load.ts'
import type { Address } from '../../protocol/bytes.ts'
import type { Member, Membership } from '../../protocol/membership.ts'
import { MAX_MEMBERS, quorumOf } from '../../protocol/quorum.ts'
import { hexadecimal } from '../agreement/hexadecimal.ts'

/** Fewer cannot bear a single liar. */
const MIN_MEMBERS = 4
/** Where the contract lets a network have a single member. */
const DEVELOPMENT_CHAIN_ID = 31_337

export type ListProblemCode =
  | 'TOO_FEW_MEMBERS'
  | 'ZERO_IDENTITY'
  | 'ZERO_PEER_KEY'
  | 'DUPLICATE_IDENTITY'
  | 'DUPLICATE_PEER_KEY'
  /** Somebody who is a member has another slot in the list. */
  | 'SLOT_MOVED'

export interface ListProblem {
  readonly code: ListProblemCode
  readonly sentence: string
}

export type SlotChangeKind = 'stays' | 'reinstated' | 'new peer key' | 'joins' | 'leaves'

/** What becomes of somebody's place. A slot whose member is replaced has two: one leaves, one joins. */
export interface SlotChange {
  readonly slot: number
  readonly identity: Address
  readonly kind: SlotChangeKind
}

const entrySchema = z.strictObject({
  slot: z
    .int()
    .min(0)
    .max(MAX_MEMBERS - 1),
  identity: hexadecimal(40),
  peerKey: hexadecimal(64),
})
/** The place of an entry is its slot; it is written into the entry as well, for whoever reads or edits the file. */
const listSchema = z
  .array(z.union([z.null(), entrySchema]))
  .min(1)
  .max(MAX_MEMBERS)
  .superRefine((list, context) => {
    for (const [place, entry] of list.entries())
      if (entry !== null && entry.slot !== place)
        context.addIssue({
          code: 'custom',
          path: [place, 'slot'],
          message: `slot ${entry.slot} stands in place ${place}: an empty slot before it is null`,
        })
  })

/** @throws {ConfigError} naming everything that is wrong with the file */
export function readListFile(file: string): MemberList {
  return readDocument(file, listSchema).map(entry =>
    entry === null ? undefined : { identity: entry.identity, peerKey: entry.peerKey },
  )
}

/** The members that a list has, as the registry will list them. */
export function membersIn(list: MemberList): Member[] {
  return list.flatMap((member, slot) => (member === undefined ? [] : [{ slot, ...member, suspended: false }]))
}

/** Everything for which the registry would refuse the list. */
export function problemsOf(list: MemberList, inForce: Membership, chainId: number): ListProblem[] {
  const members = membersIn(list)
  const minimum = chainId === DEVELOPMENT_CHAIN_ID ? 1 : MIN_MEMBERS
  const tooFew: ListProblem[] =
    members.length >= minimum
      ? []
      : [
          {
            code: 'TOO_FEW_MEMBERS',
            sentence: `${members.length} members are listed, at least ${minimum} must be`,
          },
        ]
  return [...tooFew, ...duplicates(members, inForce), ...moved(members, inForce)]
}

/** Nobody has two places in a network, whatever the roles. */
function duplicates(members: readonly Member[], inForce: Membership): ListProblem[] {
  const { aggregators, relayers, gateways } = inForce
  const services = [
    ...aggregators.map(peer => ({ ...peer, where: `aggregator ${peer.index}` })),
    ...relayers.map(peer => ({ ...peer, where: `relayer ${peer.index}` })),
    ...gateways.map(peer => ({ ...peer, where: `gateway ${peer.index}` })),
  ]
  const identities = new Map(services.map(({ identity, where }) => [identity, where]))
  const peerKeys = new Map(services.map(({ peerKey, where }) => [peerKey, where]))
  const problems: ListProblem[] = []
  for (const { slot, identity, peerKey } of members) {
    const where = `slot ${slot}`
    const sameIdentity = identities.get(identity)
    const samePeerKey = peerKeys.get(peerKey)
    if (identity === zeroAddress)
      problems.push({ code: 'ZERO_IDENTITY', sentence: `${where} has no identity: an empty slot is null` })
    else if (sameIdentity !== undefined)
      problems.push({ code: 'DUPLICATE_IDENTITY', sentence: `${where} has the identity of ${sameIdentity}` })
    if (peerKey === zeroHash) problems.push({ code: 'ZERO_PEER_KEY', sentence: `${where} has no peer key` })
    else if (samePeerKey !== undefined)
      problems.push({ code: 'DUPLICATE_PEER_KEY', sentence: `${where} has the peer key of ${samePeerKey}` })
    identities.set(identity, where)
    peerKeys.set(peerKey, where)
  }
  return problems
}

function moved(members: readonly Member[], inForce: Membership): ListProblem[] {
  return members.flatMap(({ slot, identity }) => {
    const now = inForce.members.find(member => member.identity === identity)
    return now === undefined || now.slot === slot
      ? []
      : [
          {
            code: 'SLOT_MOVED',
            sentence: `${identity} has slot ${now.slot} as long as it is a member, not ${slot}`,
          },
        ]
  })
}

/** What the list makes of the members in force, by slot; who leaves a slot comes before who takes it. */
export function changesOf(list: MemberList, inForce: Membership): SlotChange[] {
  const gone = inForce.members
    .filter(({ identity }) => !list.some(member => member?.identity === identity))
    .map(({ slot, identity }): SlotChange => ({ slot, identity, kind: 'leaves' }))
  const listed = membersIn(list).map(
    (member): SlotChange => ({
      slot: member.slot,
      identity: member.identity,
      kind: kindOf(
        member,
        inForce.members.find(({ identity }) => identity === member.identity),
      ),
    }),
  )
  return [...gone, ...listed].sort((a, b) => a.slot - b.slot)
}

function kindOf({ peerKey }: ListedMember, now: Member | undefined): SlotChangeKind {
  if (now === undefined) return 'joins'
  if (now.suspended) return 'reinstated'
  return now.peerKey === peerKey ? 'stays' : 'new peer key'
}

/** What the registry would take, and whoever signs had better know. */
export function warningsOf(list: MemberList, inForce: Membership): string[] {
  const changes = changesOf(list, inForce)
  const { n, q } = quorumOf(membersIn(list).length)
  const known = changes.filter(({ kind }) => kind === 'stays' || kind === 'new peer key').length
  const warnings: string[] = []
  if (known < q)
    warnings.push(
      `the key is made by at least ${q} of these ${n}, and only ${known} of them are active members now: the others have to run before it can be made`,
    )
  if (changes.some(({ kind }) => kind === 'leaves'))
    warnings.push(
      'who leaves must run until the new key counts: a quorum of the members in force signs it, and rounds until then are theirs',
    )
  if (changes.every(({ kind }) => kind === 'stays'))
    warnings.push(
      'these are the members in force: proposing them takes back a pending list, or else reinstates who is suspended',
    )
  return warnings
}
