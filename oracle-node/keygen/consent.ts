/** Whether a member in force may sign for a key that it took no part in making. */
import { DecodeError, type Hash } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import { groupKeyX } from '../../protocol/frost.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import { attemptFits, type KeygenAttempt, type KeyTerms } from '../../protocol/keygen/attempt.ts'
import { allFinished, courtOf } from '../../protocol/keygen/evidence.ts'
import type { ConsentRequest } from '../../protocol/keygen/messages.ts'
import {
  decodeTranscript,
  publicPackageFromTranscript,
  transcriptHashOf,
} from '../../protocol/keygen/transcript.ts'

/**
 * The key, when it is for the next list of members and every participant says under seal that it holds its shares: so
 * all honest ones checked every proof and share in it. Undefined when anything is missing. What costs nothing is looked
 * at first, and no more signatures are than participants.
 *
 * @throws {DecodeError} when the transcript is none
 */
export function keyThatMayBeInstalled(
  domain: Domain,
  terms: KeygenAttempt,
  next: KeyTerms,
  { finished, transcript: bytes }: ConsentRequest,
  crypto: Pick<IdentityCrypto, 'recover'>,
): { readonly px: bigint; readonly transcriptHash: Hash } | undefined {
  if (!attemptFits(terms, next)) return undefined
  const court = courtOf(domain, terms, next.members, crypto)
  const transcriptHash = transcriptHashOf(bytes)
  const { attemptId, transcript } = decodeTranscript(bytes)
  const isOfTheAttempt =
    attemptId === court.attemptId &&
    transcript.length === terms.participants.length &&
    transcript.every(
      ({ slot, signing }, index) =>
        slot === terms.participants[index] && signing.commitment.length === terms.threshold,
    )
  if (!isOfTheAttempt || !allFinished(court, transcriptHash, finished)) return undefined
  try {
    return { px: groupKeyX(publicPackageFromTranscript(transcript)), transcriptHash }
  } catch (cause) {
    throw new DecodeError('BAD_VALUE', `no key follows from the transcript: ${cause}`)
  }
}
