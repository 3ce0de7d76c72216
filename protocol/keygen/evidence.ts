/**
 * Reads sealed messages of one attempt as anybody can who knows its terms and the identities of its members. A message
 * is `good`, or `bad`, which is a proof against who sealed it, or `foreign`: not sealed by that member for this
 * attempt, which proves nothing, for anybody could show it.
 */

import { BEACON_SUITE } from '../beacon/suite.ts'
import { type Address, DecodeError, type Hash, hexOf } from '../bytes.ts'
import type { Domain } from '../domain.ts'
import { isPoint, SIGNING_SUITE, shareFits } from '../frost.ts'
import type { IdentityCrypto } from '../identity.ts'
import { MESSAGE_KIND, type MessageKind, openMessage } from '../message.ts'
import { attemptIdOf, type KeygenAttempt } from './attempt.ts'
import {
  type DealtShares,
  decodeHeard,
  decodeKeygenReport,
  decodeKeyShare,
  decodeTranscriptVote,
  type Heard,
  type KeygenReport,
} from './messages.ts'
import { proofHolds } from './proof-of-knowledge.ts'
import {
  type DealerCommitment,
  decodeDealerCommitment,
  encodeTranscript,
  transcriptHashOf,
} from './transcript.ts'

/** Everything that a judgement depends on. */
export interface Court {
  readonly domain: Domain
  readonly terms: KeygenAttempt
  readonly attemptId: Hash
  identityOf(slot: number): Address | undefined
  readonly crypto: Pick<IdentityCrypto, 'recover'>
}

export function courtOf(
  domain: Domain,
  terms: KeygenAttempt,
  members: readonly { readonly slot: number; readonly identity: Address }[],
  crypto: Pick<IdentityCrypto, 'recover'>,
): Court {
  const participants = new Set(terms.participants)
  const identities = new Map(
    members.filter(({ slot }) => participants.has(slot)).map(({ slot, identity }) => [slot, identity]),
  )
  return {
    ...{ domain, terms, crypto },
    attemptId: attemptIdOf(domain, terms),
    identityOf: slot => identities.get(slot),
  }
}

export type Evidence<T, F extends string = never> =
  | { readonly kind: 'good'; readonly value: T }
  | { readonly kind: 'bad'; readonly fault: F }
  | { readonly kind: 'foreign' }

const FOREIGN = { kind: 'foreign' } as const
const ATTEMPT_BYTES = 32

