/**
 * Checks signatures under a group key: Schnorr over secp256k1, with a challenge that one `ecrecover` can check.
 *
 * challenge = keccak256(px ‖ parity ‖ m ‖ address(R)) mod Q, where parity is always 0: a group key with odd y
 * is negated at the end of key generation, shares and all, so that the chain stores no parity.
 *
 * Three programs that share no curve arithmetic check the same signatures: the contract by one `ecrecover`, this one
 * by adding points, and libsecp256k1 (runtime/native-identity.ts).
 */
import { mulAddUnsafe } from '@noble/curves/abstract/curve.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { concatBytes } from '@noble/hashes/utils.js'
import { type Address, bigintToBytes, bytesToBigint, hexOf } from './bytes.ts'

const { Point } = secp256k1
const { Fn } = Point

/** Order of the group: scalars lie below it. */
export const ORDER = Fn.ORDER

export interface GroupSignature {
  /** Address of the commitment point R, as `ecrecover` returns it. */
  readonly r: Address
  readonly s: bigint
}

/** @param uncompressed 65 bytes */
export function addressOfPublicKey(uncompressed: Uint8Array): Address {
  return hexOf(keccak_256(uncompressed.subarray(1)).subarray(12))
}

/** The scalar both sides of a group signature depend on. `px` is the x of a key with even y. */
export function challengeOf(px: bigint, digest: Uint8Array, r: Address): bigint {
  const hash = keccak_256(
    concatBytes(bigintToBytes(px, 32), Uint8Array.of(0), digest, bigintToBytes(BigInt(r), 20)),
  )
  return bytesToBigint(hash) % ORDER
}

/**
 * The bounds of the contract, each against a forgery or a second encoding: 0 < s < Q, 0 < px < Q, r ≠ 0. What is
 * left has to be asked of the curve.
 */
export function isInBounds(px: bigint, { r, s }: GroupSignature): boolean {
  return s > 0n && s < ORDER && px > 0n && px < ORDER && BigInt(r) !== 0n
}

/** s·G − e·P has the address r: what the contract checks with one `ecrecover`, here with plain curve arithmetic. */
export function verifyGroupSignature(px: bigint, digest: Uint8Array, signature: GroupSignature): boolean {
  const { r, s } = signature
  if (!isInBounds(px, signature)) return false
  try {
    const key = Point.fromBytes(concatBytes(Uint8Array.of(2), bigintToBytes(px, 32)))
    const e = challengeOf(px, digest, r)
    const R = mulAddUnsafe(Point, [Point.BASE, key], [s, Fn.neg(e)])
    return !R.is0() && addressOfPublicKey(R.toBytes(false)) === hexOf(bigintToBytes(BigInt(r), 20))
  } catch {
    return false
  }
}
