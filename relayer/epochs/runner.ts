/**
 * The shell of the epoch machine: loads a state, steps it, stores what comes out, and only then does what follows.
 * A crash at any point leaves a state whose effects are done again.
 */
import type { SettledEpoch, SettlementReader } from '../../chain/settlement/types.ts'
import { lastSettledBefore } from '../../chain/settlement/view.ts'
import type { Hash } from '../../protocol/bytes.ts'
import {
  EPOCH_PHASES,
  type EpochEffect,
  type EpochEvent,
  type EpochPhase,
  type EpochState,
  openEpoch,
  stepEpoch,
} from '../../protocol/epoch/machine.ts'
import { epochEndSec, epochOf } from '../../protocol/epoch/time.ts'
import type { Membership } from '../../protocol/membership.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import type { EpochDetails, EpochRecord, EpochStore } from './epoch-store.ts'

/** What came of an effect, and what is to be stored with the state that follows. */
export interface Done {
  readonly event: EpochEvent
  readonly details?: EpochDetails
}

/** What the effects stand for. Each may be done again at any time; undefined: not yet, look again later. */
export interface EpochDuties {
  /** Nothing more is taken into the epoch; computes it when it is the next to be settled. */
  compute(record: EpochRecord, signal: AbortSignal): Promise<Done | undefined>
  publish(record: EpochRecord, signal: AbortSignal): Promise<Done | undefined>
  collect(record: EpochRecord, signal: AbortSignal): Promise<Done | undefined>
  stage(record: EpochRecord, signal: AbortSignal): Promise<Done | undefined>
  activate(record: EpochRecord, signal: AbortSignal): Promise<Done | undefined>
  /** Everything from now on is counted against what this epoch left. */
  announce(settled: SettledEpoch, signal: AbortSignal): Promise<EpochDetails>
  prune(epoch: number): void
}

export interface RunnerDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  readonly store: EpochStore
  readonly chain: Pick<SettlementReader, 'refresh' | 'head' | 'settlement' | 'findSettled' | 'clock'>
  readonly membership: () => Membership | undefined
  readonly duties: EpochDuties
}

export interface RunnerOptions {
  readonly sealGraceSec: number
}

/** After a long outage, so many epochs that have ended are looked at in one turn; the others come with the next. */
const LOOK_AHEAD = 64
/** The first further attempts are made at once; what is refused again and again is tried ever more seldom. */
const PROMPT_ATTEMPTS = 2
const LONGEST_PAUSE_MS = 30_000
/** Attempts are numbered, and the contract takes a thousand: the last nine hundred take a week. */
const FREQUENT_ATTEMPTS = 100
const RARE_PAUSE_MS = 600_000
const NOT_FINAL = EPOCH_PHASES.filter(phase => phase !== 'final')
const FROM_END_BUCKETS_SEC = [2, 5, 10, 15, 20, 30, 60, 120, 300, 900, 3_600]

export class EpochRunner {
  readonly #options: RunnerOptions
  readonly #deps: RunnerDeps
  readonly #phases
  readonly #fromEnd
  /** The bundle of the last active epoch, once everything is counted against it. */
  #announced: Hash | undefined
  /** Of the epoch that is being settled: no further attempt before this. */
  #pausedUntilMs = 0
  /** Emptied in final blocks: there is nothing more to be seen of them. As many as this process has seen. */
  readonly #emptied = new Set<number>()
  /** The last failure of each effect, so that one that goes on is said once. */
  readonly #failures = new Map<string, string>()

