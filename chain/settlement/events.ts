/** The events that settlement is read from, and how they are asked for. */
import { type Address, getAbiItem, type Log, type PublicClient } from 'viem'
import { emissionAbi } from '../abi/emission.ts'
import { escrowAbi } from '../abi/escrow.ts'
import { modelRegistryAbi } from '../abi/model-registry.ts'
import { oracleRegistryAbi } from '../abi/oracle-registry.ts'
import { settlementAbi } from '../abi/settlement.ts'
import { workerRegistryAbi } from '../abi/worker-registry.ts'
import type { Deployment } from '../deployment.ts'

/**
 * Of an epoch that is staged, vetoed or settled empty, and of one that becomes active, in the order in which a
 * transaction emits them.
 */
export const EPOCH_EVENTS = [
  getAbiItem({ abi: settlementAbi, name: 'EpochStaged' }),
  getAbiItem({ abi: settlementAbi, name: 'EpochVetoed' }),
  getAbiItem({ abi: settlementAbi, name: 'EpochEmptied' }),
  getAbiItem({ abi: emissionAbi, name: 'EpochMinted' }),
  getAbiItem({ abi: emissionAbi, name: 'NetEmissionMinted' }),
  getAbiItem({ abi: settlementAbi, name: 'RewardsPosted' }),
] as const

export const DEPOSIT_EVENTS = [
  getAbiItem({ abi: escrowAbi, name: 'Deposited' }),
  getAbiItem({ abi: escrowAbi, name: 'WithdrawalRequested' }),
  getAbiItem({ abi: escrowAbi, name: 'WithdrawalCancelled' }),
  getAbiItem({ abi: escrowAbi, name: 'Withdrawn' }),
] as const

export const REGISTRY_EVENTS = [
  getAbiItem({ abi: workerRegistryAbi, name: 'DeviceRegistered' }),
  getAbiItem({ abi: modelRegistryAbi, name: 'ModelRegistered' }),
  getAbiItem({ abi: modelRegistryAbi, name: 'ModelVersionAdded' }),
  getAbiItem({ abi: modelRegistryAbi, name: 'ModelRetired' }),
  getAbiItem({ abi: oracleRegistryAbi, name: 'GroupKeyRotated' }),
  getAbiItem({ abi: oracleRegistryAbi, name: 'MembersProposed' }),
  getAbiItem({ abi: oracleRegistryAbi, name: 'MembersInstalled' }),
] as const

export const FOLLOWED_EVENTS = [...EPOCH_EVENTS, ...DEPOSIT_EVENTS, ...REGISTRY_EVENTS] as const

type EventLog<E extends (typeof FOLLOWED_EVENTS)[number]> = E extends E
  ? Log<bigint, number, false, E, true>
  : never

export type EpochLog = EventLog<(typeof EPOCH_EVENTS)[number]>
export type DepositLog = EventLog<(typeof DEPOSIT_EVENTS)[number]>
export type RegistryLog = EventLog<(typeof REGISTRY_EVENTS)[number]>
export type FollowedLog = EpochLog | DepositLog | RegistryLog

/** Who emits them. */
export function followedContracts({ contracts }: Deployment): Address[] {
  const { settlement, emission, escrow, workerRegistry, modelRegistry, oracleRegistry } = contracts
  return [settlement, emission, escrow, workerRegistry, modelRegistry, oracleRegistry]
}

/** Public endpoints refuse longer ranges. */
const MAX_BLOCKS = 2_000

/** Logs of a range of blocks, both ends included, a chunk at a time and in order. */
export async function* logsBetween(
  reader: PublicClient,
  range: { readonly from: number; readonly to: number },
  query: {
    readonly address: readonly Address[]
    readonly events: readonly (typeof FOLLOWED_EVENTS)[number][]
  },
  signal?: AbortSignal,
): AsyncGenerator<{ readonly to: number; readonly logs: readonly FollowedLog[] }> {
  for (let from = range.from; from <= range.to; from += MAX_BLOCKS) {
    signal?.throwIfAborted()
    const to = Math.min(range.to, from + MAX_BLOCKS - 1)
    const logs = await reader.getLogs({
      address: [...query.address],
      events: query.events,
      fromBlock: BigInt(from),
      toBlock: BigInt(to),
      strict: true,
    })
    yield { to, logs: logs as readonly FollowedLog[] }
  }
}
