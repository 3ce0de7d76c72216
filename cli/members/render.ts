/** How the registry and a list look to people. */
import { type Member, type Membership, memberBySlot, membershipAt } from '../../protocol/membership.ts'
import type { RegistryFacts } from '../agreement/registry.ts'
import { utc } from '../agreement/time.ts'
import type { SlotChange } from './member-list.ts'

/** What `members show --json` says. Times are Unix seconds. */
export function registryJson({ domain, view, handoverSec, nowSec }: RegistryFacts) {
  const { newest, previous, switchAtSec, pending } = view
  const counting = membershipAt(view, nowSec * 1_000)
  return {
    registry: domain.registry,
    chainId: domain.chainId,
    registryVersion: newest.registryVersion,
    atSec: nowSec,
    countsNow: { keyEpoch: counting.keyEpoch, memberSet: counting.memberSet },
    newest: membershipJson(newest),
    previous: previous === undefined ? null : membershipJson(previous),
    switchesAtSec: newest.keyEpoch === 0 ? null : switchAtSec,
    previousUntilSec: previous === undefined ? null : switchAtSec + handoverSec,
    pending:
      pending === undefined
        ? null
        : {
            memberSet: pending.memberSet,
            members: pending.members.map(({ slot, identity, peerKey }) => ({ slot, identity, peerKey })),
          },
  }
}

function membershipJson(membership: Membership) {
  const { memberSet, keyEpoch, groupKey, quorum, members } = membership
  return {
    memberSet,
    keyEpoch,
    groupKeyX: groupKey === undefined ? null : hexOfKey(groupKey.px),
    n: quorum.n,
    f: quorum.f,
    q: quorum.q,
    members: members.map(({ slot, identity, peerKey, suspended }) => ({
      slot,
      identity,
      peerKey,
      suspended,
      holdsShare: groupKey?.participants.includes(slot) === true,
    })),
  }
}

function hexOfKey(px: bigint): string {
  return `0x${px.toString(16).padStart(64, '0')}`
}

/** What `members show` says. */
export function renderRegistry({ domain, view, handoverSec, nowSec }: RegistryFacts): string[] {
  const { newest, previous, switchAtSec, pending } = view
  const lines = [
    `registry ${domain.registry} on chain ${domain.chainId}, version ${newest.registryVersion}, at ${utc(nowSec)}`,
    ...renderMembership('in force', newest),
  ]
  if (newest.groupKey === undefined)
    lines.push('  no group key yet: one is made as soon as a quorum is connected')
  else if (previous !== undefined && nowSec < switchAtSec)
    lines.push(`  counts for rounds from ${utc(switchAtSec)} on, in ${switchAtSec - nowSec} s`)
  else lines.push(`  counts since ${utc(switchAtSec)}`)
  if (previous !== undefined) {
    lines.push(...renderMembership('previous', previous))
    const untilSec = switchAtSec + handoverSec
    lines.push(
      nowSec < untilSec
        ? `  counts for rounds before ${utc(switchAtSec)}; its reports are taken until ${utc(untilSec)}`
        : `  counts no more since ${utc(untilSec)}`,
    )
  }
  if (pending === undefined) return [...lines, 'no list is pending']
  lines.push(`pending: member set ${pending.memberSet}, in force with the next key`)
  for (const member of pending.members) {
    const before = newest.members.find(({ identity }) => identity === member.identity)
    lines.push(memberLine(member, becomes(member, before)))
  }
  for (const member of newest.members)
    if (!pending.members.some(({ identity }) => identity === member.identity))
      lines.push(memberLine(member, 'leaves'))
  return lines
}

/** What the rotation makes of a member of the pending list. */
function becomes(member: Member, before: Member | undefined): string {
  if (member.suspended) return 'stays suspended'
  if (before === undefined) return 'joins'
  return before.suspended ? 'reinstated' : 'stays'
}

function renderMembership(what: string, membership: Membership): string[] {
  const { memberSet, keyEpoch, groupKey, quorum, members } = membership
  const { n, f, q } = quorum
  const key = groupKey === undefined ? '' : `, group key ${hexOfKey(groupKey.px)}`
  return [
    `${what}: member set ${memberSet}, key epoch ${keyEpoch}${key}; n ${n}, f ${f}, q ${q}`,
    ...members.map(member => memberLine(member, statusOf(member, membership))),
  ]
}

function statusOf({ slot, suspended }: Member, { groupKey }: Membership): string {
  const share = groupKey?.participants.includes(slot) === true ? 'holds a share' : 'no share'
  return suspended ? `suspended, ${share}` : share
}

function memberLine({ slot, identity, peerKey }: Member, status: string): string {
  return `  slot ${String(slot).padEnd(3)} ${identity}  ${peerKey}  ${status}`
}

/** What a list makes of the members in force. */
export function renderChanges(changes: readonly SlotChange[], inForce: Membership): string[] {
  return changes.map(({ slot, identity, kind }) => {
    const replaces = kind === 'joins' ? memberBySlot(inForce, slot) : undefined
    const of = replaces === undefined ? '' : ` in the place of ${replaces.identity}`
    return `  slot ${String(slot).padEnd(3)} ${identity}  ${kind}${of}`
  })
}
