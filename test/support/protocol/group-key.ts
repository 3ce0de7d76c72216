import { beaconSuite } from '../../../protocol/beacon/suite.ts'
import { type FrostPublic, type FrostSecret, frost, identifierOf } from '../../../protocol/frost.ts'
import type { Transcript } from '../../../protocol/keygen/transcript.ts'
import { seededRandom } from './seeded.ts'

type Nonce = ReturnType<typeof frost.commit>

/** A key that members made together, every secret in one hand: only a test may have it so. */
export interface MadeKey {
  readonly transcript: Transcript
  readonly publics: ReadonlyMap<number, FrostPublic>
  readonly secrets: ReadonlyMap<number, FrostSecret>
}

/** Runs the whole key generation between the given slots, the same way for the same seed. */
export function makeKey(slots: readonly number[], threshold: number, seed: string): MadeKey {
  const signers = { min: threshold, max: slots.length }
  const dealers = slots.map(slot => ({
    slot,
    ...frost.DKG.round1(
      identifierOf(slot),
      signers,
      undefined,
      seededRandom(`${seed}: polynomial of ${slot}`),
    ),
  }))
  const shares = dealers.map(dealer => ({
    dealer,
    dealt: frost.DKG.round2(
      dealer.secret,
      dealers.filter(other => other !== dealer).map(other => other.public),
    ),
  }))
  const keys = dealers.map(({ slot, secret, public: own }) => {
    const others = dealers.filter(dealer => dealer.public !== own)
    const received = shares.flatMap(({ dealer, dealt }) => {
      const share = dealt[identifierOf(slot)]
      if (dealer.slot === slot || share === undefined) return []
      return [{ identifier: dealer.public.identifier, signingShare: share.signingShare }]
    })
    const key = frost.DKG.round3(
      secret,
      others.map(other => other.public),
      received,
    )
    return [slot, key] as const
  })
  return {
    transcript: dealers.map(({ slot, public: { commitment, proofOfKnowledge } }) => ({
      slot,
      signing: { commitment, proofOfKnowledge },
      beacon: beaconDealing(slot, signers, seed),
    })),
    publics: new Map(keys.map(([slot, key]) => [slot, key.public])),
    secrets: new Map(keys.map(([slot, key]) => [slot, key.secret])),
  }
}

/** Nonce commitments and signature shares of some slots over one digest. */
export function shareSignatures(key: MadeKey, slots: readonly number[], digest: Uint8Array, seed: string) {
  const nonces = slots.map(slot => [slot, nonceOf(key, slot, seed)] as const)
  const commitments = nonces.map(([, nonce]) => nonce.commitments)
  const shares = new Map(
    nonces.map(([slot, nonce]) => {
      const share = frost.signShare(
        secretShareOf(key, slot),
        publicOf(key, slot),
        nonce.nonces,
        commitments,
        digest,
      )
      return [slot, share] as const
    }),
  )
  return { commitments, shares }
}

export function publicOf(key: MadeKey, slot = [...key.publics.keys()][0]): FrostPublic {
  const found = slot === undefined ? undefined : key.publics.get(slot)
  if (found === undefined) throw new RangeError(`slot ${slot} holds no share`)
  return found
}

export function secretShareOf(key: MadeKey, slot: number): FrostSecret {
  const found = key.secrets.get(slot)
  if (found === undefined) throw new RangeError(`slot ${slot} holds no share`)
  return found
}

function nonceOf(key: MadeKey, slot: number, seed: string): Nonce {
  return frost.commit(secretShareOf(key, slot), seededRandom(`${seed}: nonces of ${slot}`))
}

function beaconDealing(slot: number, signers: { min: number; max: number }, seed: string) {
  const { commitment, proofOfKnowledge } = beaconSuite.DKG.round1(
    identifierOf(slot),
    signers,
    undefined,
    seededRandom(`${seed}: beacon polynomial of ${slot}`),
  ).public
  return { commitment, proofOfKnowledge }
}
