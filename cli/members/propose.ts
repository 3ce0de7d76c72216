/** Brings a signed list on chain. */
import { type Hash, parseEventLogs, toHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { oracleRegistryAbi } from '../../chain/abi/oracle-registry.ts'
import { createReader } from '../../chain/clients.ts'
import { type MemberList, proposeMembersCall } from '../../chain/member-set.ts'
import { createTransactor } from '../../chain/transactor.ts'
import type { Address } from '../../protocol/bytes.ts'
import { systemClock } from '../../runtime/clock.ts'
import { readKeystore } from '../../runtime/keystore.ts'
import type { Secret } from '../../runtime/secret.ts'
import type { RegistryFacts } from './registry.ts'

export interface ProposalOutcome {
  /** Number of the pending list, or of the one that was taken back. */
  readonly memberSet: number
  /** False when the list was the one in force, which takes a pending one back. */
  readonly isPending: boolean
  readonly registryVersion: number
  readonly txHash: Hash
}

export interface ProposalSender {
  readonly keystore: string
  readonly password: Secret
  readonly maxFeePerGas: bigint
  readonly minedWithinMs: number
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
  { domain, rpcUrl }: RegistryFacts,
  sender: ProposalSender,
): Promise<ProposalOutcome> {
  const secret = await readKeystore(sender.keystore, sender.password)
  const account = privateKeyToAccount(toHex(secret))
  secret.fill(0)
  const transactor = createTransactor(
    {
      account,
      chainId: domain.chainId,
      rpcUrls: [rpcUrl],
      maxFeePerGasCeiling: sender.maxFeePerGas,
      minedWithinMs: sender.minedWithinMs,
    },
    { reader: createReader([rpcUrl]), clock: systemClock },
  )
  const call = proposeMembersCall(domain.registry as Address, list, signatures)
  const receipt = await transactor.send(call, new AbortController().signal)
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
