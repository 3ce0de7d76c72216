/**
 * The end of a hire, asked for by who pays for it. Anybody can name a lease; only its payer may end it. The request
 * names the hold that the hire goes on under and is void after a short time: whoever has seen one cannot end the same
 * lease with it once it goes on under another hold, nor under this one after a minute.
 */
import type { Address, Hash } from '../bytes.ts'
import { type Domain, digestOf, type StructType } from '../domain.ts'
import type { IdentityCrypto } from '../identity.ts'

export interface LeaseEnd {
  readonly worker: Address
  readonly lease: Hash
  /** Digest of the hold that the hire is charged under. */
  readonly hold: Hash
  /** Unix seconds. */
  readonly validUntil: number
}

/** How far ahead `validUntil` may lie, seconds: slow networks, and clocks that differ. */
export const MAX_LEASE_END_SEC = 60

export const LEASE_END_STRUCT = {
  name: 'LeaseEnd',
  fields: [
    { name: 'worker', type: 'address' },
    { name: 'lease', type: 'bytes32' },
    { name: 'hold', type: 'bytes32' },
    { name: 'validUntil', type: 'uint64' },
  ],
} as const satisfies StructType

export function leaseEndDigest(domain: Domain, end: LeaseEnd): Uint8Array {
  return digestOf(domain, LEASE_END_STRUCT, { ...end, validUntil: BigInt(end.validUntil) })
}

/** Whether `payer` asks for the end of this lease, now. */
export function isLeaseEndSigned(
  domain: Domain,
  end: LeaseEnd,
  signature: Uint8Array,
  expected: { readonly payer: Address; readonly nowSec: number },
  crypto: Pick<IdentityCrypto, 'recover'>,
): boolean {
  const { payer, nowSec } = expected
  if (end.validUntil < nowSec || end.validUntil > nowSec + MAX_LEASE_END_SEC) return false
  return crypto.recover(leaseEndDigest(domain, end), signature) === payer
}
