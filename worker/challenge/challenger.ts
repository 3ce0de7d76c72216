/**
 * Answers challenge windows: follows block time, makes products while a window lasts, commits, and opens what is drawn.
 *
 * Whatever goes wrong in a window stays there: it is logged, counted, and the next one is awaited. What was committed
 * to is stored first, so that a restart can still open it.
 */
import { commitmentDigest, commitmentOf, encodeCommitment } from '../../compute/challenge/commitment.ts'
import type { ChallengeContext } from '../../compute/challenge/context.ts'
import { drawRuleOf } from '../../compute/challenge/draw.ts'
import { encodeSignedOpenings, openingsDigest } from '../../compute/challenge/openings-signature.ts'
import type { MatrixSize } from '../../compute/matrix/size.ts'
import { type Address, type Hash, hexOf } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { BlockView } from '../../protocol/epoch/audit-types.ts'
import { epochEndSec } from '../../protocol/epoch/time.ts'
import {
  drawSec,
  epochOfSlot,
  mayBeWindow,
  slotEndSec,
  slotOf,
  type WindowTerms,
} from '../../protocol/epoch/windows.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Service } from '../../runtime/service.ts'
import { ProblemError } from '../../sdk/problem.ts'
import type { RelayerClient, WindowAnswer } from '../../sdk/relayer-client.ts'
import { ComputeError, type Computer } from '../compute/compute-thread.ts'
import type { CommittedWindow } from '../store/window-store.ts'
import type { WorkerStore } from '../store/worker-store.ts'
import { availabilityOf, isUnderRoot } from './settled-window.ts'
import type { WindowBeacons } from './window-beacons.ts'

/** The newest block: the only clock that windows have. */
export interface BlockTime {
  head(): { readonly latest: BlockView }
}

export const WINDOW_OUTCOMES = [
  'opened',
  'nothing-made',
  'not-committed',
  'missed',
  'unanswered',
  'not-drawn',
  'not-opened',
  'failed',
] as const
/**
 * What came of a window. Who committed and did not open gets nothing for the whole epoch; a window that the relayer
 * itself has missed, and one of which nothing was drawn, counts for nobody, and costs nobody anything. `unanswered`: nobody said whether the commitment was
 * taken.
 */
export type WindowOutcome = (typeof WINDOW_OUTCOMES)[number]

type OpenOutcome = Exclude<WindowOutcome, 'nothing-made' | 'failed'>

export interface ChallengerOptions {
  readonly domain: Domain
  readonly worker: Address
  readonly device: Hash
  readonly terms: WindowTerms
  readonly size: MatrixSize
  readonly maxProducts: number
  /** After an epoch's end until it is sealed: later openings are none. */
  readonly sealGraceSec: number
}

export interface ChallengerDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly blocks: BlockTime
  readonly beacons: WindowBeacons
  readonly computer: Computer
  readonly store: WorkerStore
  readonly sign: (digest: Uint8Array) => Uint8Array
  readonly relayer: Pick<RelayerClient, 'postCommitment' | 'windowOf' | 'postOpenings'>
  /** Whether the device is registered: others' challenges count for nobody. */
  readonly ready: () => boolean
  /** Sends the records that wait, now. */
  readonly flush: () => void
  readonly count: (outcome: WindowOutcome, products: number) => void
}

const LOOK_MS = 200
/** What the relayer is asked again and again is asked this often. */
const ASK_MS = 300
/** Left of a window for signing, sending, and a block that is seen late. */
const COMMIT_MARGIN_MS = 1_200
/** The relayer's view of the chain is a moment behind: what it does not see yet it sees at the next asking. */
const EARLY_CODES: ReadonlySet<string> = new Set([
  'NOT_OPEN',
  'UNKNOWN_DEVICE',
  'NOT_CLOSED',
  'NOT_DRAWN',
  'BUSY',
])
/** What a relayer says of a window in which there is nothing to open. */
const NOT_THERE: ReadonlyMap<string, OpenOutcome> = new Map([
  ['NO_COMMITMENT', 'not-committed'],
  ['WINDOW_MISSED', 'missed'],
])
/** This machine may have made a mistake. Not WRONG_ENTRY and the like: those have failed for good. */
const REDRAW_CODES: ReadonlySet<string> = new Set(['WRONG_SHAPE', 'BAD_PATH'])
/** Openings take up to some seconds to make. */
const REDRAW_MS = 1_000
/** Windows whose openings are under way; more are left to fail, since something is wrong. */
const MAX_OPENING = 32

