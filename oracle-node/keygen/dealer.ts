/**
 * One node's part in one key generation: a small machine that holds the secret polynomial and moves forward
 * only. Nothing here talks to anyone; see attempt.ts for who is asked what.
 */
import { equalBytes, type Hash } from '../../protocol/bytes.ts'
import {
  type FrostPublic,
  type FrostSecret,
  frost,
  groupKeyX,
  identifierOf,
  shareFits,
} from '../../protocol/frost.ts'
import {
  type DealerCommitment,
  encodeTranscript,
  type KeygenAttempt,
  publicPackageFromTranscript,
  type Transcript,
  transcriptHashOf,
} from '../../protocol/keygen.ts'

type DealtSecret = ReturnType<typeof frost.DKG.round1>['secret']

export type KeygenFailure =
  | 'WRONG_COMMITMENT'
  | 'BAD_PROOF'
  | 'TRANSCRIPTS_DIFFER'
  | 'BAD_SHARE'
  | 'NOT_A_PARTICIPANT'

/** The attempt cannot go on. `slot` is whose message it was, where one is to blame. */
export class KeygenError extends Error {
  readonly code: KeygenFailure
  readonly slot: number | undefined
  constructor(code: KeygenFailure, slot?: number) {
    super(slot === undefined ? `key generation: ${code}` : `key generation: ${code} from slot ${slot}`)
    this.name = 'KeygenError'
    this.code = code
    this.slot = slot
  }
}

export interface GeneratedKey {
  readonly secret: FrostSecret
  readonly public: FrostPublic
  readonly px: bigint
  readonly transcript: Uint8Array
  readonly transcriptHash: Hash
}

export class Dealer {
  readonly attempt: KeygenAttempt
  readonly attemptId: Hash
  readonly slot: number
  readonly own: DealerCommitment
  readonly #secret: DealtSecret
  #transcript: Transcript | undefined
  #sharesFor: ReadonlyMap<number, Uint8Array> | undefined

  constructor(attempt: KeygenAttempt, attemptId: Hash, slot: number) {
    if (!attempt.participants.includes(slot)) throw new KeygenError('NOT_A_PARTICIPANT')
    this.attempt = attempt
    this.attemptId = attemptId
    this.slot = slot
    const signers = { min: attempt.threshold, max: attempt.participants.length }
    const dealt = frost.DKG.round1(identifierOf(slot), signers)
    this.#secret = dealt.secret
    this.own = {
      slot,
      commitment: dealt.public.commitment,
      proofOfKnowledge: dealt.public.proofOfKnowledge,
    }
  }

  /**
   * Takes the other dealers' commitments, which fixes the transcript, and computes the shares for them.
   *
   * @throws {KeygenError} when a commitment or its proof is bad
   */
  fixTranscript(others: readonly DealerCommitment[]): Hash {
    const { participants, threshold } = this.attempt
    const transcript = [...others, this.own].sort((a, b) => a.slot - b.slot)
    const complete =
      transcript.length === participants.length &&
      transcript.every((dealer, index) => dealer.slot === participants[index])
    if (!complete) throw new KeygenError('WRONG_COMMITMENT')
    for (const dealer of others) {
      if (dealer.commitment.length !== threshold) throw new KeygenError('WRONG_COMMITMENT', dealer.slot)
    }
    const shares = this.#deal(others)
    this.#transcript = transcript
    this.#sharesFor = shares
    return transcriptHashOf(encodeTranscript(this.attemptId, transcript))
  }

  #deal(others: readonly DealerCommitment[]): Map<number, Uint8Array> {
    try {
      const packages = frost.DKG.round2(this.#secret, others.map(asRound1))
      return new Map(
        others.map(({ slot }) => [slot, packages[identifierOf(slot)]?.signingShare ?? new Uint8Array()]),
      )
    } catch {
      // noble names nobody: a proof that does not verify can only be another dealer's.
      throw new KeygenError('BAD_PROOF')
    }
  }

  /** The share for a participant. The caller gives it away only after every hash has matched. */
  shareFor(slot: number): Uint8Array | undefined {
    return this.#sharesFor?.get(slot)
  }

  /** Whether a dealer's share for this node fits that dealer's commitments. */
  accepts(dealerSlot: number, share: Uint8Array): boolean {
    const dealer = this.#transcript?.find(({ slot }) => slot === dealerSlot)
    return dealer !== undefined && shareFits(this.slot, share, dealer.commitment)
  }

  /**
   * Adds the shares up to this node's share of the group key, whose y is even.
   *
   * @throws {KeygenError} naming the dealer of a share that does not fit
   */
  finish(shares: ReadonlyMap<number, Uint8Array>): GeneratedKey {
    const transcript = this.#transcript
    if (transcript === undefined) throw new KeygenError('TRANSCRIPTS_DIFFER')
    for (const [slot, share] of shares) {
      if (!this.accepts(slot, share)) throw new KeygenError('BAD_SHARE', slot)
    }
    const others = transcript.filter(({ slot }) => slot !== this.slot)
    const key = frost.DKG.round3(
      this.#secret,
      others.map(asRound1),
      [...shares].map(([slot, share]) => ({
        identifier: identifierOf(slot),
        signingShare: Uint8Array.from(share),
      })),
    )
    const bytes = encodeTranscript(this.attemptId, transcript)
    assertSamePublic(key.public, publicPackageFromTranscript(transcript))
    return {
      secret: key.secret,
      public: key.public,
      px: groupKeyX(key.public),
      transcript: bytes,
      transcriptHash: transcriptHashOf(bytes),
    }
  }

  /**
   * Overwrites the polynomial and drops the shares for others: when the attempt is given up, or its key installed.
   * Not at `finish`: slower members still need theirs.
   */
  forget(): void {
    frost.DKG.clean(this.#secret)
    this.#sharesFor = undefined
  }
}

function asRound1(dealer: DealerCommitment) {
  return {
    identifier: identifierOf(dealer.slot),
    commitment: dealer.commitment.map(point => Uint8Array.from(point)),
    proofOfKnowledge: Uint8Array.from(dealer.proofOfKnowledge),
  }
}

/** Two ways to the same key: what strangers derive from the transcript must be what the members hold. */
function assertSamePublic(held: FrostPublic, derived: FrostPublic): void {
  const same = held.commitments.every((point, index) =>
    equalBytes(point, derived.commitments[index] ?? new Uint8Array()),
  )
  if (!same) throw new KeygenError('TRANSCRIPTS_DIFFER')
}
