/**
 * Who is to blame for an attempt that failed, and whether it is proven. A proof is made of sealed messages, so
 * whoever knows the terms and the identities comes to the same judgement; nobody is believed.
 */

import { compareBytes, type Hash } from '../bytes.ts'
import { MESSAGE_KIND } from '../message.ts'
import {
  type Court,
  readCommitment,
  readHeard,
  readReport,
  readShare,
  readVote,
  sealedBy,
} from './evidence.ts'
import type { MemberBlame, Stage } from './messages.ts'

/**
 * - `BAD_COMMITMENT`, `BAD_PROOF`: a dealer's commitments are malformed, or its proof of knowledge is false.
 * - `TWO_COMMITMENTS`: a dealer told two stories.
 * - `BAD_VOTE`: a member voted for what does not follow from what it heard, or finished with another transcript than the rest.
 * - `BAD_SHARE`: a dealer's share does not fit its commitments.
 * - `FALSE_COMPLAINT`: a member accused another one without a proof, or did not go on with what was handed to it.
 * - `BAD_SIGNATURE`: a member's share of the installation's signature was false. Only the caller saw it.
 * - `SILENT`: a member did not answer the caller itself, or so late that time ran out, which nobody can prove.
 */
export const KEYGEN_FAULTS = [
  'BAD_COMMITMENT',
  'BAD_PROOF',
  'TWO_COMMITMENTS',
  'BAD_VOTE',
  'BAD_SHARE',
  'FALSE_COMPLAINT',
  'BAD_SIGNATURE',
  'SILENT',
] as const
export type KeygenFault = (typeof KEYGEN_FAULTS)[number]

/** An accusation with what is to prove it, all of it sealed. */
export type Blame =
  | MemberBlame
  | {
      readonly fault: 'TWO_COMMITMENTS'
      readonly slot: number
      readonly first: Uint8Array
      readonly second: Uint8Array
    }
  | {
      readonly fault: 'BAD_VOTE'
      readonly slot: number
      readonly heard: Uint8Array
      /** Another vote of the same member; without it, what it heard contradicts itself. */
      readonly vote?: Uint8Array
    }
  /** A report that accuses without a proof. */
  | { readonly fault: 'FALSE_COMPLAINT'; readonly slot: number; readonly report: Uint8Array }

/** What a caller was not answered. */
export type Silence = Stage | 'report' | 'heard' | 'hand-over' | 'install' | 'in time'

/** One member that the next attempt is made without, and why. */
export interface Exclusion {
  readonly slot: number
  readonly fault: KeygenFault
  /** What convinces anybody; absent where only the caller saw it. */
  readonly proof?: Blame
  readonly what?: Silence
}

/** Whether an accusation is proven. */
export function judge(blame: Blame, court: Court): boolean {
  switch (blame.fault) {
    case 'BAD_COMMITMENT':
    case 'BAD_PROOF': {
      const read = readCommitment(court, blame.slot, blame.commitment)
      return read.kind === 'bad' && read.fault === blame.fault
    }
    case 'TWO_COMMITMENTS': {
      const [first, second] = [blame.first, blame.second].map(sealed =>
        sealedBy(court, MESSAGE_KIND.keygenCommitment, blame.slot, sealed),
      )
      // Bodies, not seals: of one body there may be many signatures.
      return first !== undefined && second !== undefined && compareBytes(first, second) !== 0
    }
    case 'BAD_VOTE': {
      const heard = readHeard(court, blame.slot, blame.heard)
      if (heard.kind !== 'good') return heard.kind === 'bad'
      const vote = blame.vote === undefined ? undefined : readVote(court, blame.slot, blame.vote)
      if (vote === undefined || vote.kind === 'foreign') return false
      return vote.kind === 'bad' || vote.value !== heard.value.transcriptHash
    }
    case 'BAD_SHARE':
      return judgeShare(blame, court)
    case 'FALSE_COMPLAINT': {
      const read = readReport(court, blame.slot, blame.report)
      return read.kind === 'good' && read.value.kind === 'blame' && !judge(read.value.blame, court)
    }
  }
}

