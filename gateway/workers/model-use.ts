/** Whether the served model counts in an epoch: models are usable from the epoch after their registration on. */
import type { PublicClient } from 'viem'
import { modelRegistryAbi } from '../../chain/abi/model-registry.ts'
import type { Address } from '../../protocol/bytes.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { ServedModel } from '../../sdk/gateway-client.ts'

/** `usable`: in this epoch; `usableNext`: in the next one, as far as the chain can tell already. */
export interface Use {
  readonly usable: boolean
  readonly usableNext: boolean
}

/** undefined when the chain does not answer. */
export type ModelUse = (epoch: number) => Promise<Use | undefined>

export function createModelUse(
  options: { readonly registry: Address; readonly model: ServedModel },
  deps: { readonly reader: Pick<PublicClient, 'readContract'>; readonly logger: Logger },
): ModelUse {
  const { registry: address, model } = options
  /** Usable once is usable until the end of the epoch; what is not may be registered for the next one meanwhile. */
  let usableEpoch: number | undefined
  const isUsable = (epoch: number): Promise<boolean> =>
    deps.reader.readContract({
      address,
      abi: modelRegistryAbi,
      functionName: 'isUsable',
      args: [model.id, model.version, BigInt(epoch)],
    })
  return async epoch => {
    if (usableEpoch === epoch) return { usable: true, usableNext: true }
    try {
      const [usable, usableNext] = await Promise.all([isUsable(epoch), isUsable(epoch + 1)])
      if (usable) usableEpoch = epoch
      return { usable, usableNext }
    } catch (error) {
      deps.logger.debug('the chain does not say whether the model can be used', { error })
      return undefined
    }
  }
}
