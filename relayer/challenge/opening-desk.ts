/**
 * The openings of closed windows: taken until the epoch is sealed, judged by the chain as it is, and looked at once more
 * when the chain is final.
 */
import { createHash } from 'node:crypto'
import { decodeCommitment, type SignedCommitment } from '../../compute/challenge/commitment.ts'
import { drawRuleOf } from '../../compute/challenge/draw.ts'
import { openingsBytes } from '../../compute/challenge/openings.ts'
import { openingsDigest, splitSignedOpenings } from '../../compute/challenge/openings-signature.ts'
import { decodeTranscript, encodeTranscript, transcriptHash } from '../../compute/challenge/transcript.ts'
import type { Hash } from '../../protocol/bytes.ts'
import { OPENING, type Opening } from '../../protocol/epoch/availability.ts'
import { epochOfSlot } from '../../protocol/epoch/windows.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { EpochStore } from '../intake/epoch-store.ts'
import type { GroupCommit } from '../intake/group-commit.ts'
import { OpeningAttempts, type Refuted, type Verdict } from './attempts.ts'
import type { Judge, Judgement } from './judge.ts'
import type { LookupRefusal, OpeningDeskRefusal } from './refusals.ts'
import { beaconsOf, contextBy, type WindowBlocks, type WindowDeskOptions } from './window-chain.ts'
import type { Beacons, ClosedWindow, DeviceWindow, StoredCommitment, WindowStore } from './window-store.ts'

export type OpeningAnswer = 'PASSED' | 'REPEATED' | { readonly refused: OpeningDeskRefusal }

export interface OpeningDeskDeps {
  readonly chain: WindowBlocks
  readonly windows: WindowStore
  readonly epochs: Pick<EpochStore, 'sealedThrough'>
  readonly commit: GroupCommit
  readonly judge: Pick<Judge, 'judge'>
  readonly crypto: Pick<IdentityCrypto, 'recover'>
  readonly logger: Logger
}

/** Openings, and what they are judged by. */
interface OpeningsShown {
  readonly of: DeviceWindow
  readonly by: Beacons
  readonly signed: SignedCommitment
  readonly openings: Uint8Array
}

export class OpeningDesk {
  readonly #options: WindowDeskOptions
  readonly #deps: OpeningDeskDeps
  readonly #attempts = new OpeningAttempts()
  /** What came before the seal counts, though it is judged after. */
  readonly #underWay = new Set<Promise<unknown>>()

  constructor(options: WindowDeskOptions, deps: OpeningDeskDeps) {
    this.#options = options
    this.#deps = deps
  }