function judgeShare(blame: Extract<Blame, { fault: 'BAD_SHARE' }>, court: Court): boolean {
  const commitment = readCommitment(court, blame.slot, blame.commitment)
  const recipient = recipientOf(blame.share, court, blame.slot)
  if (commitment.kind !== 'good' || recipient === undefined) return false
  return readShare(court, commitment.value, recipient, blame.share).kind === 'bad'
}

/** Whom a sealed share is for; undefined for nobody in this attempt. */
function recipientOf(sealed: Uint8Array, court: Court, dealer: number): number | undefined {
  const recipient = sealedBy(court, MESSAGE_KIND.keygenShare, dealer, sealed)?.[32]
  if (recipient === undefined || recipient === dealer) return undefined
  return court.terms.participants.includes(recipient) ? recipient : undefined
}

/** Somebody's word that another member voted for another transcript. */
export interface Difference {
  readonly accuser: number
  readonly slot: number
  readonly vote: Uint8Array
}

/**
 * Votes differ because a dealer told two stories, or because somebody voted for what it did not hear, or because
 * somebody only says so. What all have heard tells which; whoever does not show it has something to hide. At least one
 * comes out of it, and no honest member does.
 *
 * @param heard by slot, sealed; undefined for a participant that did not show it
 */
export function judgeVotes(
  differences: readonly Difference[],
  heard: ReadonlyMap<number, Uint8Array>,
  court: Court,
): Exclusion[] {
  const found: Exclusion[] = []
  const votes = new Map<number, Hash>()
  const stories = new Map<number, { readonly body: Uint8Array; readonly sealed: Uint8Array }>()
  const isFound = (slot: number): boolean => found.some(exclusion => exclusion.slot === slot)
  const exclude = (exclusion: Exclusion): void => {
    if (!isFound(exclusion.slot)) found.push(exclusion)
  }

  for (const slot of court.terms.participants) {
    const sealed = heard.get(slot)
    const read = sealed === undefined ? undefined : readHeard(court, slot, sealed)
    if (sealed === undefined || read === undefined || read.kind === 'foreign') {
      exclude({ slot, fault: 'SILENT', what: 'heard' })
      continue
    }
    if (read.kind === 'bad') {
      exclude({ slot, fault: 'BAD_VOTE', proof: { fault: 'BAD_VOTE', slot, heard: sealed } })
      continue
    }
    votes.set(slot, read.value.transcriptHash)
    read.value.commitments.forEach((second, index) => {
      const dealer = read.value.dealers[index]?.slot ?? -1
      const body = sealedBy(court, MESSAGE_KIND.keygenCommitment, dealer, second)
      const story = stories.get(dealer)
      if (body === undefined) return
      if (story === undefined) stories.set(dealer, { body, sealed: second })
      else if (compareBytes(story.body, body) !== 0) {
        const proof = { fault: 'TWO_COMMITMENTS', slot: dealer, first: story.sealed, second } as const
        exclude({ slot: dealer, fault: 'TWO_COMMITMENTS', proof })
      }
    })
  }
  for (const { accuser, slot, vote } of differences) {
    const sealed = heard.get(slot)
    const own = votes.get(accuser)
    const said = readVote(court, slot, vote)
    if (said.kind === 'foreign' || (said.kind === 'good' && said.value === own)) {
      // Its own list leads to the very vote that it calls another one, or nobody voted so.
      exclude({ slot: accuser, fault: 'FALSE_COMPLAINT' })
      continue
    }
    if (sealed === undefined) continue
    const proof = { fault: 'BAD_VOTE', slot, heard: sealed, vote } as const
    if (judge(proof, court)) exclude({ slot, fault: 'BAD_VOTE', proof })
  }
  return found
}
