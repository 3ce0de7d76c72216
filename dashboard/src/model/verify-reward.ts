import { rewardLeaf } from '../../../protocol/epoch/ledger.ts'
import { verifyMerkleProof } from '../../../protocol/merkle.ts'
import type { Economy } from './economy.ts'
import { shown } from './format.ts'
import type { AccountLine } from './relayer-look.ts'
import type { Check } from './verify.ts'

/**
 * Checks what a relayer says an account has earned: its leaf must lead to the root, and the root must be the one
 * that the distributor pays by.
 */
export function verifyReward(line: AccountLine, economy: Economy | null): Check[] {
  const leads = verifyMerkleProof(line.root, rewardLeaf(line), line.proof)
  const isPaid = economy === null ? 'unknown' : economy.rewardRoot === line.root ? 'holds' : 'fails'
  return [
    {
      claim: `${shown(line.cumulative, 18)} IO is a leaf of the reward root of epoch ${line.epoch}`,
      outcome: leads ? 'holds' : 'fails',
    },
    { claim: 'the distributor on chain pays by this root', outcome: isPaid },
  ]
}
