/** Devices of fake workers, registered as real ones are. */
import { createTestClient, http, publicActions, walletActions } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { workerRegistryAbi } from '../../../chain/abi/worker-registry.ts'
import { type Address, bytesOf, type Hash, hexOf } from '../../../protocol/bytes.ts'
import { addressOf } from '../epoch/cast.ts'
import { seeded } from '../protocol/seeded.ts'
import { signWith } from './payments.ts'

const keyOf = (name: string) => `device of ${name}`

export function deviceOf(name: string): Address {
  return addressOf(keyOf(name))
}

/** As profiles and records name it. */
export function deviceName(device: Address): Hash {
  return `0x${'00'.repeat(12)}${device.slice(2)}`
}

/** The worker's own transaction, with a signature by the device. */
export async function registerDevice(rpcUrl: string, registry: Address, name: string): Promise<void> {
  const account = privateKeyToAccount(hexOf(seeded(name)))
  const client = createTestClient({ mode: 'anvil', account, transport: http(rpcUrl), pollingInterval: 20 })
    .extend(publicActions)
    .extend(walletActions)
  await client.setBalance({ address: account.address, value: 10n ** 20n })
  const contract = { address: registry, abi: workerRegistryAbi } as const
  const device = deviceOf(name)
  const digest = await client.readContract({
    ...contract,
    functionName: 'deviceDigest',
    args: [account.address, device],
  })
  const bytes = signWith(keyOf(name), bytesOf(digest))
  const signature = { r: hexOf(bytes.subarray(0, 32)), yParityAndS: hexOf(bytes.subarray(32)) }
  const { request } = await client.simulateContract({
    ...contract,
    functionName: 'register',
    args: [device, signature],
  })
  await client.waitForTransactionReceipt({ hash: await client.writeContract(request) })
}