/** The body of what a participant sealed for this attempt, or undefined when it is nothing of the sort. */
export function sealedBy(
  court: Court,
  kind: MessageKind,
  slot: number,
  sealed: Uint8Array,
): Uint8Array | undefined {
  const { domain, attemptId, crypto, terms } = court
  const identity = court.identityOf(slot)
  try {
    const { body, keyEpoch, sender } = openMessage(domain, kind, sealed, crypto)
    const fits = identity !== undefined && sender === identity && keyEpoch === terms.keyEpoch
    return fits && hexOf(body.subarray(0, ATTEMPT_BYTES)) === attemptId ? body : undefined
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}

function decoded<T>(decode: (body: Uint8Array) => T, body: Uint8Array): T | undefined {
  try {
    return decode(body)
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}

export function readCommitment(
  court: Court,
  slot: number,
  sealed: Uint8Array,
): Evidence<DealerCommitment, 'BAD_COMMITMENT' | 'BAD_PROOF'> {
  const body = sealedBy(court, MESSAGE_KIND.keygenCommitment, slot, sealed)
  if (body === undefined) return FOREIGN
  const dealer = dealerOf(court, slot, body)
  if (
    dealer === undefined ||
    ![dealer.signing, dealer.beacon].every(dealt => dealt.commitment.every(isPoint))
  ) {
    return { kind: 'bad', fault: 'BAD_COMMITMENT' }
  }
  const proven =
    proofHolds(SIGNING_SUITE, slot, dealer.signing) && proofHolds(BEACON_SUITE, slot, dealer.beacon)
  return proven ? { kind: 'good', value: dealer } : { kind: 'bad', fault: 'BAD_PROOF' }
}

/** A dealer's commitments of the right length. Whether they are points, and known to the dealer, costs more. */
function dealerOf(court: Court, slot: number, body: Uint8Array): DealerCommitment | undefined {
  const dealer = decoded(decodeDealerCommitment, body)?.dealer
  return dealer?.slot === slot && dealer.signing.commitment.length === court.terms.threshold
    ? dealer
    : undefined
}

/** The hash that a member voted for. */
export function readVote(court: Court, slot: number, sealed: Uint8Array): Evidence<Hash, 'BAD_VOTE'> {
  const body = sealedBy(court, MESSAGE_KIND.keygenTranscript, slot, sealed)
  if (body === undefined) return FOREIGN
  const vote = decoded(decodeTranscriptVote, body)
  return vote === undefined
    ? { kind: 'bad', fault: 'BAD_VOTE' }
    : { kind: 'good', value: vote.transcriptHash }
}

/** A dealer's shares for `recipient`. One for somebody else proves nothing: that one may have passed it on. */
export function readShare(
  court: Court,
  dealer: DealerCommitment,
  recipient: number,
  sealed: Uint8Array,
): Evidence<DealtShares, 'BAD_SHARE'> {
  const body = sealedBy(court, MESSAGE_KIND.keygenShare, dealer.slot, sealed)
  if (body?.[ATTEMPT_BYTES] !== recipient) return FOREIGN
  const shares = decoded(decodeKeyShare, body)?.shares
  const fits =
    shares !== undefined &&
    shareFits(recipient, shares.signing, dealer.signing.commitment) &&
    shareFits(recipient, shares.beacon, dealer.beacon.commitment)
  return fits ? { kind: 'good', value: shares } : { kind: 'bad', fault: 'BAD_SHARE' }
}

/**
 * What a member says it has heard. Bad when the vote it names does not follow from the commitments it shows: every
 * participant's, each sealed by its dealer.
 */
export function readHeard(
  court: Court,
  slot: number,
  sealed: Uint8Array,
): Evidence<Heard & { readonly dealers: readonly DealerCommitment[] }, 'BAD_VOTE'> {
  const body = sealedBy(court, MESSAGE_KIND.keygenHeard, slot, sealed)
  if (body === undefined) return FOREIGN
  const heard = decoded(decodeHeard, body)
  const { participants } = court.terms
  if (heard === undefined || heard.commitments.length !== participants.length)
    return { kind: 'bad', fault: 'BAD_VOTE' }
  const dealers = heard.commitments.flatMap((commitment, index) => {
    const dealing = participants[index] ?? -1
    const dealt = sealedBy(court, MESSAGE_KIND.keygenCommitment, dealing, commitment)
    const dealer = dealt === undefined ? undefined : dealerOf(court, dealing, dealt)
    return dealer === undefined ? [] : [dealer]
  })
  const follows =
    dealers.length === participants.length &&
    transcriptHashOf(encodeTranscript(court.attemptId, dealers)) === heard.transcriptHash
  return follows ? { kind: 'good', value: { ...heard, dealers } } : { kind: 'bad', fault: 'BAD_VOTE' }
}

/**
 * Whether every participant says under its seal that it holds its shares under this transcript. Costs a signature
 * check a participant, and nothing when their number is another one.
 *
 * @param sealed reports in order of slot
 */
export function allFinished(court: Court, transcriptHash: Hash, sealed: readonly Uint8Array[]): boolean {
  const { participants } = court.terms
  return (
    sealed.length === participants.length &&
    participants.every((slot, index) => {
      const read = readReport(court, slot, sealed[index] ?? new Uint8Array())
      return (
        read.kind === 'good' && read.value.kind === 'finished' && read.value.transcriptHash === transcriptHash
      )
    })
  )
}

/** Foreign, too, when it is sealed nonsense: whoever says nothing that can be read has said nothing. */
export function readReport(court: Court, slot: number, sealed: Uint8Array): Evidence<KeygenReport> {
  const body = sealedBy(court, MESSAGE_KIND.keygenResult, slot, sealed)
  const report = body === undefined ? undefined : decoded(decodeKeygenReport, body)
  return report === undefined ? FOREIGN : { kind: 'good', value: report.report }
}