export function createChallenger(options: ChallengerOptions, deps: ChallengerDeps): Service {
  const { domain, worker, device, terms, size } = options
  const { clock, logger, blocks, beacons, store, relayer } = deps
  const of = { worker, device }
  const tasks = new Set<Promise<void>>()
  let stopping: AbortController | undefined
  let looking: Promise<void> | undefined
  let openings = 0
  /** The newest slot that needs no more looking at. */
  let lastSlot = -1

  const nowSec = (): number => blocks.head().latest.timestampSec
  const contextOf = (window: number, beacon: Hash): ChallengeContext => ({
    domain,
    worker,
    device,
    window: BigInt(window),
    size,
    beacon,
  })

  /** Until block time has reached a second. */
  const waitUntil = async (sec: number, signal: AbortSignal): Promise<void> => {
    while (nowSec() < sec) await clock.sleep(LOOK_MS, signal)
  }

  /** Again until there is an answer, or block time has reached `untilSec`. */
  const persist = async <T>(
    what: string,
    untilSec: number,
    signal: AbortSignal,
    attempt: () => Promise<T | undefined>,
  ): Promise<T | undefined> => {
    while (nowSec() < untilSec) {
      try {
        const result = await attempt()
        if (result !== undefined) return result
      } catch (error) {
        signal.throwIfAborted()
        if (error instanceof ProblemError && !error.retryable && !EARLY_CODES.has(error.code)) throw error
        logger.debug('asking again', { what, error })
      }
      await clock.sleep(ASK_MS, signal)
    }
    return undefined
  }

  const makeProducts = async (
    window: number,
    beacon: Hash,
    signal: AbortSignal,
  ): Promise<readonly Hash[]> => {
    const leftMs = (slotEndSec(terms, window) - nowSec()) * 1_000 - COMMIT_MARGIN_MS
    if (leftMs <= 0) return []
    const job = { kind: 'products', maxProducts: options.maxProducts, budgetMs: leftMs } as const
    const context = contextOf(window, beacon)
    // Block time may run ahead of this machine's clock; then what is done is done.
    const over = new AbortController()
    const watch = waitUntil(slotEndSec(terms, window) - 1, AbortSignal.any([signal, over.signal])).then(
      () => over.abort(new Error('the window is about to end')),
      () => {},
    )
    try {
      const stop = AbortSignal.any([signal, over.signal])
      return await deps.computer.run({ ...job, context }, stop)
    } finally {
      over.abort(new Error('the products are made'))
      await watch
    }
  }

  /** Whether it was taken is the root's to say: an answer may get lost, and what was committed to has to be opened. */
  const commit = async ({ window, signed }: CommittedWindow, signal: AbortSignal): Promise<void> => {
    const bytes = encodeCommitment(signed)
    const post = async () => {
      await relayer.postCommitment(bytes, signal)
      return true
    }
    await persist('commitment', slotEndSec(terms, window), signal, post).catch((error: unknown) => {
      signal.throwIfAborted()
      logger.warn('the relayer refused a commitment', { window, error })
    })
  }

  /** Makes products and commits to them. @returns what is to be opened later */
  const answerWindow = async (
    window: number,
    beacon: Hash,
    signal: AbortSignal,
  ): Promise<CommittedWindow | undefined> => {
    const roots = await makeProducts(window, beacon, signal)
    signal.throwIfAborted()
    if (roots.length === 0) {
      logger.warn('a challenge window ended before a product was made', { window })
      deps.count('nothing-made', 0)
      return undefined
    }
    const commitment = commitmentOf(contextOf(window, beacon), roots)
    const signed = { commitment, signature: deps.sign(commitmentDigest(domain, commitment)) }
    const committed = { window, beacon, signed }
    store.transaction(() => {
      store.windows.add(committed)
      store.outbox.add(availabilityOf(domain, window, signed))
    })
    deps.flush()
    return committed
  }

  /** Until the draw, a commitment whose answer got lost may still be on its way. */
  const askRoot = async (window: number, signal: AbortSignal): Promise<WindowAnswer | undefined> => {
    try {
      return await relayer.windowOf(window, of, signal)
    } catch (error) {
      const mayCome = error instanceof ProblemError && error.code === 'NO_COMMITMENT'
      if (mayCome && nowSec() < drawSec(terms, window)) return undefined
      throw error
    }
  }

  const openDraw = async (
    { window, beacon, signed }: CommittedWindow,
    untilSec: number,
    signal: AbortSignal,
  ): Promise<OpenOutcome> => {
    const answer = await persist('root', untilSec, signal, () => askRoot(window, signal))
    if (answer === undefined) return 'unanswered'
    if (!isUnderRoot(domain, window, signed, answer)) {
      logger.error("the relayer's root does not hold this worker's commitment", { window, root: answer.root })
      return 'not-opened'
    }
    const drawBeacon = await persist('draw', untilSec, signal, () =>
      beacons.draw(window, answer.root, signal),
    )
    if (drawBeacon === undefined) return 'not-drawn'
    const digest = commitmentDigest(domain, signed.commitment)
    const openings = await deps.computer.run(
      {
        kind: 'open',
        context: contextOf(window, beacon),
        roots: signed.commitment.roots,
        rule: drawRuleOf(size),
        drawBeacon,
        commitmentDigest: digest,
      },
      signal,
    )
    const signature = deps.sign(openingsDigest(domain, hexOf(digest), openings))
    const bytes = encodeSignedOpenings({ openings, signature })
    const done = await persist('openings', untilSec, signal, async () => {
      await relayer.postOpenings(window, of, bytes, signal)
      return true
    })
    return done === true ? 'opened' : 'not-opened'
  }

  /** Again while another computation may give what the relayer expects. */
  const open = async (committed: CommittedWindow, signal: AbortSignal): Promise<OpenOutcome> => {
    const { window } = committed
    const untilSec = epochEndSec(terms.clock, epochOfSlot(terms, window)) + options.sealGraceSec
    await waitUntil(slotEndSec(terms, window), signal)
    while (nowSec() < untilSec) {
      try {
        return await openDraw(committed, untilSec, signal)
      } catch (error) {
        signal.throwIfAborted()
        const notThere = error instanceof ProblemError ? NOT_THERE.get(error.code) : undefined
        if (notThere !== undefined) return notThere
        if (!mayDrawAgain(error)) throw error
        logger.warn('openings are made again', { window, error })
        await clock.sleep(REDRAW_MS, signal)
      }
    }
    return 'not-opened'
  }

  /** Commits, again if need be, and opens. */
  const settle = async (committed: CommittedWindow, signal: AbortSignal): Promise<void> => {
    const { window, signed } = committed
    const products = signed.commitment.roots.length
    if (nowSec() < slotEndSec(terms, window)) await commit(committed, signal)
    const outcome = await open(committed, signal)
    store.windows.done(window)
    deps.count(outcome, products)
    SAY[outcome](logger, { window, products })
  }

  const attend = async (work: (signal: AbortSignal) => Promise<void>, window: number): Promise<void> => {
    const signal = stopping?.signal ?? AbortSignal.abort()
    try {
      await work(signal)
    } catch (error) {
      if (signal.aborted) return
      logger.warn('a challenge window went wrong', { window, error })
      deps.count('failed', 0)
      store.windows.done(window)
    }
  }
  const track = (task: Promise<void>): void => {
    tasks.add(task)
    void task.finally(() => tasks.delete(task))
  }
  const settleLater = (committed: CommittedWindow): void => {
    if (openings >= MAX_OPENING) {
      logger.error('too many challenge windows wait for their openings', { window: committed.window })
      store.windows.done(committed.window)
      return
    }
    openings++
    track(
      attend(signal => settle(committed, signal), committed.window).finally(() => {
        openings--
      }),
    )
  }

  const look = async (signal: AbortSignal): Promise<void> => {
    const slot = slotOf(terms, nowSec())
    if (slot <= lastSlot || !deps.ready()) return
    if (!mayBeWindow(terms, slot)) {
      lastSlot = slot
      return
    }
    // Without one it is no window, or not yet.
    const found = await beacons.window(slot, signal).catch((error: unknown) => {
      logger.debug('the relayer does not tell whether there is a window', { window: slot, error })
      return undefined
    })
    if (found === undefined) return
    lastSlot = slot
    const { beacon } = found
    if (beacon === undefined) return
    logger.debug('challenge window', { window: slot })
    await attend(async () => {
      const committed = await answerWindow(slot, beacon, signal)
      if (committed !== undefined) settleLater(committed)
    }, slot)
  }

  const repeat = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      try {
        await look(signal)
      } catch (error) {
        if (!signal.aborted) logger.warn('block time could not be followed', { error })
      }
      await clock.sleep(LOOK_MS, signal).catch(() => {})
    }
  }

  return {
    name: 'challenger',
    start: async () => {
      stopping = new AbortController()
      for (const committed of store.windows.open()) {
        // A second commitment for the same window would be refused, and cost the first.
        lastSlot = Math.max(lastSlot, committed.window)
        settleLater(committed)
      }
      looking = repeat(stopping.signal)
    },
    stop: async () => {
      stopping?.abort(new Error('the challenger is stopping'))
      await looking
      await Promise.all(tasks)
      looking = undefined
    },
  }
}

function mayDrawAgain(error: unknown): boolean {
  if (error instanceof ComputeError) return true
  return error instanceof ProblemError && REDRAW_CODES.has(error.code)
}

type Say = (logger: Logger, fields: { readonly window: number; readonly products: number }) => void

const SAY: Readonly<Record<OpenOutcome, Say>> = {
  opened: (logger, fields) => logger.debug('challenge window opened', fields),
  'not-committed': (logger, fields) =>
    logger.warn('the relayer did not take a commitment in time: the window does not count', fields),
  missed: (logger, fields) =>
    logger.warn('the relayer missed a challenge window: it counts for nobody', fields),
  unanswered: (logger, fields) =>
    logger.warn('nobody said whether a commitment was taken: if it was, this device gets nothing', fields),
  'not-drawn': (logger, fields) =>
    logger.warn('nothing was drawn of a challenge window: it counts for nobody', fields),
  'not-opened': (logger, fields) =>
    logger.warn('openings were not taken: this device gets nothing for its epoch', fields),
}
