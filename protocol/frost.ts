/**
 * The threshold signature suite: FROST over secp256k1 with the Schnorr challenge of group-signature.ts, which one
 * `ecrecover` can check. A group key has even y: one with odd y is negated at the end of key generation, shares and
 * all.
 */
import { mulAddUnsafe } from '@noble/curves/abstract/curve.js'
import {
  createFROST,
  type FrostPublic,
  type FrostSecret,
  type Key,
  type NonceCommitments,
} from '@noble/curves/abstract/frost.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { type Address, bytesToBigint } from './bytes.ts'
import { addressOfPublicKey, challengeOf, type GroupSignature, ORDER } from './group-signature.ts'

const { Point } = secp256k1
type CurvePoint = InstanceType<typeof Point>
const { Fn } = Point

export const POINT_BYTES = 33
export const SCALAR_BYTES = 32
/** R and μ of a dealer's proof that it knows its secret. */
export const PROOF_BYTES = POINT_BYTES + SCALAR_BYTES

function addressOfPoint(point: CurvePoint): Address {
  return addressOfPublicKey(point.toBytes(false))
}

function isOdd(compressed: Uint8Array): boolean {
  return compressed[0] === 3
}

/** noble types its packages over plain array buffers. */
type OwnBytes = Uint8Array<ArrayBuffer>

function negatePoint(compressed: Uint8Array): OwnBytes {
  return Uint8Array.from(Point.fromBytes(compressed).negate().toBytes())
}

/** Negates a whole key package whose group key has odd y: the same secret sharing, of −x. */
function withEvenY(key: Key): Key {
  const [groupKey] = key.public.commitments
  if (groupKey === undefined || !isOdd(groupKey)) return key
  return {
    public: negatePublic(key.public),
    secret: {
      identifier: key.secret.identifier,
      signingShare: Uint8Array.from(Fn.toBytes(Fn.neg(Fn.fromBytes(key.secret.signingShare)))),
    },
  }
}

function negatePublic(pub: FrostPublic): FrostPublic {
  return {
    signers: pub.signers,
    commitments: pub.commitments.map(negatePoint),
    verifyingShares: Object.fromEntries(
      Object.entries(pub.verifyingShares).map(([identifier, share]) => [identifier, negatePoint(share)]),
    ),
  }
}

/** Part of what a dealer's proof of knowledge is made over. */
export const SIGNING_SUITE = 'FROST-secp256k1-keccak256-evm-v1'

export const frost = createFROST({
  name: SIGNING_SUITE,
  Point,
  hash: keccak_256,
  challenge: (R, PK, message) => challengeOf(PK.toAffine().x, message, addressOfPoint(R)),
  adjustDKG: key => withEvenY(key as Key),
})

/** A FROST identifier is the fixed slot + 1, so that a member keeps its identifier across key epochs. */
export function identifierOf(slot: number): string {
  return frost.Identifier.fromNumber(slot + 1)
}

/** x coordinate of a group key. @throws {RangeError} when y is odd: such a key was never finished */
export function groupKeyX(pub: FrostPublic): bigint {
  const [groupKey] = pub.commitments
  if (groupKey === undefined || isOdd(groupKey)) throw new RangeError('a group key must have even y')
  return bytesToBigint(groupKey.subarray(1))
}

/**
 * The public key package that follows from every dealer's commitments: anyone with the transcript of a key
 * generation computes it, and trusts nobody for it.
 *
 * @param commitments per dealer, `threshold` compressed points
 * @param participants slots of the dealers, which are also the holders
 */