  constructor(options: RunnerOptions, deps: RunnerDeps) {
    this.#options = options
    this.#deps = deps
    this.#phases = deps.metrics.counter(
      'ionet_relayer_epoch_phases_total',
      'Phases that epochs have entered',
      ['phase'],
    )
    this.#fromEnd = deps.metrics.histogram(
      'ionet_relayer_epoch_settlement_seconds',
      'Block time from the end of an epoch until it was active',
      FROM_END_BUCKETS_SEC,
    )
  }

  /** One look at everything that can be done now. Must not run twice at a time. */
  async turn(signal: AbortSignal): Promise<void> {
    await this.#deps.chain.refresh()
    for (;;) {
      await this.#followChain(signal)
      const { nextEpoch } = this.#deps.chain.settlement()
      const current = epochOf(this.#deps.chain.clock, this.#deps.chain.head().latest.timestampSec)
      const last = Math.min(current, nextEpoch + LOOK_AHEAD)
      for (let epoch = nextEpoch; epoch <= last && !this.#hasMoved(nextEpoch); epoch++) {
        await this.#advance(epoch, signal)
        signal.throwIfAborted()
      }
      if (!this.#hasMoved(nextEpoch)) return
    }
  }

  #hasMoved(nextEpoch: number): boolean {
    return this.#deps.chain.settlement().nextEpoch !== nextEpoch
  }

  /** Takes over what the chain says, whoever did it. */
  async #followChain(signal: AbortSignal): Promise<void> {
    const { store, chain } = this.#deps
    const { nextEpoch } = chain.settlement()
    if (nextEpoch > 0 && store.state(nextEpoch - 1) === undefined)
      store.save(openEpoch(nextEpoch - 1), chain.head().latest.timestampSec)
    for (const epoch of store.inPhases(NOT_FINAL)) {
      const phase = store.state(epoch)?.phase
      if (epoch >= nextEpoch) {
        if (phase === 'active' || phase === 'emptied') this.#apply(epoch, { event: { type: 'reorganised' } })
      } else if (!this.#emptied.has(epoch)) {
        const closed = await chain.findSettled(epoch)
        if (closed === undefined) continue
        if (closed.emptied) this.#closedEmpty(closed, phase)
        else if (phase !== 'active' || this.#isOther(closed)) this.#activated(closed)
      }
    }
    this.#followVeto()
    await this.#announceLast(nextEpoch, signal)
    signal.throwIfAborted()
    for (const epoch of store.inPhases(['active'])) await this.#finalise(epoch)
  }

  /** Whether the chain has gone back meanwhile, and settled the epoch in another way. */
  #isOther({ report: { epoch, bundleHash }, txHash }: SettledEpoch): boolean {
    const known = this.#deps.store.record(epoch)
    return known?.state.bundleHash !== bundleHash || known.txHash !== txHash
  }

  /** Whoever made the attempt that was vetoed, and whether or not this relayer has seen it: the next one is above it. */
  #followVeto(): void {
    const { nextEpoch: epoch, nextAttempt, staged } = this.#deps.chain.settlement()
    const { attempt } = this.#deps.store.state(epoch) ?? openEpoch(epoch)
    if (staged !== undefined || attempt >= nextAttempt) return
    this.#deps.logger.warn('an epoch was vetoed on chain, another attempt is made', { epoch, nextAttempt })
    const details = { report: undefined, certificate: undefined, figures: undefined }
    this.#apply(epoch, { event: { type: 'vetoed', nextAttempt }, details })
  }

  /** Only the last epoch with a bundle is what the next one starts from; after a start it has to be told again. */
  async #announceLast(nextEpoch: number, signal: AbortSignal): Promise<void> {
    const { store, chain, duties } = this.#deps
    const settled = await lastSettledBefore(nextEpoch, chain)
    if (settled === undefined || this.#announced === settled.report.bundleHash) return
    const { epoch } = settled.report
    const details = await this.#attempt(epoch, 'announce', () => duties.announce(settled, signal))
    if (details === undefined) return
    const state = store.state(epoch)
    if (state !== undefined) store.save(state, chain.head().latest.timestampSec, details)
    this.#announced = settled.report.bundleHash
  }

  async #finalise(epoch: number): Promise<void> {
    const { chain, duties } = this.#deps
    const settled = await chain.findSettled(epoch)
    if (settled === undefined || settled.emptied || settled.blockNumber > chain.head().final.number) return
    const isLast = epoch === chain.settlement().owedFrom - 1
    if (isLast && this.#announced !== settled.report.bundleHash) return
    const effects = this.#apply(epoch, { event: { type: 'finalised' } })
    if (effects.some(({ type }) => type === 'prune')) duties.prune(epoch)
  }

  #activated({ report, txHash, timestampSec }: SettledEpoch): void {
    const { store, chain, logger } = this.#deps
    const { epoch, bundleHash } = report
    const before = store.record(epoch)
    const own = before?.state.bundleHash === bundleHash && before.report?.attempt === report.attempt
    const foreign = own ? {} : { certificate: undefined, figures: undefined }
    const fromEndSec = timestampSec - epochEndSec(chain.clock, epoch)
    this.#apply(
      epoch,
      { event: { type: 'activated' }, details: { report, txHash, settledAtSec: timestampSec, ...foreign } },
      own ? {} : { bundleHash, validUntilSec: undefined },
    )
    this.#fromEnd.observe(fromEndSec)
    this.#pausedUntilMs = 0
    this.#failures.clear()
    if (!own && before !== undefined && before.state.phase !== 'open')
      logger.warn('an epoch was settled by another bundle than ours', { epoch, bundleHash })
  }

  /** What was taken in for it stays: it is owed in the next epoch that has a bundle. */
  #closedEmpty(
    { report: { epoch }, txHash, timestampSec, blockNumber }: SettledEpoch,
    phase: EpochPhase | undefined,
  ): void {
    const { chain, logger } = this.#deps
    if (blockNumber <= chain.head().final.number) this.#emptied.add(epoch)
    if (phase === 'emptied') return
    const nothing = { report: undefined, certificate: undefined, figures: undefined }
    const details = { ...nothing, txHash, settledAtSec: timestampSec }
    this.#apply(epoch, { event: { type: 'emptied' }, details })
    this.#pausedUntilMs = 0
    this.#failures.clear()
    logger.warn('a quorum emptied an epoch: what was promised for it is brought in the next one', { epoch })
  }

  /** Does what can be done for one epoch, phase after phase, until something has to be waited for. */
  async #advance(epoch: number, signal: AbortSignal): Promise<void> {
    const finalSec = this.#deps.chain.head().final.timestampSec
    let effects = this.#apply(epoch, { event: { type: 'tick', finalSec } })
    for (;;) {
      let done: Done | undefined
      for (const effect of effects) {
        const result = await this.#attempt(epoch, effect.type, () => this.#perform(epoch, effect, signal))
        signal.throwIfAborted()
        done ??= result
      }
      // What is active is taken over from the chain itself.
      if (done === undefined || done.event.type === 'activated') return
      effects = this.#apply(epoch, done)
    }
  }

  async #perform(epoch: number, effect: EpochEffect, signal: AbortSignal): Promise<Done | undefined> {
    const { duties, store, clock } = this.#deps
    const record = store.record(epoch)
    if (record === undefined) return undefined
    switch (effect.type) {
      case 'compute':
        return clock.monotonic() < this.#pausedUntilMs ? undefined : duties.compute(record, signal)
      case 'publish':
        return duties.publish(record, signal)
      case 'collect-signatures':
        return duties.collect(record, signal)
      case 'stage':
        return duties.stage(record, signal)
      case 'activate':
        return duties.activate(record, signal)
      case 'announce':
      case 'prune':
        // Done where the chain is followed.
        return undefined
      default:
        return effect satisfies never
    }
  }

  /** What fails is tried again with the next turn; said when the reason is a new one. */
  async #attempt<T>(epoch: number, effect: string, work: () => Promise<T>): Promise<T | undefined> {
    const key = `${epoch} ${effect}`
    try {
      const result = await work()
      this.#failures.delete(key)
      return result
    } catch (error) {
      const text = String(error)
      if (this.#failures.get(key) !== text)
        this.#deps.logger.warn('a step of an epoch failed, it is tried again', { epoch, effect, error })
      this.#failures.set(key, text)
      return undefined
    }
  }

  /** @param tries further attempts since the first one that the chain takes */
  #pauseBefore(tries: number): void {
    if (tries <= PROMPT_ATTEMPTS) return
    const longestMs = tries <= FREQUENT_ATTEMPTS ? LONGEST_PAUSE_MS : RARE_PAUSE_MS
    const pauseMs = Math.min(1_000 * 2 ** (tries - PROMPT_ATTEMPTS), longestMs)
    this.#pausedUntilMs = this.#deps.clock.monotonic() + pauseMs
  }

  /** Steps and stores. @param patch what the chain says of the state beyond the machine's own knowledge */
  #apply(epoch: number, { event, details }: Done, patch: Partial<EpochState> = {}): readonly EpochEffect[] {
    const { store, chain } = this.#deps
    const before = store.state(epoch) ?? openEpoch(epoch)
    const { state, effects } = stepEpoch(before, event, {
      endSec: epochEndSec(chain.clock, epoch),
      graceSec: this.#options.sealGraceSec,
      quorum: this.#deps.membership()?.quorum.q ?? Number.POSITIVE_INFINITY,
      previousActive: chain.settlement().nextEpoch >= epoch,
    })
    const after = { ...state, ...patch }
    const moved = after.phase !== before.phase || after.attempt !== before.attempt
    if (moved || details !== undefined || store.state(epoch) === undefined)
      store.save(after, chain.head().latest.timestampSec, details)
    if (after.attempt > before.attempt) this.#pauseBefore(after.attempt - chain.settlement().nextAttempt)
    if (moved) this.#tell(before, after)
    return effects
  }

  #tell(before: EpochState, { epoch, phase, attempt, bundleHash }: EpochState): void {
    this.#phases.inc({ phase })
    this.#deps.logger.info('an epoch has gone on', { epoch, from: before.phase, phase, attempt, bundleHash })
  }
}
