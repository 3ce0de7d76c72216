/**
 * Whether one dealer's proof that it knows its secret holds. The library checks all dealers' proofs at once and names
 * nobody; whoever is to be left out for a false one has to be named.
 */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { concatBytes } from '@noble/hashes/utils.js'
import { bigintToBytes, bytesToBigint } from '../bytes.ts'
import { POINT_BYTES, PROOF_BYTES } from '../frost.ts'
import type { Dealing } from './transcript.ts'

const { Point } = secp256k1

/**
 * μ·G = R + c·C₀ with c = keccak256(suite ‖ "dkg" ‖ identifier ‖ C₀ ‖ R) mod Q, as the library has it.
 *
 * @param suite name of the suite that the polynomial was dealt in
 */
export function proofHolds(suite: string, slot: number, { commitment, proofOfKnowledge }: Dealing): boolean {
  const [constant] = commitment
  if (constant === undefined || proofOfKnowledge.length !== PROOF_BYTES) return false
  const nonce = proofOfKnowledge.subarray(0, POINT_BYTES)
  const prefix = new TextEncoder().encode(`${suite}dkg`)
  const hash = keccak_256(concatBytes(prefix, bigintToBytes(BigInt(slot + 1), 32), constant, nonce))
  try {
    const c = Point.Fn.create(bytesToBigint(hash))
    const mu = Point.Fn.fromBytes(proofOfKnowledge.subarray(POINT_BYTES))
    const R = Point.fromBytes(nonce)
    const C = Point.fromBytes(constant)
    if (R.is0() || C.is0()) return false
    return Point.BASE.multiplyUnsafe(mu).equals(R.add(C.multiplyUnsafe(c)))
  } catch {
    return false
  }
}