export function publicPackageOf(
  commitments: readonly (readonly Uint8Array[])[],
  participants: readonly number[],
): FrostPublic {
  const threshold = commitments[0]?.length ?? 0
  const sums = Array.from({ length: threshold }, (_, degree) =>
    commitments.reduce(
      (sum, dealer) => sum.add(Point.fromBytes(dealer[degree] ?? new Uint8Array())),
      Point.ZERO,
    ),
  )
  const pub: FrostPublic = {
    signers: { min: threshold, max: participants.length },
    commitments: sums.map(point => Uint8Array.from(point.toBytes())),
    verifyingShares: Object.fromEntries(
      participants.map(slot => [
        identifierOf(slot),
        Uint8Array.from(commitmentAt(sums, BigInt(slot + 1)).toBytes()),
      ]),
    ),
  }
  return isOdd(pub.commitments[0] ?? new Uint8Array()) ? negatePublic(pub) : pub
}

/** Which of the signers an error of {@link aggregateShares} names: noble tells them by their identifiers. */
export function cheatersOf(error: unknown, slots: readonly number[]): number[] {
  const named: readonly unknown[] =
    error instanceof Error && 'cheaters' in error && Array.isArray(error.cheaters) ? error.cheaters : []
  return slots.filter(slot => named.includes(identifierOf(slot)))
}

/** Σ Cⱼ·xʲ: the commitment to a polynomial's value at x. */
export function commitmentAt(coefficients: readonly CurvePoint[], x: bigint): CurvePoint {
  const powers = coefficients.map((_, degree) => Fn.pow(x, BigInt(degree)))
  return mulAddUnsafe(Point, [...coefficients], powers)
}

/** Whether a dealer's share for `slot` fits the dealer's own commitments. Names a bad dealer by itself. */
export function shareFits(
  slot: number,
  share: Uint8Array,
  dealerCommitments: readonly Uint8Array[],
): boolean {
  try {
    const value = Fn.fromBytes(share)
    const points = dealerCommitments.map(bytes => Point.fromBytes(bytes))
    return Point.BASE.multiply(value).equals(commitmentAt(points, BigInt(slot + 1)))
  } catch {
    return false
  }
}

/** Whether bytes are a compressed point of the group, and not its zero: what a commitment must be. */
export function isPoint(bytes: Uint8Array): boolean {
  try {
    return bytes.length === POINT_BYTES && !Point.fromBytes(bytes).is0()
  } catch {
    return false
  }
}

/** Whether bytes are a scalar below the group's order: what a signature share must be. */
export function isScalar(bytes: Uint8Array): boolean {
  return bytes.length === SCALAR_BYTES && bytesToBigint(bytes) < ORDER
}

/** The commitment list of a signer set, as the suite wants it. */
export function commitmentsOf(
  signers: readonly { readonly slot: number; readonly hiding: Uint8Array; readonly binding: Uint8Array }[],
): NonceCommitments[] {
  return signers.map(({ slot, hiding, binding }) => ({
    identifier: identifierOf(slot),
    hiding: Uint8Array.from(hiding),
    binding: Uint8Array.from(binding),
  }))
}

export function shareSecretOf(slot: number, signingShare: Uint8Array): FrostSecret {
  return { identifier: identifierOf(slot), signingShare: Uint8Array.from(signingShare) }
}

/**
 * Adds signature shares up to the certificate's (R, s).
 *
 * @throws noble's aggregation error, with the identifiers of the cheaters, when a share is bad
 */
export function aggregateShares(
  pub: FrostPublic,
  commitments: readonly NonceCommitments[],
  digest: Uint8Array,
  shares: ReadonlyMap<number, Uint8Array>,
): GroupSignature {
  const byIdentifier = Object.fromEntries([...shares].map(([slot, share]) => [identifierOf(slot), share]))
  return signatureOfGroup(frost.aggregate(pub, [...commitments], digest, byIdentifier))
}

/** The certificate's form of what the suite writes as R ‖ z. */
export function signatureOfGroup(encoded: Uint8Array): GroupSignature {
  const R = Point.fromBytes(encoded.subarray(0, POINT_BYTES))
  return { r: addressOfPoint(R), s: bytesToBigint(encoded.subarray(POINT_BYTES)) }
}

export { challengeOf, type GroupSignature, ORDER, verifyGroupSignature } from './group-signature.ts'
export type { FrostPublic, FrostSecret, NonceCommitments }
