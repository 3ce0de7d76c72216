/**
 * Identity signatures: secp256k1 over an EIP-712 digest, in the 64-byte compact form of EIP-2098
 * (r, then s with y's parity in its top bit). Low s is required, so a signature has one encoding.
 */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import type { Address } from './bytes.ts'
import { addressOfPublicKey, type GroupSignature, verifyGroupSignature } from './group-signature.ts'

export const SIGNATURE_BYTES = 64

/**
 * Signs, recovers, and checks what a group signed. Processes use a native implementation for speed; this module's `nobleIdentityCrypto`
 * is the reference it is tested against, and what browsers use.
 */
export interface IdentityCrypto {
  /** @param secret 32 bytes @returns 64-byte compact signature */
  sign(digest: Uint8Array, secret: Uint8Array): Uint8Array
  /** The signer's address (lower case), or undefined when the bytes are no valid low-s signature. */
  recover(digest: Uint8Array, signature: Uint8Array): Address | undefined
  /** Whether it is a signature of `digest` under the group key with x coordinate `px` and even y. Never throws. */
  verifyGroup(px: bigint, digest: Uint8Array, signature: GroupSignature): boolean
}

/** What it takes to check a certificate of either kind. */
export type CertificateCrypto = Pick<IdentityCrypto, 'recover' | 'verifyGroup'>

export const HALF_ORDER = secp256k1.Point.Fn.ORDER >> 1n

export function addressOfSecret(secret: Uint8Array): Address {
  return addressOfPublicKey(secp256k1.getPublicKey(secret, false))
}

/** r ‖ s ‖ parity → r ‖ (parity in the top bit of s). */
export function toCompact(rs: Uint8Array, parity: number): Uint8Array {
  const out = Uint8Array.from(rs)
  if (parity === 1) out[32] = (out[32] ?? 0) | 0x80
  return out
}

/** The inverse of {@link toCompact}. */
export function fromCompact(signature: Uint8Array): { rs: Uint8Array; parity: number } {
  const rs = Uint8Array.from(signature)
  const top = rs[32] ?? 0
  rs[32] = top & 0x7f
  return { rs, parity: top >> 7 }
}

export const nobleIdentityCrypto: IdentityCrypto = {
  sign(digest, secret) {
    const recovered = secp256k1.sign(digest, secret, { prehash: false, format: 'recovered' })
    return toCompact(recovered.subarray(1), recovered[0] ?? 0)
  },

  recover(digest, signature) {
    if (signature.length !== SIGNATURE_BYTES) return undefined
    const { rs, parity } = fromCompact(signature)
    try {
      const parsed = secp256k1.Signature.fromBytes(rs, 'compact')
      if (parsed.s > HALF_ORDER) return undefined
      const point = parsed.addRecoveryBit(parity).recoverPublicKey(digest)
      return addressOfPublicKey(point.toBytes(false))
    } catch {
      return undefined
    }
  },

  verifyGroup: verifyGroupSignature,
}

export { addressOfPublicKey }
