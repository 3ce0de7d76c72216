/** What the contracts say of what can be done in an emergency, at the newest block. */
import type { PublicClient } from 'viem'
import { burnerAbi } from '../../chain/abi/burner.ts'
import { settlementAbi } from '../../chain/abi/settlement.ts'
import { createReader } from '../../chain/clients.ts'
import type { Deployment } from '../../chain/deployment.ts'
import type { Hash } from '../../protocol/bytes.ts'
import { epochEndSec } from '../../protocol/epoch/time.ts'
import type { NetworkFacts } from '../agreement/registry.ts'

/** Times are Unix seconds. */
export interface EmergencyFacts {
  readonly nowSec: number
  /** The one to be settled, and the first second after it. */
  readonly nextEpoch: number
  readonly nextEpochEndSec: number
  /** Of the next epoch. */
  readonly staged:
    | {
        readonly epoch: number
        readonly attempt: number
        readonly reportHash: Hash
        /** From then on anybody can make it active. */
        readonly activatesAtSec: number
      }
    | undefined
  readonly burns: {
    /** So far. */
    readonly pauses: number
    /** 0 before the first one. */
    readonly pausedUntilSec: number
    readonly nextPauseFromSec: number
    readonly pauseSec: number
  }
}

export async function readEmergencyFacts({
  deployment,
  nowSec,
  rpcUrl,
}: Pick<NetworkFacts, 'deployment' | 'nowSec' | 'rpcUrl'>): Promise<EmergencyFacts> {
  const reader = createReader([rpcUrl])
  const settlement = { address: deployment.contracts.settlement, abi: settlementAbi } as const
  const [nextEpoch, staged, burns] = await Promise.all([
    reader.readContract({ ...settlement, functionName: 'nextEpoch' }),
    readStaged(reader, settlement),
    readBurns(reader, deployment),
  ])
  const clock = { startSec: deployment.epochStart, lengthSec: deployment.epochLengthSec }
  return {
    nowSec,
    nextEpoch: Number(nextEpoch),
    nextEpochEndSec: epochEndSec(clock, Number(nextEpoch)),
    staged,
    burns,
  }
}

async function readStaged(
  reader: PublicClient,
  settlement: { readonly address: Deployment['contracts']['settlement']; readonly abi: typeof settlementAbi },
): Promise<EmergencyFacts['staged']> {
  const [isStaged, epoch, attempt, reportHash] = await reader.readContract({
    ...settlement,
    functionName: 'staged',
  })
  if (!isStaged) return undefined
  const activatesAtSec = await reader.readContract({ ...settlement, functionName: 'activatesAt' })
  return { epoch: Number(epoch), attempt, reportHash, activatesAtSec: Number(activatesAtSec) }
}

async function readBurns(reader: PublicClient, { contracts }: Deployment): Promise<EmergencyFacts['burns']> {
  const burner = { address: contracts.burner, abi: burnerAbi } as const
  const [pauses, pausedUntil, pauseSec, intervalSec] = await Promise.all([
    reader.readContract({ ...burner, functionName: 'pauses' }),
    reader.readContract({ ...burner, functionName: 'pausedUntil' }),
    reader.readContract({ ...burner, functionName: 'PAUSE_SEC' }),
    reader.readContract({ ...burner, functionName: 'PAUSE_INTERVAL_SEC' }),
  ])
  return {
    pauses,
    pausedUntilSec: pausedUntil,
    nextPauseFromSec: pauses === 0 ? 0 : pausedUntil - Number(pauseSec) + Number(intervalSec),
    pauseSec: Number(pauseSec),
  }
}
