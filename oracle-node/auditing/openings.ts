/** Whether what was opened of a challenge is true: the transcript is fetched, and everything else derived. */
import { commitmentDigest } from '../../compute/challenge/commitment.ts'
import type { ChallengeContext } from '../../compute/challenge/context.ts'
import { drawOpenings, drawRuleOf } from '../../compute/challenge/draw.ts'
import { decodeOpenings } from '../../compute/challenge/openings.ts'
import { decodeTranscript, transcriptHash } from '../../compute/challenge/transcript.ts'
import { refuseCommitment, type VerifyingKernel, verifyOpenings } from '../../compute/challenge/verify.ts'
import { DecodeError, type Hash, hexOf } from '../../protocol/bytes.ts'
import type { OpeningVerdict } from '../../protocol/epoch/audit-types.ts'
import type { ChallengeResult } from '../../protocol/epoch/availability.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'

export interface OpeningTerms {
  /** What the commitment had to be made for. */
  readonly context: ChallengeContext
  readonly drawBeacon: Hash
}

/**
 * Judges a transcript by the line that names it.
 *
 * @param bytes what was served for `result.transcriptHash`; anything
 */
export function judgeOpening(
  kernel: VerifyingKernel,
  result: ChallengeResult,
  bytes: Uint8Array,
  { context, drawBeacon }: OpeningTerms,
  crypto: IdentityCrypto,
): OpeningVerdict {
  if (transcriptHash(bytes) !== result.transcriptHash) return 'missing'
  try {
    const { signed, openings } = decodeTranscript(bytes)
    const { commitment } = signed
    if (refuseCommitment(context, signed, crypto) !== undefined) return 'false'
    const digest = commitmentDigest(context.domain, commitment)
    if (hexOf(digest) !== result.commitment || commitment.roots.length !== result.products) return 'false'
    const { size } = context
    const drawn = drawOpenings(drawRuleOf(size), drawBeacon, digest, commitment.roots.length, size)
    const shown = decodeOpenings(openings, drawn, size)
    return verifyOpenings(kernel, context, commitment.roots, drawn, shown).ok ? 'true' : 'false'
  } catch (error) {
    if (error instanceof DecodeError) return 'false'
    throw error
  }
}
