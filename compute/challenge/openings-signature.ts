/**
 * The worker's word that openings are its own. They are judged at a cost, and few times a device: whoever could send some
 * in another's name could use that up. Transcripts go without it: the commitment in them is signed.
 */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { ByteWriter, type Hash, hexOf } from '../../protocol/bytes.ts'
import { type Domain, digestOf, type StructType } from '../../protocol/domain.ts'
import { SIGNATURE_BYTES } from '../../protocol/identity.ts'

export const OPENINGS_STRUCT = {
  name: 'ChallengeOpenings',
  fields: [
    { name: 'commitment', type: 'bytes32' },
    { name: 'openingsHash', type: 'bytes32' },
  ],
} as const satisfies StructType

export interface SignedOpenings {
  readonly openings: Uint8Array
  /** 64 bytes, by the worker's identity. */
  readonly signature: Uint8Array
}

/**
 * EIP-712 digest that the worker signs.
 *
 * @param commitment the commitment's digest
 * @param openings as `encodeOpenings` writes them
 */
export function openingsDigest(domain: Domain, commitment: Hash, openings: Uint8Array): Uint8Array {
  return digestOf(domain, OPENINGS_STRUCT, { commitment, openingsHash: hexOf(keccak_256(openings)) })
}

/** `openings | signature 64` */
export function encodeSignedOpenings({ openings, signature }: SignedOpenings): Uint8Array {
  return new ByteWriter().fixed(openings, openings.length).fixed(signature, SIGNATURE_BYTES).done()
}

/** Undefined when there is no room for a signature; the openings are decoded by what was drawn. */
export function splitSignedOpenings(bytes: Uint8Array): SignedOpenings | undefined {
  const length = bytes.length - SIGNATURE_BYTES
  if (length < 0) return undefined
  return { openings: bytes.subarray(0, length), signature: bytes.subarray(length) }
}
