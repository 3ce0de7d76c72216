/** Whether the served model may be used: usage of a model that the chain does not know is paid by nobody. */
import type { PublicClient } from 'viem'
import { modelRegistryAbi } from '../../chain/abi/model-registry.ts'
import type { Address, Hash } from '../../protocol/bytes.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { createLoop } from '../../runtime/loop.ts'
import type { Service } from '../../runtime/service.ts'

export interface ModelWatchOptions {
  readonly registry: Address
  readonly model: { readonly id: Hash; readonly version: number }
  /** Of the weights that this worker has. */
  readonly hash: Hash
}

export interface ModelWatchDeps {
  readonly reader: PublicClient
  readonly clock: Clock
  readonly logger: Logger
  /** By block time; undefined before a block has been read. */
  readonly epoch: () => number | undefined
}

export interface ModelWatch extends Service {
  isUsable(): boolean
}

/** A model becomes usable, or is retired, at the start of an epoch. */
const LOOK_MS = 2_000

export function createModelWatch(options: ModelWatchOptions, deps: ModelWatchDeps): ModelWatch {
  const { model, hash } = options
  const contract = { address: options.registry, abi: modelRegistryAbi } as const
  let usable = false
  let said: string | undefined

  const say = (reason: string, level: 'info' | 'error', fields: Readonly<Record<string, unknown>>): void => {
    if (said === reason) return
    said = reason
    deps.logger[level](reason, { ...model, ...fields })
  }
  const look = async (): Promise<void> => {
    const epoch = deps.epoch()
    if (epoch === undefined) return
    usable = await deps.reader.readContract({
      ...contract,
      functionName: 'isUsable',
      args: [model.id, model.version, BigInt(epoch)],
    })
    if (!usable) {
      say('the model cannot be used in this epoch', 'info', { epoch })
      return
    }
    const version = await deps.reader.readContract({
      ...contract,
      functionName: 'versionOf',
      args: [model.id, model.version],
    })
    usable = version.hash === hash
    if (usable) say('the model can be used', 'info', { epoch })
    else
      say('the registered model is not the one this worker has', 'error', { registered: version.hash, hash })
  }

  const loop = createLoop({
    name: 'model watch',
    everyMs: LOOK_MS,
    longRuns: true,
    clock: deps.clock,
    logger: deps.logger,
    run: look,
  })
  return { name: 'model watch', isUsable: () => usable, start: loop.start, stop: loop.stop }
}
