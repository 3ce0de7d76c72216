/**
 * The public half of a beacon key: whose shares there are, and what each must be. It follows from the commitments of
 * all dealers of a key generation, so whoever has the transcript trusts nobody for it.
 */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { commitmentAt } from '../frost.ts'

const { Point } = secp256k1
type CurvePoint = InstanceType<typeof Point>

export interface BeaconPublic {
  /** So many partials give the value, and no fewer. */
  readonly threshold: number
  /** Of the sum of all dealers' polynomials: compressed points, constant term first. The first is the beacon key. */
  readonly commitments: readonly Uint8Array[]
  /** By slot: the compressed point of the member's share. */
  readonly shares: ReadonlyMap<number, Uint8Array>
}

/**
 * @param dealers per dealer its commitments: `threshold` compressed points, constant term first
 * @param participants slots of the holders of shares
 * @throws {RangeError} when a dealer has committed to another number of coefficients, or the sum's key or one of its
 *   shares is zero; and what the curve throws for bytes that are no point
 */
export function beaconPublicOf(
  dealers: readonly (readonly Uint8Array[])[],
  participants: readonly number[],
): BeaconPublic {
  const threshold = dealers[0]?.length ?? 0
  if (threshold < 1) throw new RangeError('a beacon key needs dealers with commitments')
  const sums = Array.from({ length: threshold }, () => Point.ZERO)
  for (const dealer of dealers) {
    if (dealer.length !== threshold)
      throw new RangeError(`a dealer committed to ${dealer.length} coefficients, another to ${threshold}`)
    dealer.forEach((bytes, degree) => {
      sums[degree] = (sums[degree] ?? Point.ZERO).add(Point.fromBytes(bytes))
    })
  }
  // The share of a slot is the polynomial's value at slot + 1, as in the signing key.
  return {
    threshold,
    commitments: sums.map(compressed),
    shares: new Map(participants.map(slot => [slot, compressed(commitmentAt(sums, BigInt(slot + 1)))])),
  }
}

function compressed(point: CurvePoint): Uint8Array {
  if (point.is0()) throw new RangeError('a commitment, or a share, of a beacon key must not be zero')
  return point.toBytes()
}
