/** All group keys that there have been, as the registry's events tell them. */
import { getAbiItem, type PublicClient } from 'viem'
import { oracleRegistryAbi } from './abi/oracle-registry.ts'
import type { Deployment } from './deployment.ts'
import { logsBetween } from './settlement/events.ts'

const ROTATED = getAbiItem({ abi: oracleRegistryAbi, name: 'GroupKeyRotated' })
const INSTALLED = getAbiItem({ abi: oracleRegistryAbi, name: 'MembersInstalled' })

export interface InstalledKey {
  readonly keyEpoch: number
  /** 0n in a key epoch without a key, which the timelock began by replacing all members. */
  readonly px: bigint
  /** Number of the set whose members hold it. */
  readonly memberSet: number
  /** Rounds that begin at this Unix second or later are of this key, until those of the next one. */
  readonly switchesAtSec: number
}

/** In the order of their key epochs. */
export async function readInstalledKeys(
  reader: PublicClient,
  deployment: Deployment,
): Promise<readonly InstalledKey[]> {
  const range = { from: deployment.deployBlock, to: Number(await reader.getBlockNumber()) }
  const query = { address: [deployment.contracts.oracleRegistry], events: [ROTATED, INSTALLED] }
  const keys: InstalledKey[] = []
  for await (const { logs } of logsBetween(reader, range, query)) {
    for (const log of logs) {
      if (log.eventName === 'GroupKeyRotated') {
        const { keyEpoch, px, memberSet, switchesAt } = log.args
        keys.push({ keyEpoch, px, memberSet, switchesAtSec: switchesAt })
      }
      if (log.eventName === 'MembersInstalled') {
        const { keyEpoch, memberSet } = log.args
        const { timestamp } = await reader.getBlock({ blockNumber: log.blockNumber })
        keys.push({ keyEpoch, px: 0n, memberSet, switchesAtSec: Number(timestamp) })
      }
    }
  }
  return keys
}
