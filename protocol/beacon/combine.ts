/** From partials to the value: the same from any `threshold` of them, and nothing from fewer. */
import { mulAddUnsafe } from '@noble/curves/abstract/curve.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { concatBytes } from '@noble/hashes/utils.js'
import { type Hash, hexOf } from '../bytes.ts'
import type { Domain } from '../domain.ts'
import { type BeaconInput, inputPoint } from './input.ts'
import { type BeaconPartial, verifyAgainst } from './partial.ts'
import type { BeaconPublic } from './public.ts'

const { Point } = secp256k1
const { Fn } = Point

/** A partial and the slot of the member that made it. */
export interface SlotPartial {
  readonly slot: number
  readonly partial: BeaconPartial
}

/** A value's proof: whoever has the key's public half computes the value from it, and trusts nobody. */
export interface BeaconProof {
  readonly keyEpoch: number
  /** Exactly `threshold`, ascending by slot. */
  readonly partials: readonly SlotPartial[]
}

const VALUE_TAG = new TextEncoder().encode('IO beacon value 1')

/** Fewer partials than the threshold, two of one slot, or bytes that are no point. Never worth a retry. */
export class CombineError extends Error {
  readonly code = 'CANNOT_COMBINE'
  constructor(message: string) {
    super(message)
    this.name = 'CombineError'
  }
}

/**
 * The value, from partials that have been verified; those above the threshold are left aside.
 *
 * @throws {CombineError}
 */
export function combine(pub: Pick<BeaconPublic, 'threshold'>, partials: readonly SlotPartial[]): Hash {
  const used = partials.slice(0, pub.threshold)
  const xs = used.map(({ slot }) => BigInt(slot + 1))
  if (used.length < pub.threshold || pub.threshold < 1)
    throw new CombineError(`${used.length} partials do not give a value, ${pub.threshold} do`)
  if (new Set(xs).size < xs.length) throw new CombineError('two partials of one slot')
  const weights = xs.map(x => lagrangeAtZero(x, xs))
  return hashOfPoint(mulAddUnsafe(Point, used.map(pointOf), weights))
}

/** The value that a proof shows for an input, or undefined when it shows none. Bytes inside may be anything. */
export function valueOfProof(
  domain: Domain,
  input: BeaconInput,
  pub: BeaconPublic,
  { partials }: Pick<BeaconProof, 'partials'>,
): Hash | undefined {
  if (partials.length !== pub.threshold || !isAscending(partials)) return undefined
  const base = inputPoint(domain, input)
  const proven = partials.every(({ slot, partial }) => verifyAgainst(base, pub, slot, partial))
  return proven ? combine(pub, partials) : undefined
}

function isAscending(partials: readonly SlotPartial[]): boolean {
  return partials.every(({ slot }, index) => index === 0 || slot > (partials[index - 1]?.slot ?? slot))
}

/** Π xⱼ / (xⱼ − x) over all others. */
function lagrangeAtZero(x: bigint, xs: readonly bigint[]): bigint {
  let [numerator, denominator] = [Fn.ONE, Fn.ONE]
  for (const other of xs) {
    if (other === x) continue
    numerator = Fn.mul(numerator, other)
    denominator = Fn.mul(denominator, Fn.sub(other, x))
  }
  return Fn.mul(numerator, Fn.inv(denominator))
}

function pointOf({ partial }: SlotPartial): InstanceType<typeof Point> {
  try {
    return Point.fromBytes(partial.point)
  } catch {
    throw new CombineError('a partial is no point of the curve')
  }
}

/** A point's coordinates are not spread evenly over 32 bytes: its hash is. */
function hashOfPoint(point: InstanceType<typeof Point>): Hash {
  return hexOf(keccak_256(concatBytes(VALUE_TAG, point.toBytes())))
}
