/**
 * The relayer's side of challenge windows: commitments until the deadline, one root to every oracle node, then openings
 * until the epoch is sealed. All times are the chain's; only whether a root can still reach everybody is also asked of
 * the own clock, because that is how oracle nodes decide.
 */
import type { SettlementReader } from '../../chain/settlement/reader.ts'
import {
  commitmentDigest,
  decodeCommitment,
  type SignedCommitment,
} from '../../compute/challenge/commitment.ts'
import type { ChallengeContext } from '../../compute/challenge/context.ts'
import { encodeTranscript, transcriptHash } from '../../compute/challenge/transcript.ts'
import { refuseCommitment } from '../../compute/challenge/verify.ts'
import type { MatrixSize } from '../../compute/matrix/size.ts'
import { DecodeError, type Hash, type Hex, hexOf } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import {
  type ChallengeResult,
  commitmentLeaf,
  OPENING,
  type WindowRoot,
  windowRootOf,
} from '../../protocol/epoch/availability.ts'
import { encodeWindowSeal } from '../../protocol/epoch/messages.ts'
import { epochStartSec } from '../../protocol/epoch/time.ts'
import {
  drawBeacon,
  drawSec,
  epochOfSlot,
  isWindow,
  slotEndSec,
  slotOf,
  slotStartSec,
  type WindowTerms,
  windowBeacon,
} from '../../protocol/epoch/windows.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import { EMPTY_ROOT, merkleProof } from '../../protocol/merkle.ts'
import { MESSAGE_KIND, sealMessage } from '../../protocol/message.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { EpochStore } from '../intake/epoch-store.ts'
import type { GroupCommit } from '../intake/group-commit.ts'
import type { Judge } from './judge.ts'
import type { CommitmentDeskRefusal, LookupRefusal, OpeningDeskRefusal } from './refusals.ts'
import {
  type ClosedWindow,
  type DeviceWindow,
  resultOf,
  type StoredCommitment,
  type WindowStore,
} from './window-store.ts'

export type CommitmentAnswer = 'KEPT' | 'REPEATED' | { readonly refused: CommitmentDeskRefusal }
export type OpeningAnswer = 'PASSED' | 'REPEATED' | { readonly refused: OpeningDeskRefusal }

/** What a worker needs to see that its commitment is under the root, and to know what is drawn. */
export interface WindowView {
  readonly window: number
  readonly root: Hash
  readonly count: number
  readonly index: number
  readonly proof: readonly Hex[]
}

export interface WindowDeskOptions {
  readonly domain: Domain
  readonly terms: WindowTerms
  readonly size: MatrixSize
}

export interface WindowDeskDeps {
  readonly chain: Pick<SettlementReader, 'head' | 'workerOfDevice' | 'lastBlockBefore' | 'firstBlockFrom'>
  readonly windows: WindowStore
  readonly epochs: EpochStore
  readonly commit: GroupCommit
  readonly judge: Judge
  readonly crypto: IdentityCrypto
  readonly sign: (digest: Uint8Array) => Uint8Array
  readonly keyEpoch: () => number
  readonly publish: (seal: Uint8Array) => void
  readonly clock: Clock
  readonly logger: Logger
}

/** Gossip loses little, and oracle nodes ignore what they know. */
const PUBLISH_EVERY_MS = 1_000
/** A root that is sent first in the last quarter of the grace might reach some oracle nodes and not others. */
const LAST_PART = 4

export class WindowDesk {
  readonly #options: WindowDeskOptions
  readonly #deps: WindowDeskDeps
  /** When each seal was sent last. Only windows between deadline and draw are in it: two or three. */
  readonly #sentMs = new Map<number, number>()

  constructor(options: WindowDeskOptions, deps: WindowDeskDeps) {
    this.#options = options
    this.#deps = deps
  }

