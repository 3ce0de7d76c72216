/** From a relayer's answer about a closed window to what has to be opened. Decides; talks to nobody. */
import { commitmentDigest, type SignedCommitment } from '../../compute/challenge/commitment.ts'
import { type Hash, hexOf } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import { commitmentLeaf } from '../../protocol/epoch/availability.ts'
import { verifyMerkleProof } from '../../protocol/merkle.ts'
import { AVAILABILITY_KIND, type AvailabilityRecord } from '../../protocol/usage/record.ts'
import type { WindowAnswer } from '../../sdk/relayer-client.ts'

/** The usage record that states what a commitment commits to. */
export function availabilityOf(
  domain: Domain,
  window: number,
  { commitment }: SignedCommitment,
): AvailabilityRecord {
  return {
    kind: AVAILABILITY_KIND,
    device: commitment.device,
    window,
    products: commitment.roots.length,
    commitment: hexOf(commitmentDigest(domain, commitment)),
  }
}

/** Whether the commitment stands under the root that the draw is made from. */
export function isUnderRoot(
  domain: Domain,
  window: number,
  signed: SignedCommitment,
  answer: WindowAnswer,
): boolean {
  const { worker } = signed.commitment
  const leaf: Hash = commitmentLeaf({ worker, ...availabilityOf(domain, window, signed) })
  return answer.window === window && verifyMerkleProof(answer.root, leaf, answer.proof)
}
