/** Which device belongs to which worker, by the chain's registry. */
import { type PublicClient, zeroAddress } from 'viem'
import { workerRegistryAbi } from '../../chain/abi/worker-registry.ts'
import type { Address, Hash } from '../../protocol/bytes.ts'
import type { WorkerProfile } from '../../sdk/worker-client.ts'

/** Whether a profile's device is registered by its worker. Rejects when the chain does not answer. */
export type IsRegistered = (profile: Pick<WorkerProfile, 'worker' | 'device'>) => Promise<boolean>

export interface RegistrationsOptions {
  readonly registry: Address
  /** Whose blocks count. */
  readonly finality: 'latest' | 'finalized'
}

/** A device's name in profiles: its address after twelve zero bytes. */
const DEVICE = /^0x0{24}([0-9a-f]{40})$/
/** Far more than a gateway has workers; who changes its device at each look is read again. */
const MAX_KNOWN = 1_024

export function createRegistrations(
  { registry, finality }: RegistrationsOptions,
  reader: Pick<PublicClient, 'readContract'>,
): IsRegistered {
  // A device belongs to one worker for good: what is registered is read once, what is not at each look.
  const owners = new Map<Hash, string>()
  return async ({ worker, device }) => {
    const address = DEVICE.exec(device)?.[1]
    if (address === undefined) return false
    const known = owners.get(device)
    if (known !== undefined) return known === worker
    const owner = await reader.readContract({
      address: registry,
      abi: workerRegistryAbi,
      functionName: 'workerOf',
      args: [`0x${address}`],
      blockTag: finality,
    })
    if (owner === zeroAddress) return false
    const [oldest] = owners.keys()
    if (owners.size >= MAX_KNOWN && oldest !== undefined) owners.delete(oldest)
    owners.set(device, owner.toLowerCase())
    return owner.toLowerCase() === worker
  }
}
