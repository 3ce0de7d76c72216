/** What members sign to pause burns. The contract builds the same digest of its own state, so it is good for one pause. */
import { type Domain, digestOf, type StructType } from './domain.ts'

export interface PauseBurns {
  /** So far. */
  readonly pauses: number
}

const PAUSE_BURNS_STRUCT: StructType = { name: 'PauseBurns', fields: [{ name: 'pauses', type: 'uint32' }] }

/** EIP-712 digest: f + 1 members that sign it pause burns. */
export function pauseBurnsDigest(domain: Domain, { pauses }: PauseBurns): Uint8Array {
  return digestOf(domain, PAUSE_BURNS_STRUCT, { pauses })
}
