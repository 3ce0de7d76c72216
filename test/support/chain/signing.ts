import { secp256k1 } from '@noble/curves/secp256k1.js'
import { type Hash, keccak256, toBytes, toHex } from 'viem'
import { type Address, bytesToBigint, hexOf } from '../../../protocol/bytes.ts'
import { challengeOf, type GroupSignature, ORDER } from '../../../protocol/frost.ts'
import { addressOfPublicKey, addressOfSecret, nobleIdentityCrypto } from '../../../protocol/identity.ts'

const { Point } = secp256k1
const { Fn } = Point

/** A member whose secret a test holds. */
export interface TestMember {
  readonly identity: Address
  readonly peerKey: Hash
  readonly secret: Uint8Array
}

export function testMember(name: string): TestMember {
  const secret = toBytes(keccak256(toHex(`identity of ${name}`)))
  return { identity: addressOfSecret(secret), peerKey: keccak256(toHex(`peer of ${name}`)), secret }
}

/** Identity signatures as the contracts take them: ascending by address. */
export function quorumSignatures(
  members: readonly TestMember[],
  digest: Uint8Array,
): { r: Hash; yParityAndS: Hash }[] {
  return members
    .toSorted((a, b) => (a.identity < b.identity ? -1 : 1))
    .map(({ secret }) => nobleIdentityCrypto.sign(digest, secret))
    .map(bytes => ({ r: hexOf(bytes.subarray(0, 32)), yParityAndS: hexOf(bytes.subarray(32)) }))
}

/** A group whose whole key a test holds: what the shares of a quorum add up to. */
export interface TestGroup {
  readonly px: bigint
  sign(digest: Uint8Array): GroupSignature
}

export function testGroup(name: string): TestGroup {
  const secret = scalarOf(`group key ${name}`)
  const { x: px, y } = Point.BASE.multiply(secret).toAffine()
  const evenSecret = y % 2n === 0n ? secret : Fn.neg(secret)
  return {
    px,
    sign: digest => {
      const nonce = scalarOf(`nonce of ${name} for ${hexOf(digest)}`)
      const r = addressOfPublicKey(Point.BASE.multiply(nonce).toBytes(false))
      return { r, s: Fn.add(nonce, Fn.mul(challengeOf(px, digest, r), evenSecret)) }
    },
  }
}

function scalarOf(text: string): bigint {
  return bytesToBigint(toBytes(keccak256(toHex(text)))) % ORDER
}
