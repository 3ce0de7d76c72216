/** The openings of closed windows: taken until the epoch is sealed, and judged by the beacons, which never change. */
import { createHash } from 'node:crypto'
import { decodeCommitment, type SignedCommitment } from '../../compute/challenge/commitment.ts'
import { drawRuleOf } from '../../compute/challenge/draw.ts'
import { openingsBytes } from '../../compute/challenge/openings.ts'
import { openingsDigest, splitSignedOpenings } from '../../compute/challenge/openings-signature.ts'
import { encodeTranscript, transcriptHash } from '../../compute/challenge/transcript.ts'
import type { Hash } from '../../protocol/bytes.ts'
import { OPENING, type Opening } from '../../protocol/epoch/availability.ts'
import { epochOfSlot } from '../../protocol/epoch/windows.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import type { EpochStore } from '../intake/epoch-store.ts'
import type { GroupCommit } from '../intake/group-commit.ts'
import { OpeningAttempts, type Refuted, type Verdict } from './attempts.ts'
import type { Judge, Judgement } from './judge.ts'
import type { LookupRefusal, OpeningDeskRefusal } from './refusals.ts'
import { beaconOf, contextBy, drawOf, type WindowBeacons, type WindowDeskOptions } from './window-beacons.ts'
import type { ClosedWindow, DeviceWindow, StoredCommitment, WindowStore } from './window-store.ts'

export type OpeningAnswer = 'PASSED' | 'REPEATED' | { readonly refused: OpeningDeskRefusal }

export interface OpeningDeskDeps {
  readonly beacons: WindowBeacons
  readonly windows: WindowStore
  readonly epochs: Pick<EpochStore, 'sealedThrough'>
  readonly commit: GroupCommit
  readonly judge: Pick<Judge, 'judge'>
  readonly crypto: Pick<IdentityCrypto, 'recover'>
}

interface Beacons {
  /** Of the window, from which the products follow. */
  readonly window: Hash
  readonly draw: Hash
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
   * Judges what waited when the epoch was sealed.
   *
   * @returns whether that is done; false while too many others wait
   */
  async confirm(windows: readonly ClosedWindow[]): Promise<boolean> {
    await Promise.all(this.#underWay)
    for (const closed of windows)
      for (const { worker, device } of this.#deps.windows.ofWindow(closed.window))
        if (!(await this.#judgeWaiting({ window: closed.window, worker, device }, closed))) return false
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
    const by = this.#beaconsOf(found.closed)
    if (by === undefined) return { refused: 'NOT_DRAWN' }
    const digest = openingsDigest(domain, found.commitment.commitment, openings)
    if (this.#deps.crypto.recover(digest, signature) !== of.worker) return { refused: 'BAD_SIGNATURE' }
    const turn = this.#attempts.begin(of, hashOf(openings))
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

  async #write(
    { of, signed, openings }: Omit<OpeningsShown, 'by'>,
    verdict: Verdict,
  ): Promise<OpeningAnswer> {
    const { windows, commit } = this.#deps
    const opening = openingOf(verdict)
    if (opening === undefined) return { refused: verdict as Refuted }
    const bytes = encodeTranscript({ signed, openings })
    return await commit.submit(() => {
      const meanwhile = this.#judgedBefore(of)
      if (meanwhile !== undefined) return meanwhile
      windows.judge(of, opening, { hash: transcriptHash(bytes), bytes })
      windows.dropWaiting(of)
      return verdict === 'PASSED' ? 'PASSED' : { refused: verdict }
    }, bytes.length)
  }

  /** The device has done its part: that many others wait is not its fault, and must not cost it the epoch. */
  async #keep({ of, openings }: OpeningsShown): Promise<OpeningAnswer> {
    const { windows, commit } = this.#deps
    if (windows.waiting(of) === undefined)
      await commit.submit(() => windows.keepWaiting(of, openings), openings.length)
    return { refused: 'BUSY' }
  }

  /** @returns false when too many others wait */
  async #judgeWaiting(of: DeviceWindow, closed: ClosedWindow): Promise<boolean> {
    const { windows, commit } = this.#deps
    const found = windows.find(of)
    const openings = found?.commitment.opening === undefined ? windows.waiting(of) : undefined
    const by = openings === undefined ? undefined : this.#beaconsOf(closed)
    if (found === undefined || openings === undefined || by === undefined) return true
    const shown = { of, by, openings, signed: decodeCommitment(found.bytes) }
    const judgement = await this.#judge(shown)
    if (judgement === 'BUSY') return false
    await this.#write(shown, judgement)
    await commit.submit(() => windows.dropWaiting(of), 0)
    return true
  }

  #beaconsOf(closed: ClosedWindow): Beacons | undefined {
    const { beacons } = this.#deps
    const [window, draw] = [beaconOf(beacons, closed.window), drawOf(beacons, closed)]
    return window === undefined || draw === undefined ? undefined : { window, draw }
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

function hashOf(bytes: Uint8Array): Hash {
  return `0x${createHash('sha256').update(bytes).digest('hex')}`
}
