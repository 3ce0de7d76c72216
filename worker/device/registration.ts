/** Registers the device's key on chain, once. A device works for one worker only, for good. */
import { type PublicClient, zeroAddress } from 'viem'
import { workerRegistryAbi } from '../../chain/abi/worker-registry.ts'
import { contractSignature } from '../../chain/price-feed.ts'
import { TransactError, type Transactor } from '../../chain/transactor.ts'
import type { Address, Hash } from '../../protocol/bytes.ts'
import { type Domain, digestOf, type StructType } from '../../protocol/domain.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Service } from '../../runtime/service.ts'

const DEVICE_STRUCT = {
  name: 'Device',
  fields: [
    { name: 'worker', type: 'address' },
    { name: 'device', type: 'address' },
  ],
} as const satisfies StructType

/** What a device signs to work for a worker. */
export function deviceDigest(domain: Domain, worker: Address, device: Address): Uint8Array {
  return digestOf(domain, DEVICE_STRUCT, { worker, device })
}

/** A device's name in records and challenges: its address, padded to 32 bytes. */
export function deviceName(device: Address): Hash {
  return `0x${'00'.repeat(12)}${device.slice(2)}`
}

/** The device works for somebody else, and no retry helps: this machine needs a device key of its own. */
export class DeviceTakenError extends Error {
  readonly code = 'DEVICE_TAKEN'
  constructor(device: Address, worker: Address) {
    super(
      `the device ${device} is registered by ${worker}: choose another device.keystore, or the identity that registered it`,
    )
    this.name = 'DeviceTakenError'
  }
}

export interface RegistrationOptions {
  readonly domain: Domain
  readonly worker: Address
  readonly device: Address
  readonly workerRegistry: Address
}

export interface RegistrationDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly reader: PublicClient
  readonly transactor: Transactor
  /** By the device's key, used here and never again. */
  readonly signAsDevice: (digest: Uint8Array) => Uint8Array
  readonly fail: (error: Error) => void
}

export interface Registration extends Service {
  /** Whether the chain says that this device works for this worker. */
  isRegistered(): boolean
}

const RETRY_MS = 2_000

export function createRegistration(options: RegistrationOptions, deps: RegistrationDeps): Registration {
  const { domain, worker, device, workerRegistry } = options
  const { clock, logger, reader, transactor } = deps
  const contract = { address: workerRegistry, abi: workerRegistryAbi } as const
  let registered = false
  let stopping: AbortController | undefined
  let running: Promise<void> | undefined

  /** @throws {DeviceTakenError} */
  const look = async (): Promise<void> => {
    const owner = await reader.readContract({ ...contract, functionName: 'workerOf', args: [device] })
    if (owner === zeroAddress) return
    if (owner.toLowerCase() !== worker) throw new DeviceTakenError(device, owner)
    registered = true
  }
  const register = async (signal: AbortSignal): Promise<void> => {
    const signature = contractSignature(deps.signAsDevice(deviceDigest(domain, worker, device)))
    await transactor.send({ ...contract, functionName: 'register', args: [device, signature] }, signal)
    await look()
    if (registered) logger.info('device registered', { device, worker })
  }
  const repeat = async (signal: AbortSignal): Promise<void> => {
    while (!registered && !signal.aborted) {
      try {
        await look()
        if (!registered) await register(signal)
      } catch (error) {
        if (signal.aborted) return
        if (error instanceof DeviceTakenError) {
          deps.fail(error)
          return
        }
        const reason = error instanceof TransactError ? error.code : undefined
        logger.warn('the device could not be registered yet', { device, reason, error })
      }
      if (!registered) await clock.sleep(RETRY_MS, signal).catch(() => {})
    }
  }

  return {
    name: 'device registration',
    isRegistered: () => registered,
    start: async () => {
      stopping = new AbortController()
      running = repeat(stopping.signal)
    },
    stop: async () => {
      stopping?.abort(new Error('the registration is stopping'))
      await running
      running = undefined
    },
  }
}
