/**
 * Watches what is staged on chain. A report that this node has not found right may be right all the same, as when the
 * node was away; or a quorum was deceived, or its key stolen. Only people can tell, so people are told, while f + 1 of
 * them can still veto it. The node itself never does: a fault in its own code would stop every epoch.
 */
import type { SettlementReader } from '../../chain/settlement/types.ts'
import type { Hash } from '../../protocol/bytes.ts'
import type { AuditRefusal } from '../../protocol/epoch/audit-types.ts'
import type { EpochReport } from '../../protocol/epoch/report.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { AuditStore } from './audit-store.ts'

export const DOUBT_REASONS = ['REFUSED', 'OTHER_SIGNED', 'NOT_AUDITED'] as const
/** OTHER_SIGNED: this node has signed another report of the same attempt. NOT_AUDITED: nobody asked it in time. */
export type DoubtReason = (typeof DOUBT_REASONS)[number]

export interface StageDoubt {
  readonly epoch: number
  readonly attempt: number
  /** EIP-712 digest of the staged report. */
  readonly digest: Hash
  readonly why: DoubtReason
  /** Of the refusal. */
  readonly code: AuditRefusal | null
  readonly text: string | null
}

export interface StageWatchDeps {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly logger: Pick<Logger, 'error' | 'warn' | 'info'>
  readonly chain: Pick<SettlementReader, 'settlement'>
  readonly store: Pick<AuditStore, 'lockOf' | 'auditOf'>
  readonly digestOf: (report: EpochReport) => Hash
  /** Whether a report is being checked now. */
  readonly isJudging: (digest: Hash) => boolean
  /** Called when a doubt begins, changes its reason, or ends. */
  readonly doubted: (why: DoubtReason | undefined) => void
}

/** A quorum certifies an epoch without waiting for the slowest: its own audit may end after the report was staged. */
const AUDITED_WITHIN_MS = 30_000

export class StageWatch {
  readonly #deps: StageWatchDeps
  #seen: { readonly digest: Hash; readonly sinceMs: number } | undefined
  #doubt: StageDoubt | undefined

  constructor(deps: StageWatchDeps) {
    this.#deps = deps
  }

  doubt(): StageDoubt | undefined {
    return this.#doubt
  }

  /** To be called every second or so. */
  look(): void {
    const { staged } = this.#deps.chain.settlement()
    const digest = staged === undefined ? undefined : this.#deps.digestOf(staged)
    if (digest === undefined) this.#seen = undefined
    else if (this.#seen?.digest !== digest) this.#seen = { digest, sinceMs: this.#deps.clock.monotonic() }
    if (this.#doubt !== undefined && this.#doubt.digest !== digest) this.#end(this.#doubt)
    if (staged === undefined || digest === undefined) return
    const doubt = this.#doubtOf(staged, digest)
    if (doubt !== undefined) this.#begin(doubt, staged)
    else if (this.#doubt !== undefined) this.#foundRight(this.#doubt)
  }

  #doubtOf({ epoch, attempt }: EpochReport, digest: Hash): StageDoubt | undefined {
    const { store, clock, isJudging } = this.#deps
    const lock = store.lockOf(epoch, attempt)
    if (lock?.digest === digest) return undefined
    const of = { epoch, attempt, digest, code: null, text: null }
    if (lock !== undefined) return { ...of, why: 'OTHER_SIGNED' }
    const audit = store.auditOf(digest)
    if (audit?.outcome === 'refused') return { ...of, why: 'REFUSED', code: audit.code, text: audit.text }
    const isWaiting = clock.monotonic() - (this.#seen?.sinceMs ?? 0) < AUDITED_WITHIN_MS
    return isWaiting || isJudging(digest) ? undefined : { ...of, why: 'NOT_AUDITED' }
  }

  #begin(doubt: StageDoubt, { bundleHash }: EpochReport): void {
    if (this.#doubt?.why === doubt.why) return
    this.#doubt = doubt
    this.#deps.doubted(doubt.why)
    this.#deps.logger.error(
      'an epoch is staged that this node has not found right: ask the other operators, and veto it in time if they have not either (ionet emergency sign veto EPOCH)',
      { ...doubt, bundleHash },
    )
  }

  #foundRight({ epoch, attempt }: StageDoubt): void {
    this.#doubt = undefined
    this.#deps.doubted(undefined)
    this.#deps.logger.info('the staged epoch has been checked now: it is right', { epoch, attempt })
  }

  #end({ epoch, attempt, why }: StageDoubt): void {
    this.#doubt = undefined
    this.#deps.doubted(undefined)
    const { logger, chain } = this.#deps
    if (chain.settlement().nextEpoch > epoch)
      logger.error('an epoch has become active that this node had not found right', { epoch, attempt, why })
    else logger.warn('the epoch in doubt is no longer staged', { epoch, attempt, why })
  }
}
