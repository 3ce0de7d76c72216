/** Group keys of long ago, as the registry's events tell them. */
import { getAbiItem, type PublicClient } from 'viem'
import type { Member } from '../protocol/membership.ts'
import { oracleRegistryAbi } from './abi/oracle-registry.ts'
import type { Deployment } from './deployment.ts'
import { readMembers } from './membership-reader.ts'
import { logsBetween } from './settlement/events.ts'

const ROTATED = getAbiItem({ abi: oracleRegistryAbi, name: 'GroupKeyRotated' })

export interface PastKey {
  readonly px: bigint
  readonly members: readonly Member[]
}

/** The key that was installed under a number, with its members; undefined when there is none such. */
export async function readPastKey(
  reader: PublicClient,
  deployment: Deployment,
  keyEpoch: number,
): Promise<PastKey | undefined> {
  const registry = deployment.contracts.oracleRegistry
  const to = Number(await reader.getBlockNumber())
  const range = { from: deployment.deployBlock, to }
  for await (const { logs } of logsBetween(reader, range, { address: [registry], events: [ROTATED] })) {
    for (const log of logs) {
      if (log.eventName !== 'GroupKeyRotated' || log.args.keyEpoch !== keyEpoch) continue
      return { px: log.args.px, members: await readMembers(reader, registry, log.args.memberSet) }
    }
  }
  return undefined
}
