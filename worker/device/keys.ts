/** The two keys of a worker: its identity, which is paid, and the device's, which stays on this machine. */
import type { WorkerConfig } from '../../config/process-config.ts'
import type { Address } from '../../protocol/bytes.ts'
import { addressOfSecret } from '../../protocol/identity.ts'
import { readKeystore } from '../../runtime/keystore.ts'

export interface WorkerKeys {
  readonly worker: Address
  readonly workerSecret: Uint8Array
  readonly device: Address
  readonly deviceSecret: Uint8Array
}

/** One key for both would be copied wherever rewards are claimed. */
export class SameKeyError extends Error {
  readonly code = 'SAME_KEY'
  constructor(address: Address) {
    super(`identity.keystore and device.keystore hold the same key, ${address}: make another for the device`)
    this.name = 'SameKeyError'
  }
}

/** @throws {KeystoreError} @throws {SameKeyError} */
export async function openWorkerKeys(
  config: Pick<WorkerConfig, 'identity' | 'deviceKeystore'>,
): Promise<WorkerKeys> {
  const { keystore, password } = config.identity
  const workerSecret = await readKeystore(keystore, password)
  const deviceSecret = await readKeystore(config.deviceKeystore, password)
  const [worker, device] = [addressOfSecret(workerSecret), addressOfSecret(deviceSecret)]
  if (worker === device) throw new SameKeyError(worker)
  return { worker, workerSecret, device, deviceSecret }
}
