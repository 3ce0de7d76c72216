/**
 * One node's part in one key generation: a small machine that holds the two secret polynomials, one for the signing
 * key and one for the beacon key, and moves forward only. Nothing here talks to anyone; see attempt.ts for who is
 * asked what.
 */
import type { BeaconPublic } from '../../protocol/beacon/public.ts'
import { beaconSuite } from '../../protocol/beacon/suite.ts'
import { equalBytes, type Hash } from '../../protocol/bytes.ts'
import { type FrostPublic, type FrostSecret, frost, groupKeyX, identifierOf } from '../../protocol/frost.ts'
import type { KeygenAttempt } from '../../protocol/keygen/attempt.ts'
import type { DealtShares } from '../../protocol/keygen/messages.ts'
import {
  beaconPublicFromTranscript,
  type DealerCommitment,
  type Dealing,
  encodeTranscript,
  publicPackageFromTranscript,
  type Transcript,
  transcriptHashOf,
} from '../../protocol/keygen/transcript.ts'

type Suite = typeof frost
type DealtSecret = ReturnType<Suite['DKG']['round1']>['secret']

/**
 * - `NOT_A_PARTICIPANT`: the slot does not take part.
 * - `INCOMPLETE`: not exactly the participants' commitments, or not exactly their shares.
 * - `BAD_INPUT`: the library takes a commitment or share that was found to be good for a bad one.
 */
export type DealerFailure = 'NOT_A_PARTICIPANT' | 'INCOMPLETE' | 'BAD_INPUT'

/** The dealer cannot go on. Other dealers' faults are found before: see protocol/keygen/evidence.ts. */
export class DealerError extends Error {
  readonly code: DealerFailure
  constructor(code: DealerFailure, cause?: unknown) {
    super(`key generation: ${code}`, cause === undefined ? {} : { cause })
    this.name = 'DealerError'
    this.code = code
  }
}

export interface BeaconShare {
  /** 32-byte scalar. */
  readonly secret: Uint8Array
  readonly public: BeaconPublic
}

export interface GeneratedKey {
  readonly secret: FrostSecret
  readonly public: FrostPublic
  readonly px: bigint
  readonly beacon: BeaconShare
  readonly transcript: Uint8Array
  readonly transcriptHash: Hash
}

/** One of the two polynomials, in the suite that it is dealt in. */
class Polynomial {
  readonly dealing: Dealing
  readonly #suite: Suite
  readonly #secret: DealtSecret
  readonly #of: (dealer: DealerCommitment) => Dealing
  #sharesFor: ReadonlyMap<number, Uint8Array> | undefined

  constructor(
    suite: Suite,
    slot: number,
    { threshold, participants }: KeygenAttempt,
    of: (dealer: DealerCommitment) => Dealing,
  ) {
    const dealt = suite.DKG.round1(identifierOf(slot), { min: threshold, max: participants.length })
    this.#suite = suite
    this.#secret = dealt.secret
    this.#of = of
    this.dealing = {
      commitment: dealt.public.commitment,
      proofOfKnowledge: dealt.public.proofOfKnowledge,
    }
  }

  deal(others: readonly DealerCommitment[]): void {
    const packages = this.#suite.DKG.round2(this.#secret, this.#round1(others))
    this.#sharesFor = new Map(
      others.flatMap(({ slot }) => {
        const share = packages[identifierOf(slot)]?.signingShare
        return share === undefined ? [] : [[slot, share] as const]
      }),
    )
  }

  shareFor(slot: number): Uint8Array | undefined {
    return this.#sharesFor?.get(slot)
  }

  finish(others: readonly DealerCommitment[], shares: ReadonlyMap<number, Uint8Array>) {
    return this.#suite.DKG.round3(
      this.#secret,
      this.#round1(others),
      [...shares].map(([slot, share]) => ({
        identifier: identifierOf(slot),
        signingShare: Uint8Array.from(share),
      })),
    )
  }

  forget(): void {
    this.#suite.DKG.clean(this.#secret)
    this.#sharesFor = undefined
  }

  #round1(dealers: readonly DealerCommitment[]) {
    return dealers.map(dealer => ({
      identifier: identifierOf(dealer.slot),
      commitment: this.#of(dealer).commitment.map(point => Uint8Array.from(point)),
      proofOfKnowledge: Uint8Array.from(this.#of(dealer).proofOfKnowledge),
    }))
  }
}