  /** Resolves when the commitment is durable. */
  async take(bytes: Uint8Array): Promise<CommitmentAnswer> {
    const { chain, windows, commit, crypto } = this.#deps
    const signed = decodeOrUndefined(bytes)
    if (signed === undefined) return { refused: 'MALFORMED' }
    const { commitment } = signed
    const of = { window: Number(commitment.window), worker: commitment.worker, device: commitment.device }
    const before = this.#before(of, signed)
    if (before !== undefined) return before
    if (!this.#isOpen(of.window)) return { refused: 'NOT_OPEN' }
    if (chain.workerOfDevice(of.device) !== of.worker) return { refused: 'UNKNOWN_DEVICE' }
    const context = await this.#contextOf(of)
    if (context === undefined || !isWindow(this.#options.terms, of.window, context.beacon))
      return { refused: 'NOT_OPEN' }
    const refused = refuseCommitment(context, signed, crypto)
    if (refused !== undefined) return { refused }
    return await commit.submit(() => {
      const meanwhile = this.#before(of, signed)
      if (meanwhile !== undefined) return meanwhile
      // The root may have been formed while this waited.
      if (!this.#isOpen(of.window) || windows.closed(of.window) !== undefined) return { refused: 'NOT_OPEN' }
      windows.add(this.#lineOf(signed), bytes)
      this.#deps.epochs.count('commitments', 1)
      return 'KEPT'
    }, bytes.length)
  }

  /** Closes what is due and sends roots. To be called several times a second. */
  tick(): void {
    const { chain, clock, windows } = this.#deps
    const { terms } = this.#options
    const { timestampSec } = chain.head().latest
    for (const window of windows.unclosed()) {
      if (slotEndSec(terms, window) > timestampSec) break
      this.#close(window, this.#reachesEverybody(window, timestampSec))
    }
    for (const closed of windows.closedFrom(this.#firstUndrawn(timestampSec))) {
      if (!closed.published || timestampSec >= drawSec(terms, closed.window)) continue
      const sentMs = this.#sentMs.get(closed.window)
      if (sentMs !== undefined && clock.monotonic() - sentMs < PUBLISH_EVERY_MS) continue
      this.#sentMs.set(closed.window, clock.monotonic())
      this.#send(closed)
    }
    for (const window of this.#sentMs.keys())
      if (timestampSec >= drawSec(terms, window)) this.#sentMs.delete(window)
  }

  viewOf(of: DeviceWindow): WindowView | { readonly refused: LookupRefusal } {
    const found = this.#closedCommitment(of)
    if ('refused' in found) return found
    const { window, root, count } = found.closed
    const leaves = this.#deps.windows.ofWindow(window).map(commitmentLeaf)
    const leaf = commitmentLeaf(found.commitment)
    return { window, root, count, index: leaves.indexOf(leaf), proof: merkleProof(leaves, leaf) }
  }

  /** Judges openings. Those that anybody could have made up are refused and leave no trace. */
  async open(of: DeviceWindow, openings: Uint8Array): Promise<OpeningAnswer> {
    const { windows, commit, judge } = this.#deps
    const judged = this.#judgedBefore(of)
    if (judged !== undefined) return judged
    const found = this.#closedCommitment(of)
    if ('refused' in found) return found
    const [context, beacon] = await Promise.all([this.#contextOf(of), this.#drawBeaconOf(found.closed)])
    if (context === undefined || beacon === undefined) return { refused: 'NOT_DRAWN' }
    const signed = decodeCommitment(found.bytes)
    const judgement = await judge.judge({ context, signed, drawBeacon: beacon, openings })
    // The worker's own root stands over a wrong product: whoever shows it, the device has failed. All else could be
    // somebody's who wants it to fail.
    const proven = judgement === 'WRONG_ENTRY' || judgement === 'WRONG_ROW'
    if (judgement !== 'PASSED' && !proven) return { refused: judgement }
    const bytes = encodeTranscript({ signed, openings })
    return await commit.submit(() => {
      const meanwhile = this.#judgedBefore(of)
      if (meanwhile !== undefined) return meanwhile
      const opening = proven ? OPENING.failed : OPENING.passed
      windows.judge(of, opening, { hash: transcriptHash(bytes), bytes })
      return proven ? { refused: judgement } : 'PASSED'
    }, bytes.length)
  }

  /** Call inside a transaction: windows of the epoch that have no root by now never get one. */
  seal(epoch: number): void {
    for (const window of this.#deps.windows.unclosed())
      if (epochOfSlot(this.#options.terms, window) <= epoch) this.#close(window, false)
  }

  windowsOf(epoch: number): WindowRoot[] {
    return this.#published(epoch).map(({ window, root }) => ({ window, root }))
  }

  resultsOf(epoch: number): ChallengeResult[] {
    return this.#published(epoch).flatMap(({ window }) => this.#deps.windows.ofWindow(window).map(resultOf))
  }

  /** Call inside a transaction. */
  prune(beforeEpoch: number): void {
    const { terms } = this.#options
    this.#deps.windows.prune(slotOf(terms, epochStartSec(terms.clock, beforeEpoch)))
  }

  #published(epoch: number): ClosedWindow[] {
    return this.#deps.windows.closedIn(epoch).filter(({ published }) => published)
  }

  #before(of: DeviceWindow, { commitment }: SignedCommitment): CommitmentAnswer | undefined {
    const found = this.#deps.windows.find(of)
    if (found === undefined) return undefined
    const digest = hexOf(commitmentDigest(this.#options.domain, commitment))
    return found.commitment.commitment === digest ? 'REPEATED' : { refused: 'ALREADY_COMMITTED' }
  }

  #isOpen(window: number): boolean {
    const { timestampSec } = this.#deps.chain.head().latest
    return slotOf(this.#options.terms, timestampSec) === window
  }

  #lineOf({ commitment }: SignedCommitment): StoredCommitment {
    return {
      window: Number(commitment.window),
      worker: commitment.worker,
      device: commitment.device,
      products: commitment.roots.length,
      commitment: hexOf(commitmentDigest(this.#options.domain, commitment)),
      opening: undefined,
      transcriptHash: EMPTY_ROOT,
    }
  }

  async #contextOf({ window, worker, device }: DeviceWindow): Promise<ChallengeContext | undefined> {
    const { domain, terms, size } = this.#options
    const seed = await this.#deps.chain.lastBlockBefore(slotStartSec(terms, window))
    if (seed === undefined) return undefined
    const beacon = windowBeacon(domain, window, seed.hash)
    return { domain, worker, device, window: BigInt(window), size, beacon }
  }

  async #drawBeaconOf({ window, root }: ClosedWindow): Promise<Hash | undefined> {
    const block = await this.#deps.chain.firstBlockFrom(drawSec(this.#options.terms, window))
    return block === undefined ? undefined : drawBeacon(root, block.hash)
  }

  #closedCommitment(
    of: DeviceWindow,
  ):
    | { readonly closed: ClosedWindow; readonly commitment: StoredCommitment; readonly bytes: Uint8Array }
    | { readonly refused: LookupRefusal } {
    const found = this.#deps.windows.find(of)
    if (found === undefined) return { refused: 'NO_COMMITMENT' }
    const closed = this.#deps.windows.closed(of.window)
    if (closed === undefined) return { refused: 'NOT_CLOSED' }
    return closed.published ? { closed, ...found } : { refused: 'WINDOW_MISSED' }
  }

  #judgedBefore(of: DeviceWindow): OpeningAnswer | undefined {
    const opening = this.#deps.windows.find(of)?.commitment.opening
    if (opening === OPENING.passed) return 'REPEATED'
    if (opening === OPENING.failed) return { refused: 'FAILED_BEFORE' }
    const sealed = epochOfSlot(this.#options.terms, of.window) <= this.#deps.epochs.sealedThrough()
    return sealed ? { refused: 'SEALED' } : undefined
  }

  #reachesEverybody(window: number, timestampSec: number): boolean {
    const { terms } = this.#options
    const lateMs = (drawSec(terms, window) - terms.graceSec / LAST_PART) * 1_000
    return timestampSec < drawSec(terms, window) && this.#deps.clock.now() < lateMs
  }

  /** The root is on disk before anybody is told: after a crash it is the same. */
  #close(window: number, published: boolean): void {
    const { windows, epochs, logger } = this.#deps
    const lines = windows.ofWindow(window)
    const root = windowRootOf(lines.map(resultOf))
    const epoch = epochOfSlot(this.#options.terms, window)
    windows.close({ window, epoch, root, count: lines.length, published })
    if (published) {
      epochs.count('windows', 1)
      logger.info('window closed', { window, commitments: lines.length, root })
    } else {
      logger.warn('a window was not closed in time: its work counts for nobody', {
        window,
        commitments: lines.length,
      })
    }
  }

  #send({ window, root, count }: ClosedWindow): void {
    const { keyEpoch, sign, publish } = this.#deps
    const body = encodeWindowSeal({ window, root, count })
    publish(sealMessage(this.#options.domain, MESSAGE_KIND.windowSeal, keyEpoch(), body, sign))
  }

  #firstUndrawn(timestampSec: number): number {
    const { terms } = this.#options
    return slotOf(terms, timestampSec - terms.graceSec) - 1
  }
}

function decodeOrUndefined(bytes: Uint8Array): SignedCommitment | undefined {
  try {
    const signed = decodeCommitment(bytes)
    // Lines of a bundle have four bytes for a window.
    return signed.commitment.window < 2n ** 32n ? signed : undefined
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}
