/**
 * A member's part of a beacon's value: its share times the input's point, and a proof that it is that share (the same
 * logarithm stands behind both: Chaum and Pedersen). The proof names its maker's slot, so no signature is needed.
 */
import { mulAddUnsafe } from '@noble/curves/abstract/curve.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { concatBytes } from '@noble/hashes/utils.js'
import { bytesToBigint } from '../bytes.ts'
import type { Domain } from '../domain.ts'
import { type BeaconInput, inputPoint } from './input.ts'
import type { BeaconPublic } from './public.ts'

const { Point } = secp256k1
const { Fn } = Point
export type CurvePoint = InstanceType<typeof Point>

export const POINT_BYTES = 33
export const SCALAR_BYTES = 32

/** All compressed or big-endian; see `messages.ts` for how they are sent. */
export interface BeaconPartial {
  readonly point: Uint8Array
  readonly challenge: Uint8Array
  readonly response: Uint8Array
}

const CHALLENGE_TAG = new TextEncoder().encode('IO beacon partial challenge 1')
const NONCE_TAG = new TextEncoder().encode('IO beacon partial nonce 1')

/**
 * The same bytes for the same secret and input, for ever: the nonce follows from both, so no bad or repeated randomness
 * can give the secret away.
 *
 * @param secret a 32-byte scalar
 */
export function makePartial(domain: Domain, input: BeaconInput, secret: Uint8Array): BeaconPartial {
  const share = Fn.fromBytes(secret)
  const base = inputPoint(domain, input)
  const verifying = Point.BASE.multiply(share)
  const point = base.multiply(share)
  const nonce = nonceOf(secret, base)
  const challenge = challengeOf([base, verifying, point, Point.BASE.multiply(nonce), base.multiply(nonce)])
  return {
    point: point.toBytes(),
    challenge: Fn.toBytes(challenge),
    response: Fn.toBytes(Fn.add(nonce, Fn.mul(challenge, share))),
  }
}

/** Whether a partial is the one that the holder of `slot` makes of this input. Bytes may be anything. */
export function verifyPartial(
  domain: Domain,
  input: BeaconInput,
  pub: BeaconPublic,
  slot: number,
  partial: BeaconPartial,
): boolean {
  return verifyAgainst(inputPoint(domain, input), pub, slot, partial)
}

/** {@link verifyPartial} for who checks several of one input: hashing to the curve takes a quarter of it. */
export function verifyAgainst(
  base: CurvePoint,
  pub: BeaconPublic,
  slot: number,
  partial: BeaconPartial,
): boolean {
  const share = pub.shares.get(slot)
  if (share === undefined) return false
  try {
    const [verifying, point] = [Point.fromBytes(share), Point.fromBytes(partial.point)]
    const challenge = Fn.fromBytes(partial.challenge)
    const response = Fn.fromBytes(partial.response)
    if (verifying.is0() || point.is0()) return false
    const minus = Fn.neg(challenge)
    const commitments = [
      mulAddUnsafe(Point, [Point.BASE, verifying], [response, minus]),
      mulAddUnsafe(Point, [base, point], [response, minus]),
    ]
    return challengeOf([base, verifying, point, ...commitments]) === challenge
  } catch {
    return false
  }
}

/** Over every point of the statement and of the proof: none of them can be chosen after it. */
function challengeOf(points: readonly CurvePoint[]): bigint {
  return scalarOf(CHALLENGE_TAG, ...points.map(point => point.toBytes()))
}

/** Two hashes, so that no scalar is likelier than another by more than 2⁻²⁵⁶. */
function nonceOf(secret: Uint8Array, base: CurvePoint): bigint {
  const seed = keccak_256(concatBytes(NONCE_TAG, secret, base.toBytes()))
  const wide = [1, 2].map(part => keccak_256(concatBytes(NONCE_TAG, seed, Uint8Array.of(part))))
  return bytesToBigint(concatBytes(...wide)) % Fn.ORDER
}

function scalarOf(...parts: readonly Uint8Array[]): bigint {
  return bytesToBigint(keccak_256(concatBytes(...parts))) % Fn.ORDER
}