export class Dealer {
  readonly attempt: KeygenAttempt
  readonly attemptId: Hash
  readonly slot: number
  readonly own: DealerCommitment
  readonly #signing: Polynomial
  readonly #beacon: Polynomial
  #transcript: Transcript | undefined

  /** @throws {DealerError} when this slot does not take part */
  constructor(attempt: KeygenAttempt, attemptId: Hash, slot: number) {
    if (!attempt.participants.includes(slot)) throw new DealerError('NOT_A_PARTICIPANT')
    this.attempt = attempt
    this.attemptId = attemptId
    this.slot = slot
    this.#signing = new Polynomial(frost, slot, attempt, dealer => dealer.signing)
    this.#beacon = new Polynomial(beaconSuite, slot, attempt, dealer => dealer.beacon)
    this.own = { slot, signing: this.#signing.dealing, beacon: this.#beacon.dealing }
  }

  /**
   * Takes the other dealers' commitments, which fixes the transcript, and computes the shares for them.
   *
   * @throws {DealerError}
   */
  fixTranscript(others: readonly DealerCommitment[]): Hash {
    const { participants } = this.attempt
    const transcript = [...others, this.own].sort((a, b) => a.slot - b.slot)
    const complete =
      transcript.length === participants.length &&
      transcript.every((dealer, index) => dealer.slot === participants[index])
    if (!complete) throw new DealerError('INCOMPLETE')
    this.#unless(() => {
      this.#signing.deal(others)
      this.#beacon.deal(others)
    })
    this.#transcript = transcript
    return transcriptHashOf(encodeTranscript(this.attemptId, transcript))
  }

  /** The shares for a participant. The caller gives them away only after every hash has matched. */
  sharesFor(slot: number): DealtShares | undefined {
    const signing = this.#transcript === undefined ? undefined : this.#signing.shareFor(slot)
    const beacon = this.#beacon.shareFor(slot)
    return signing === undefined || beacon === undefined ? undefined : { signing, beacon }
  }

  /**
   * Adds the shares up to this node's share of the group key, whose y is even, and of the beacon key.
   *
   * @param shares by dealer, each found to fit that dealer's commitments
   * @throws {DealerError}
   */
  finish(shares: ReadonlyMap<number, DealtShares>): GeneratedKey {
    const transcript = this.#transcript
    if (transcript === undefined) throw new DealerError('INCOMPLETE')
    const others = transcript.filter(({ slot }) => slot !== this.slot)
    if (shares.size !== others.length || !others.every(({ slot }) => shares.has(slot)))
      throw new DealerError('INCOMPLETE')
    return this.#unless(() => {
      const key = this.#signing.finish(others, only(shares, 'signing'))
      const beacon = this.#beacon.finish(others, only(shares, 'beacon'))
      const publicBeacon = beaconPublicFromTranscript(transcript)
      // Two ways to the same keys: what strangers derive from the transcript must be what the members hold.
      assertSame(key.public.commitments, publicPackageFromTranscript(transcript).commitments)
      assertSame(beacon.public.commitments, publicBeacon.commitments)
      const bytes = encodeTranscript(this.attemptId, transcript)
      return {
        secret: key.secret,
        public: key.public,
        px: groupKeyX(key.public),
        beacon: { secret: beacon.secret.signingShare, public: publicBeacon },
        transcript: bytes,
        transcriptHash: transcriptHashOf(bytes),
      }
    })
  }

  /**
   * Overwrites the polynomials and drops the shares for others: when the attempt is given up, or its key installed.
   * Not at `finish`: slower members still need theirs.
   */
  forget(): void {
    this.#signing.forget()
    this.#beacon.forget()
  }

  /** The library says what is wrong, but not in our codes. */
  #unless<T>(work: () => T): T {
    try {
      return work()
    } catch (cause) {
      throw new DealerError('BAD_INPUT', cause)
    }
  }
}

function only(shares: ReadonlyMap<number, DealtShares>, which: keyof DealtShares): Map<number, Uint8Array> {
  return new Map([...shares].map(([slot, share]) => [slot, share[which]]))
}

function assertSame(held: readonly Uint8Array[], derived: readonly Uint8Array[]): void {
  const same =
    held.length === derived.length &&
    held.every((point, index) => equalBytes(point, derived[index] ?? new Uint8Array()))
  if (!same) throw new RangeError('the key of the shares is not the key of the transcript')
}
