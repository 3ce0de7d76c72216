import { secp256k1 } from '@noble/curves/secp256k1.js'
import { combine, type SlotPartial } from '../../../protocol/beacon/combine.ts'
import type { BeaconInput } from '../../../protocol/beacon/input.ts'
import { encodeProof } from '../../../protocol/beacon/messages.ts'
import { makePartial } from '../../../protocol/beacon/partial.ts'
import { type BeaconPublic, beaconPublicOf } from '../../../protocol/beacon/public.ts'
import { bytesToBigint, type Hash, hexOf } from '../../../protocol/bytes.ts'
import type { Domain } from '../../../protocol/domain.ts'
import { PROOF_BYTES } from '../../../protocol/frost.ts'
import { encodeTranscript } from '../../../protocol/keygen/transcript.ts'
import { DOMAIN } from './network.ts'
import { seeded } from './seeded.ts'

const { Point } = secp256k1
const { Fn } = Point

/** A beacon key whose secrets are all in one hand: only a test may have it so. */
export interface DealtBeacon {
  readonly public: BeaconPublic
  /** Of a key generation that gave this key; its signing key is the same, and nothing in it is proven. */
  readonly transcript: Uint8Array
  /** By slot, 32 bytes each. */
  readonly secrets: ReadonlyMap<number, Uint8Array>
}

/** The same for the same seed. */
export function dealBeacon(slots: readonly number[], threshold: number, seed: string): DealtBeacon {
  const dealers = slots.map(dealer =>
    Array.from({ length: threshold }, (_, degree) =>
      Fn.create(bytesToBigint(seeded(`${seed}: coefficient ${degree} of ${dealer}`))),
    ),
  )
  const shareOf = (slot: number): bigint =>
    dealers.reduce((sum, coefficients) => Fn.add(sum, evaluated(coefficients, BigInt(slot + 1))), Fn.ZERO)
  const commitments = dealers.map(each => each.map(coefficient => Point.BASE.multiply(coefficient).toBytes()))
  const dealings = commitments.map(commitment => ({
    commitment,
    proofOfKnowledge: new Uint8Array(PROOF_BYTES),
  }))
  return {
    public: beaconPublicOf(commitments, slots),
    transcript: encodeTranscript(
      hexOf(seeded(seed)),
      dealings.flatMap((dealing, at) => {
        const slot = slots[at]
        return slot === undefined ? [] : [{ slot, signing: dealing, beacon: dealing }]
      }),
    ),
    secrets: new Map(slots.map(slot => [slot, Fn.toBytes(shareOf(slot))])),
  }
}

export function secretOf(key: DealtBeacon, slot: number): Uint8Array {
  const secret = key.secrets.get(slot)
  if (secret === undefined) throw new RangeError(`slot ${slot} holds no share`)
  return secret
}

/** The value that enough of its holders make. */
export function beaconValue(key: DealtBeacon, input: BeaconInput, domain: Domain = DOMAIN): Hash {
  const slots = [...key.secrets.keys()].slice(0, key.public.threshold)
  return combine(key.public, partialsOf(key, input, slots, domain))
}

/** As members show it to one another. */
export function proofBytes(
  key: DealtBeacon,
  keyEpoch: number,
  input: BeaconInput,
  slots: readonly number[],
  domain: Domain = DOMAIN,
) {
  return encodeProof({ keyEpoch, partials: partialsOf(key, input, slots, domain) })
}

/** The partials of some slots. */
export function partialsOf(
  key: DealtBeacon,
  input: BeaconInput,
  slots: readonly number[],
  domain: Domain = DOMAIN,
): SlotPartial[] {
  return slots.map(slot => ({ slot, partial: makePartial(domain, input, secretOf(key, slot)) }))
}

function evaluated(coefficients: readonly bigint[], x: bigint): bigint {
  return coefficients.reduceRight((sum, each) => Fn.add(Fn.mul(sum, x), each), Fn.ZERO)
}
