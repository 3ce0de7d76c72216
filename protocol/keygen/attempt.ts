/** One attempt at a group key: what it is for, who takes part, and the name that all its messages carry. */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { ByteWriter, type Hash, hexOf } from '../bytes.ts'
import type { Domain } from '../domain.ts'
import type { Member, RegistryView } from '../membership.ts'
import { type Quorum, quorumOf } from '../quorum.ts'

export interface KeygenAttempt {
  /** The epoch the new key will have: the current one + 1. */
  readonly keyEpoch: number
  readonly registryVersion: number
  /** The list of members that will be in force under the new key: its slots take part. */
  readonly memberSet: number
  /**
   * Index of the aggregator that called it. Numbers grow for each caller by itself: without it in the name, one
   * could call again what another has called, and members would deal twice under one name.
   */
  readonly caller: number
  /** Grows with every attempt of this caller, so that messages of an abandoned one mean nothing. */
  readonly attempt: number
  /** Slots, ascending. */
  readonly participants: readonly number[]
  /** Shares needed to sign: q of the whole list of members, also when fewer than n take part. */
  readonly threshold: number
}

/** A caller's turn lasts this many attempts, so that one that began late in it can still be repeated. */
const ATTEMPTS_PER_TURN = 3

/** Index of the aggregator that may break off another one's attempt now. */
export function callerTurn(unixMs: number, attemptTimeoutMs: number, aggregators: number): number {
  return Math.floor(unixMs / (ATTEMPTS_PER_TURN * attemptTimeoutMs)) % aggregators
}

export function attemptIdOf(domain: Domain, attempt: KeygenAttempt): Hash {
  const writer = new ByteWriter()
    .uint(domain.chainId, 8)
    .hex(domain.registry, 20)
    .uint(attempt.keyEpoch, 4)
    .uint(attempt.registryVersion, 4)
    .uint(attempt.memberSet, 4)
    .uint(attempt.caller, 1)
    .uint(attempt.attempt, 6)
    .uint(attempt.threshold, 1)
    .uint(attempt.participants.length, 1)
  for (const slot of attempt.participants) writer.uint(slot, 1)
  return hexOf(keccak_256(writer.done()))
}

/** For whom the next key is made: a pending list when there is one, else the one in force. */
export interface KeyTerms {
  readonly keyEpoch: number
  readonly registryVersion: number
  readonly memberSet: number
  readonly quorum: Quorum
  /** Who may take part, by slot, ascending: a suspended member may not. */
  readonly members: readonly Member[]
}

export function nextKeyOf({ newest, pending }: RegistryView): KeyTerms {
  const { memberSet, members } = pending ?? newest
  return {
    keyEpoch: newest.keyEpoch + 1,
    registryVersion: newest.registryVersion,
    memberSet,
    quorum: quorumOf(members.length),
    members: members.filter(member => !member.suspended),
  }
}

/** Who may take part and is not called. */
export function leftOut({ participants }: KeygenAttempt, { members }: KeyTerms): Member[] {
  return members.filter(({ slot }) => !participants.includes(slot))
}

/** Whether an attempt is for the next key: the same lists, at least a quorum, in order, of those that may take part. */
export function attemptFits(attempt: KeygenAttempt, terms: KeyTerms): boolean {
  const { participants } = attempt
  const eligible = new Set(terms.members.map(({ slot }) => slot))
  return (
    attempt.keyEpoch === terms.keyEpoch &&
    attempt.registryVersion === terms.registryVersion &&
    attempt.memberSet === terms.memberSet &&
    attempt.threshold === terms.quorum.q &&
    participants.length >= terms.quorum.q &&
    participants.every((slot, index) => slot > (participants[index - 1] ?? -1) && eligible.has(slot))
  )
}
