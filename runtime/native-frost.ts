/**
 * The group's signatures by libsecp256k1. `protocol/frost-crypto.ts` holds what is computed, and the reference it is
 * tested against.
 */
import { createRequire } from 'node:module'
import {
  type FrostCrypto,
  frostOver,
  type GroupArithmetic,
  nobleFrostCrypto,
} from '../protocol/frost-crypto.ts'
import type { Logger } from './logger.ts'

/** All of them throw for a scalar that is no scalar, a point that is none, and for zero as the result. */
interface Secp256k1Binding {
  publicKeyVerify(key: Uint8Array): boolean
  publicKeyCreate(secret: Uint8Array, compressed: boolean): Uint8Array
  publicKeyTweakMul(key: Uint8Array, scalar: Uint8Array, compressed: boolean): Uint8Array
  publicKeyCombine(keys: Uint8Array[], compressed: boolean): Uint8Array
  /** Both change the secret they are given. */
  privateKeyTweakMul(secret: Uint8Array, scalar: Uint8Array): Uint8Array
  privateKeyTweakAdd(secret: Uint8Array, scalar: Uint8Array): Uint8Array
}

const COMPRESSED_BYTES = 33

function arithmeticOf(binding: Secp256k1Binding): GroupArithmetic {
  return {
    isPoint: bytes => bytes.length === COMPRESSED_BYTES && binding.publicKeyVerify(bytes),
    multiplyBase: secret => binding.publicKeyCreate(secret, true),
    sum: (points, products) =>
      binding.publicKeyCombine(
        [...points, ...products.map(([point, scalar]) => binding.publicKeyTweakMul(point, scalar, false))],
        false,
      ),
    addSecrets: (secret, products) => {
      const total = Uint8Array.from(secret)
      for (const [part, factor] of products) {
        const product = binding.privateKeyTweakMul(Uint8Array.from(part), factor)
        binding.privateKeyTweakAdd(total, product)
        product.fill(0)
      }
      return total
    },
  }
}

/** The binding itself: the package's main entry would fall back to slow JavaScript without a word. */
export function loadNativeFrostCrypto(): FrostCrypto {
  return frostOver(arithmeticOf(createRequire(import.meta.url)('secp256k1/bindings') as Secp256k1Binding))
}

/** Native where the platform has it, else the reference, said once. */
export function createFrostCrypto(logger: Pick<Logger, 'warn'>): FrostCrypto {
  try {
    return loadNativeFrostCrypto()
  } catch {
    logger.warn('no native secp256k1 for this platform, the group signs ten times slower')
    return nobleFrostCrypto
  }
}
