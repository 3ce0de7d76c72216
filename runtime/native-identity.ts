/**
 * Identity and group signatures by libsecp256k1, 20 to 30 times faster than JavaScript. `protocol/identity.ts` holds
 * the reference it is tested against.
 */
import { createRequire } from 'node:module'
import { concatBytes } from '@noble/hashes/utils.js'
import { bigintToBytes, compareBytes, hexOf } from '../protocol/bytes.ts'
import { challengeOf, isInBounds, ORDER } from '../protocol/group-signature.ts'
import {
  addressOfPublicKey,
  fromCompact,
  HALF_ORDER,
  type IdentityCrypto,
  nobleIdentityCrypto,
  SIGNATURE_BYTES,
  toCompact,
} from '../protocol/identity.ts'
import type { Logger } from './logger.ts'

interface Secp256k1Binding {
  ecdsaSign(digest: Uint8Array, secret: Uint8Array): { signature: Uint8Array; recid: number }
  ecdsaRecover(signature: Uint8Array, recid: number, digest: Uint8Array, compressed: boolean): Uint8Array
  /** Both throw for a scalar that is no scalar, and for the point at infinity. */
  publicKeyTweakMul(key: Uint8Array, scalar: Uint8Array, compressed: boolean): Uint8Array
  publicKeyTweakAdd(key: Uint8Array, scalar: Uint8Array, compressed: boolean): Uint8Array
}

/** First byte of a compressed key with even y. */
const EVEN = Uint8Array.of(2)
const HALF_ORDER_BYTES = bigintToBytes(HALF_ORDER, 32)

/** The binding itself: the package's main entry would fall back to slow JavaScript without a word. */
export function loadNativeIdentityCrypto(): IdentityCrypto {
  const binding = createRequire(import.meta.url)('secp256k1/bindings') as Secp256k1Binding
  return {
    sign(digest, secret) {
      const { signature, recid } = binding.ecdsaSign(digest, secret)
      return toCompact(signature, recid)
    },
    recover(digest, signature) {
      if (signature.length !== SIGNATURE_BYTES) return undefined
      const { rs, parity } = fromCompact(signature)
      if (compareBytes(rs.subarray(32), HALF_ORDER_BYTES) > 0) return undefined
      try {
        return addressOfPublicKey(binding.ecdsaRecover(rs, parity, digest, false))
      } catch {
        return undefined
      }
    },
    // s·G − e·P. One ecrecover, as the contract does it, would be a fifth faster; a mistake in that trick should not
    // be made twice.
    verifyGroup(px, digest, signature) {
      if (!isInBounds(px, signature)) return false
      const { r, s } = signature
      const key = concatBytes(EVEN, bigintToBytes(px, 32))
      const minusChallenge = bigintToBytes(ORDER - challengeOf(px, digest, r), 32)
      try {
        const minusEP = binding.publicKeyTweakMul(key, minusChallenge, false)
        const point = binding.publicKeyTweakAdd(minusEP, bigintToBytes(s, 32), false)
        return addressOfPublicKey(point) === hexOf(bigintToBytes(BigInt(r), 20))
      } catch {
        return false
      }
    },
  }
}

/** Native where the platform has it, else the reference, said once. */
export function createIdentityCrypto(logger: Pick<Logger, 'warn'>): IdentityCrypto {
  try {
    return loadNativeIdentityCrypto()
  } catch {
    logger.warn('no native secp256k1 for this platform, signatures are checked 20 to 30 times slower')
    return nobleIdentityCrypto
  }
}
