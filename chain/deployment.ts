/**
 * The deployment file: where the contracts are, and what every process must know of them. It is written once by
 * `ionet deploy` and read by everybody.
 */
import { type Address, getAddress, type Hex, isAddress, isHex } from 'viem'
import { z } from 'zod'
import { writeFileAtomic } from '../runtime/atomic-file.ts'

const address = z
  .string()
  .refine(text => isAddress(text, { strict: false }), 'not an address')
  .transform((text): Address => getAddress(text))
const bytes32 = z
  .string()
  .refine((text): text is Hex => isHex(text) && text.length === 66, 'not 32 bytes in hexadecimal')

export const deploymentSchema = z.strictObject({
  chainId: z.int().positive(),
  /** The block of the first contract: nothing of interest is before it. */
  deployBlock: z.int().nonnegative(),
  /** t0 of the epochs, Unix seconds. */
  epochStart: z.int().nonnegative(),
  epochLengthSec: z.int().min(1).max(3600),
  feedId: bytes32,
  contracts: z.strictObject({
    io: address,
    iosd: address,
    oracleRegistry: address,
    priceFeed: address,
    burner: address,
    emission: address,
    parameters: address,
    workerRegistry: address,
    modelRegistry: address,
    rewardsDistributor: address,
    escrow: address,
    settlement: address,
    timelock: address,
    governor: address,
  }),
})

/** Where the network lives on a chain. */
export type Deployment = z.output<typeof deploymentSchema>

/** Writes a deployment file. Readers see the old file or the new one, never a part. */
export function saveDeployment(file: string, deployment: Deployment): void {
  writeFileAtomic(file, `${JSON.stringify(deploymentSchema.parse(deployment), null, 2)}\n`)
}
