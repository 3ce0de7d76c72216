/** Judges openings, one device at a time: at most some 40 ms each at the largest size, with a turn for others between. */
import { setImmediate } from 'node:timers/promises'
import { commitmentDigest, type SignedCommitment } from '../../compute/challenge/commitment.ts'
import type { ChallengeContext } from '../../compute/challenge/context.ts'
import { drawOpenings, drawRuleOf } from '../../compute/challenge/draw.ts'
import { decodeOpenings } from '../../compute/challenge/openings.ts'
import { type VerifyingKernel, verifyOpenings } from '../../compute/challenge/verify.ts'
import { DecodeError, type Hash } from '../../protocol/bytes.ts'

export const JUDGEMENTS = [
  'PASSED',
  'WRONG_SHAPE',
  'BAD_PATH',
  'WRONG_ENTRY',
  'ENTRY_OUT_OF_RANGE',
  'WRONG_ROW',
  'BUSY',
] as const
export type Judgement = (typeof JUDGEMENTS)[number]

export interface OpeningCase {
  readonly context: ChallengeContext
  readonly signed: SignedCommitment
  /** Beacon of the draw. */
  readonly drawBeacon: Hash
  readonly openings: Uint8Array
}

/** Half a megabyte each, and a second or two of work when all are of the largest size. */
const MAX_WAITING = 64

export class Judge {
  readonly #kernel: () => Promise<VerifyingKernel>
  #waiting = 0
  #last: Promise<unknown> = Promise.resolve()

  constructor(kernel: () => Promise<VerifyingKernel>) {
    this.#kernel = kernel
  }

  async judge(opened: OpeningCase): Promise<Judgement> {
    if (this.#waiting >= MAX_WAITING) return 'BUSY'
    this.#waiting += 1
    const turn = this.#last.then(async () => {
      await setImmediate()
      return judgeOpenings(await this.#kernel(), opened)
    })
    this.#last = turn.catch(() => {})
    try {
      return await turn
    } finally {
      this.#waiting -= 1
    }
  }

  /** Resolves when nothing is being judged. */
  async idle(): Promise<void> {
    await this.#last
  }
}

export function judgeOpenings(kernel: VerifyingKernel, opened: OpeningCase): Exclude<Judgement, 'BUSY'> {
  const { context, signed, drawBeacon, openings } = opened
  const { domain, size } = context
  const { roots } = signed.commitment
  const digest = commitmentDigest(domain, signed.commitment)
  const drawn = drawOpenings(drawRuleOf(size), drawBeacon, digest, roots.length, size)
  try {
    const verdict = verifyOpenings(kernel, context, roots, drawn, decodeOpenings(openings, drawn, size))
    return verdict.ok ? 'PASSED' : (verdict.code as Exclude<Judgement, 'BUSY'>)
  } catch (error) {
    if (error instanceof DecodeError) return 'WRONG_SHAPE'
    throw error
  }
}
