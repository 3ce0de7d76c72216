/**
 * Identity signatures by libsecp256k1, 30 times faster than JavaScript. `protocol/identity.ts` holds the
 * reference it is tested against.
 */
import { createRequire } from 'node:module'
import { bigintToBytes, compareBytes } from '../protocol/bytes.ts'
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
}

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
  }
}

/** Native where the platform has it, else the reference, said once. */
export function createIdentityCrypto(logger: Pick<Logger, 'warn'>): IdentityCrypto {
  try {
    return loadNativeIdentityCrypto()
  } catch {
    logger.warn('no native secp256k1 for this platform, signatures are checked 30 times slower')
    return nobleIdentityCrypto
  }
}
