import { type Address, createPublicClient, createWalletClient, type Hex, http, type LocalAccount } from 'viem'
import { modelRegistryAbi } from '../chain/abi/model-registry.ts'
import { BUILT_IN_MODEL, modelHash } from '../compute/model/spec.ts'

const ROYALTY_BPS = 1_000
const SALT: Hex = `0x${'00'.repeat(32)}`

/** Registers the built-in model for its owner; it may be used from the next epoch on. @returns its id */
export async function registerModel(options: {
  readonly rpcUrl: string
  readonly modelRegistry: Address
  readonly owner: LocalAccount
}): Promise<Hex> {
  const transport = http(options.rpcUrl)
  const reader = createPublicClient({ transport, pollingInterval: 100 })
  const wallet = createWalletClient({ transport, account: options.owner })
  const registry = { address: options.modelRegistry, abi: modelRegistryAbi } as const
  const hash = modelHash(BUILT_IN_MODEL)
  const sent = await wallet.writeContract({
    ...registry,
    functionName: 'register',
    args: [hash, SALT, ROYALTY_BPS],
    chain: null,
  })
  const { status } = await reader.waitForTransactionReceipt({ hash: sent })
  if (status !== 'success') throw new Error('the model was not registered')
  return reader.readContract({ ...registry, functionName: 'idOf', args: [options.owner.address, hash, SALT] })
}
