/** Brings a signed list on chain. */
import { type Hash, parseEventLogs } from 'viem'
import { oracleRegistryAbi } from '../../chain/abi/oracle-registry.ts'
import { type MemberList, proposeMembersCall } from '../../chain/member-set.ts'
import type { Address } from '../../protocol/bytes.ts'
import type { RegistryFacts } from '../agreement/registry.ts'
import { type Sender, sendCall } from '../agreement/send.ts'

export interface ProposalOutcome {
  /** Number of the pending list, or of the one that was taken back. */
  readonly memberSet: number
  /** False when the list was the one in force, which takes a pending one back. */
  readonly isPending: boolean
  readonly registryVersion: number
  readonly txHash: Hash
}

/**
 * Simulates, sends, and waits for the block.
 *
 * @param signatures of a quorum, ascending by address
 * @throws {TransactError} and nothing has been paid when its code is `WOULD_REVERT` {KeystoreError}
 */
export async function proposeList(
  list: MemberList,
  signatures: readonly Uint8Array[],
  facts: RegistryFacts,
  sender: Sender,
): Promise<ProposalOutcome> {
  const call = proposeMembersCall(facts.domain.registry as Address, list, signatures)
  const receipt = await sendCall(call, facts, sender)
  const [proposed] = parseEventLogs({
    abi: oracleRegistryAbi,
    logs: receipt.logs,
    eventName: 'MembersProposed',
  })
  const [withdrawn] = parseEventLogs({
    abi: oracleRegistryAbi,
    logs: receipt.logs,
    eventName: 'MembersWithdrawn',
  })
  const said = proposed ?? withdrawn
  if (said === undefined) throw new Error(`the transaction ${receipt.transactionHash} proposed nothing`)
  const { memberSet, registryVersion } = said.args
  return { memberSet, registryVersion, isPending: proposed !== undefined, txHash: receipt.transactionHash }
}
