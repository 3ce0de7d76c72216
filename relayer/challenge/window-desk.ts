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
import { refuseCommitment } from '../../compute/challenge/verify.ts'
import { DecodeError, type Hash, type Hex, hexOf } from '../../protocol/bytes.ts'
import { type ChallengeResult, commitmentLeaf, type WindowRoot } from '../../protocol/epoch/availability.ts'
import { encodeWindowSeal } from '../../protocol/epoch/messages.ts'
import { epochStartSec } from '../../protocol/epoch/time.ts'
import { drawSec, epochOfSlot, isWindow, slotEndSec, slotOf } from '../../protocol/epoch/windows.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import { EMPTY_ROOT } from '../../protocol/merkle.ts'
import { MESSAGE_KIND, sealMessage } from '../../protocol/message.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { EpochStore } from '../intake/epoch-store.ts'
import type { GroupCommit } from '../intake/group-commit.ts'
import type { Judge } from './judge.ts'
import { closedCommitment, type OpeningAnswer, OpeningDesk } from './opening-desk.ts'
import type { CommitmentDeskRefusal, LookupRefusal } from './refusals.ts'
import { beaconOf, contextBy, drawOf, type WindowBeacons, type WindowDeskOptions } from './window-beacons.ts'
import {
  type ClosedWindow,
  type DeviceWindow,
  resultOf,
  type StoredCommitment,
  type WindowStore,
} from './window-store.ts'
import { WindowTrees } from './window-trees.ts'

export type CommitmentAnswer = 'KEPT' | 'REPEATED' | { readonly refused: CommitmentDeskRefusal }

/** What a worker needs to see that its commitment is under the root, and to know what is drawn. */
export interface WindowView {
  readonly window: number
  readonly root: Hash
  readonly count: number
  readonly index: number
  readonly proof: readonly Hex[]
}

export interface WindowDeskDeps {
  readonly chain: Pick<SettlementReader, 'head' | 'workerOfDevice'>
  readonly beacons: WindowBeacons
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

/** Gossip loses little, and oracle nodes ignore what they know. Not less: repeats are numbered by seconds. */
const PUBLISH_EVERY_MS = 1_000
/** A repeat's number is one byte, and the grace 60 s at most. */
const MAX_REPEAT = 255
/** A root that is sent first in the last quarter of the grace might reach some oracle nodes and not others. */
const LAST_PART = 4

export class WindowDesk {
  readonly #options: WindowDeskOptions
  readonly #deps: WindowDeskDeps
  readonly #openings: OpeningDesk
  readonly #trees: WindowTrees
  /** When each seal was sent last. Only windows between deadline and draw are in it: two or three. */
  readonly #sentMs = new Map<number, number>()

  constructor(options: WindowDeskOptions, deps: WindowDeskDeps) {
    this.#options = options
    this.#deps = deps
    this.#openings = new OpeningDesk(options, deps)
    this.#trees = new WindowTrees(window => deps.windows.ofWindow(window).map(commitmentLeaf))
  }

  /** Resolves when the commitment is durable. */
  async take(bytes: Uint8Array): Promise<CommitmentAnswer> {
    const { chain, beacons, windows, commit, crypto } = this.#deps
    const signed = decodeOrUndefined(bytes)
    if (signed === undefined) return { refused: 'MALFORMED' }
    const { commitment } = signed
    const of = { window: Number(commitment.window), worker: commitment.worker, device: commitment.device }
    const before = this.#before(of, signed)
    if (before !== undefined) return before
    if (!this.#isOpen(of.window)) return { refused: 'NOT_OPEN' }
    if (chain.workerOfDevice(of.device) !== of.worker) return { refused: 'UNKNOWN_DEVICE' }
    const beacon = beaconOf(beacons, of.window)
    if (beacon === undefined || !isWindow(this.#options.terms, of.window, beacon))
      return { refused: 'NOT_OPEN' }
    const refused = refuseCommitment(contextBy(this.#options, of, beacon), signed, crypto)
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
    for (const window of this.#sentMs.keys()) {
      if (timestampSec < drawSec(terms, window)) continue
      this.#sentMs.delete(window)
      const closed = windows.closed(window)
      // Devices are about to ask for it; what they ask for later is asked for again.
      if (closed?.published === true) drawOf(this.#deps.beacons, closed)
    }
  }

  viewOf(of: DeviceWindow): WindowView | { readonly refused: LookupRefusal } {
    const found = closedCommitment(this.#deps.windows, of)
    if ('refused' in found) return found
    const { window, count } = found.closed
    return { window, count, ...this.#trees.proofOf(window, commitmentLeaf(found.commitment)) }
  }

  open(of: DeviceWindow, body: Uint8Array): Promise<OpeningAnswer> {
    return this.#openings.open(of, body)
  }

  /** See {@link OpeningDesk.confirm}. */
  confirm(epoch: number): Promise<boolean> {
    return this.#openings.confirm(this.#published(epoch))
  }

  /**
   * Call inside a transaction: windows of the epoch that have no root by now never get one, and of those that have no
   * draw nobody could open anything.
   */
  seal(epoch: number): void {
    const { windows, beacons, logger } = this.#deps
    for (const window of windows.unclosed())
      if (epochOfSlot(this.#options.terms, window) <= epoch) this.#close(window, false)
    for (const closed of this.#published(epoch)) {
      if (drawOf(beacons, closed) !== undefined) continue
      const { window, count } = closed
      windows.leaveUndrawn(window)
      logger.warn('nothing was drawn of a window: its work counts for nobody', { window, commitments: count })
    }
    this.#openings.forgetBefore(this.#firstSlotOf(epoch + 1))
  }

  windowsOf(epoch: number): WindowRoot[] {
    return this.#published(epoch).map(({ window, root }) => ({ window, root }))
  }

  resultsOf(epoch: number): ChallengeResult[] {
    return this.#published(epoch).flatMap(({ window }) => this.#deps.windows.ofWindow(window).map(resultOf))
  }

  /** Call inside a transaction. */
  prune(beforeEpoch: number): void {
    this.#deps.windows.prune(this.#firstSlotOf(beforeEpoch))
  }

  #firstSlotOf(epoch: number): number {
    const { terms } = this.#options
    return slotOf(terms, epochStartSec(terms.clock, epoch))
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

  #reachesEverybody(window: number, timestampSec: number): boolean {
    const { terms } = this.#options
    const lateMs = (drawSec(terms, window) - terms.graceSec / LAST_PART) * 1_000
    return timestampSec < drawSec(terms, window) && this.#deps.clock.now() < lateMs
  }

  /** The root is on disk before anybody is told: after a crash it is the same. */
  #close(window: number, published: boolean): void {
    const { windows, epochs, logger } = this.#deps
    const count = windows.ofWindow(window).length
    const root = this.#trees.rootOf(window)
    const epoch = epochOfSlot(this.#options.terms, window)
    windows.close({ window, epoch, root, count, published })
    if (published) {
      epochs.count('windows', 1)
      logger.info('window closed', { window, commitments: count, root })
    } else {
      logger.warn('a window was not closed in time: its work counts for nobody', {
        window,
        commitments: count,
      })
    }
  }

  #send({ window, root, count }: ClosedWindow): void {
    const { clock, keyEpoch, sign, publish } = this.#deps
    // By the time, so that it goes on after a restart.
    const sinceSec = Math.floor(clock.now() / 1_000) - slotEndSec(this.#options.terms, window)
    const body = encodeWindowSeal({ window, root, count }, Math.max(0, Math.min(MAX_REPEAT, sinceSec)))
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