  /**
   * Judges what a device shows of its drawn products. What is wrong without a wrong product behind it is refused and
   * leaves no trace.
   *
   * @param body openings and the worker's signature, as `encodeSignedOpenings` writes them
   */
  open(of: DeviceWindow, body: Uint8Array): Promise<OpeningAnswer> {
    const answer = this.#open(of, body)
    const ended = answer.then(
      () => {},
      () => {},
    )
    this.#underWay.add(ended)
    void ended.then(() => this.#underWay.delete(ended))
    return answer
  }

  /**
   * Brings the results of a sealed epoch's windows in line with the final chain. What waited at the seal is judged. What
   * was judged by a block that has been replaced is judged again: whoever passed by that one has opened what it was
   * asked for, and could not know that it would be asked for something else, so it is neither failed nor said to have
   * passed.
   *
   * @returns whether that is done; false while blocks that decide are not final
   */
  async confirm(windows: readonly ClosedWindow[]): Promise<boolean> {
    await Promise.all(this.#underWay)
    for (const closed of windows) {
      const now = await beaconsOf(this.#options, this.#deps.chain, closed)
      if (now === undefined || !now.final) return false
      let replaced = 0
      for (const { worker, device } of this.#deps.windows.ofWindow(closed.window)) {
        const of = { window: closed.window, worker, device }
        if (!(await this.#judgeWaiting(of))) return false
        const again = await this.#judgeAgain(of, now)
        if (again === 'BUSY') return false
        if (again === 'CHANGED') replaced += 1
      }
      if (replaced > 0)
        this.#deps.logger.warn('blocks were replaced after openings were judged by them: judged again', {
          window: closed.window,
          devices: replaced,
        })
    }
    return true
  }

  /** @param window the first one that is still opened */
  forgetBefore(window: number): void {
    this.#attempts.forgetBefore(window)
  }

  async #open(of: DeviceWindow, body: Uint8Array): Promise<OpeningAnswer> {
    const judged = this.#judgedBefore(of) ?? this.#sealed(of)
    if (judged !== undefined) return judged
    const found = closedCommitment(this.#deps.windows, of)
    if ('refused' in found) return found
    const { domain } = this.#options
    const signed = decodeCommitment(found.bytes)
    const split = splitSignedOpenings(body)
    if (split?.openings.length !== this.#lengthOf(signed)) return { refused: 'WRONG_SHAPE' }
    const { openings, signature } = split
    const by = await beaconsOf(this.#options, this.#deps.chain, found.closed)
    if (by === undefined) return { refused: 'NOT_DRAWN' }
    const digest = openingsDigest(domain, found.commitment.commitment, openings)
    if (this.#deps.crypto.recover(digest, signature) !== of.worker) return { refused: 'BAD_SIGNATURE' }
    const turn = this.#attempts.begin(of, by.draw, hashOf(openings))
    if (turn === 'WAIT') return { refused: 'BUSY' }
    if (turn === 'TOO_MANY_OPENINGS') return { refused: turn }
    if (typeof turn === 'object') return turn
    let verdict: Verdict | undefined
    try {
      const shown = { of, by, signed, openings }
      const judgement = await this.#judge(shown)
      if (judgement === 'BUSY') return await this.#keep(shown)
      const answer = await this.#write(shown, judgement)
      verdict = judgement
      return answer
    } finally {
      this.#attempts.end(of, verdict)
    }
  }

  #judge({ of, by, signed, openings }: OpeningsShown): Promise<Judgement> {
    const context = contextBy(this.#options, of, by.window)
    return this.#deps.judge.judge({ context, signed, drawBeacon: by.draw, openings })
  }

  async #write({ of, by, signed, openings }: OpeningsShown, verdict: Verdict): Promise<OpeningAnswer> {
    const { windows, commit } = this.#deps
    const opening = openingOf(verdict)
    if (opening === undefined) return { refused: verdict as Refuted }
    const bytes = encodeTranscript({ signed, openings })
    return await commit.submit(() => {
      const meanwhile = this.#judgedBefore(of)
      if (meanwhile !== undefined) return meanwhile
      windows.judge(of, opening, by, { hash: transcriptHash(bytes), bytes })
      windows.dropWaiting(of)
      return verdict === 'PASSED' ? 'PASSED' : { refused: verdict }
    }, bytes.length)
  }

  /** The device has done its part: that many others wait is not its fault, and must not cost it the epoch. */
  async #keep({ of, by, openings }: OpeningsShown): Promise<OpeningAnswer> {
    const { windows, commit } = this.#deps
    if (windows.waiting(of) === undefined)
      await commit.submit(() => windows.keepWaiting(of, by, openings), openings.length)
    return { refused: 'BUSY' }
  }

  /** @returns false when too many others wait */
  async #judgeWaiting(of: DeviceWindow): Promise<boolean> {
    const { windows, commit } = this.#deps
    const found = windows.find(of)
    const kept = found?.commitment.opening === undefined ? windows.waiting(of) : undefined
    if (found === undefined || kept === undefined) return true
    const shown = { of, ...kept, signed: decodeCommitment(found.bytes) }
    const judgement = await this.#judge(shown)
    if (judgement === 'BUSY') return false
    await this.#write(shown, judgement)
    await commit.submit(() => windows.dropWaiting(of), 0)
    return true
  }

  async #judgeAgain(of: DeviceWindow, now: Beacons): Promise<'SAME' | 'CHANGED' | 'BUSY'> {
    const { windows, commit } = this.#deps
    const stored = windows.find(of)?.commitment
    const transcript = stored === undefined ? undefined : windows.transcript(stored.transcriptHash)
    if (stored?.opening === undefined || transcript === undefined) return 'SAME'
    const { opening, judgedBy } = stored
    if (judgedBy?.window === now.window && judgedBy.draw === now.draw) return 'SAME'
    const judgement = await this.#judge({ of, by: now, ...decodeTranscript(transcript) })
    if (judgement === 'BUSY') return 'BUSY'
    const sameProducts = judgedBy?.window === now.window
    const then = openingOf(judgement) ?? openingWithoutProof(opening, sameProducts)
    await commit.submit(() => windows.judgeAgain(of, then, now), 0)
    return 'CHANGED'
  }

  #lengthOf({ commitment }: SignedCommitment): number {
    const { size } = this.#options
    return openingsBytes(drawRuleOf(size), size, commitment.roots.length)
  }

  #judgedBefore(of: DeviceWindow): OpeningAnswer | undefined {
    const opening = this.#deps.windows.find(of)?.commitment.opening
    if (opening === OPENING.passed) return 'REPEATED'
    return opening === OPENING.failed ? { refused: 'FAILED_BEFORE' } : undefined
  }

  #sealed(of: DeviceWindow): OpeningAnswer | undefined {
    const sealed = epochOfSlot(this.#options.terms, of.window) <= this.#deps.epochs.sealedThrough()
    return sealed ? { refused: 'SEALED' } : undefined
  }
}

export function closedCommitment(
  windows: Pick<WindowStore, 'find' | 'closed'>,
  of: DeviceWindow,
):
  | { readonly closed: ClosedWindow; readonly commitment: StoredCommitment; readonly bytes: Uint8Array }
  | { readonly refused: LookupRefusal } {
  const found = windows.find(of)
  if (found === undefined) return { refused: 'NO_COMMITMENT' }
  const closed = windows.closed(of.window)
  if (closed === undefined) return { refused: 'NOT_CLOSED' }
  return closed.published ? { closed, ...found } : { refused: 'WINDOW_MISSED' }
}

/**
 * What a verdict makes of a device. The worker's own root stands over a wrong product: it has failed, whatever was
 * drawn. All else proves nothing.
 */
function openingOf(verdict: Verdict): Opening | undefined {
  if (verdict === 'PASSED') return OPENING.passed
  return verdict === 'WRONG_ENTRY' || verdict === 'WRONG_ROW' ? OPENING.failed : undefined
}

/** A wrong product stays one whatever is drawn of it, as long as it is the same product that was to be made. */
function openingWithoutProof(before: Opening, sameProducts: boolean): Opening {
  return before === OPENING.failed && sameProducts ? OPENING.failed : OPENING.notDrawn
}

function hashOf(bytes: Uint8Array): Hash {
  return `0x${createHash('sha256').update(bytes).digest('hex')}`
}
