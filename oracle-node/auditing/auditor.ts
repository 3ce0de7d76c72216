/** One audit from the proposed report to the verdict: gathers, decides by `auditEpoch`, locks, and signs. */

import type { SettlementReader } from '../../chain/settlement/types.ts'
import { EpochNotFinalError } from '../../chain/settlement/types.ts'
import { chainViewFor } from '../../chain/settlement/view.ts'
import type { Hash } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import { auditEpoch } from '../../protocol/epoch/audit.ts'
import { checkSnapshot, checkTurn } from '../../protocol/epoch/audit-chain.ts'
import { describeRefusal, placeOf, type Refused } from '../../protocol/epoch/audit-types.ts'
import type { EpochBundle } from '../../protocol/epoch/bundle.ts'
import { type AuditVerdict, MAX_REFUSAL_TEXT } from '../../protocol/epoch/messages.ts'
import type { EpochReport } from '../../protocol/epoch/report.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import type { Membership, PeerKey } from '../../protocol/membership.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { AuditStore } from './audit-store.ts'
import { EpochLockedError } from './audit-store.ts'
import type { BundleCopies } from './bundle-copies.ts'
import type { EpochSigner } from './epoch-signer.ts'
import { type Knowledge, NotReadyError } from './knowledge.ts'

export interface AuditorDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly crypto: IdentityCrypto
  readonly chain: SettlementReader
  readonly store: AuditStore
  readonly copies: BundleCopies
  readonly knowledge: Pick<Knowledge, 'of' | 'withheldDraws'>
  readonly signer: EpochSigner
  /** The registry, read now. */
  readonly readMembership: () => Promise<Membership>
  readonly count: (outcome: AuditVerdict['kind']) => void
  /** A window of a good epoch of which nothing was opened, although its draw can be had. */
  readonly countWithheld: () => void
}

export class Auditor {
  readonly #options: { readonly domain: Domain; readonly feedId: Hash }
  readonly #deps: AuditorDeps
  #running: { readonly digest: Hash; readonly done: Promise<Judgement> } | undefined

  constructor(options: { readonly domain: Domain; readonly feedId: Hash }, deps: AuditorDeps) {
    this.#options = options
    this.#deps = deps
  }

  /**
   * Judges a report, one at a time: an audit may take all the memory there is. Who asks for the same one again, after
   * losing patience, gets what comes of the first.
   */
  async judge(report: EpochReport, relayer: PeerKey, signal: AbortSignal): Promise<AuditVerdict> {
    const digest = this.#deps.signer.digestOf(report)
    if (this.#running !== undefined && this.#running.digest !== digest)
      return { kind: 'unready', text: 'another epoch is being checked' }
    this.#running ??= {
      digest,
      done: this.#checked(report, digest, relayer, signal).finally(() => {
        this.#running = undefined
      }),
    }
    const verdict = await this.#running.done
    if (verdict !== 'good') return verdict
    return this.#sign(report, relayer)
  }

  /** Whether a report is being checked now. */
  isJudging(digest: Hash): boolean {
    return this.#running?.digest === digest
  }

  /** Resolves when nothing is being checked. */
  async idle(): Promise<void> {
    await this.#running?.done
  }

  async #checked(
    report: EpochReport,
    digest: Hash,
    relayer: PeerKey,
    signal: AbortSignal,
  ): Promise<Judgement> {
    const standing = this.#deps.signer.standing(report)
    // What was checked and locked stays so; only the nonce pair of the last answer may have been used up.
    if (standing === 'this') return 'good'
    const judgement =
      standing === 'free'
        ? await this.#attempt(report, relayer, signal)
        : ({ kind: 'locked', digest: standing.other } as const)
    this.#record(report, digest, judgement)
    return judgement
  }

  async #attempt(report: EpochReport, relayer: PeerKey, signal: AbortSignal): Promise<Judgement> {
    try {
      return await this.#audit(report, relayer, signal)
    } catch (error) {
      if (error instanceof NotReadyError || error instanceof EpochNotFinalError)
        return { kind: 'unready', text: error.message }
      this.#deps.logger.warn('an epoch could not be checked, and will be when it is asked for again', {
        epoch: report.epoch,
        error,
      })
      return { kind: 'unready', text: 'something that the check needs cannot be read now' }
    }
  }

  async #audit(report: EpochReport, relayer: PeerKey, signal: AbortSignal): Promise<Judgement> {
    const { chain, copies, knowledge, store, crypto } = this.#deps
    const startedMs = this.#deps.clock.monotonic()
    const membership = await this.#deps.readMembership()
    await chain.refresh()
    const { nextEpoch } = chain.settlement()
    if (report.epoch > nextEpoch) throw new NotReadyError(`epoch ${nextEpoch} is not active here yet`)
    if (report.snapshotBlock > chain.head().final.number)
      throw new NotReadyError(`block ${report.snapshotBlock} is not final here yet`)
    const view = await chainViewFor(report, chain, { ...this.#options, membership })
    const early = checkTurn(report, view) ?? checkSnapshot(report, view)
    if (early !== undefined) return refusedOf(early)

    const bundle = await copies.read(report.bundleHash)
    if (bundle === undefined) throw new NotReadyError('there is no copy of the bundle here: offer it first')
    if ('fault' in bundle) throw new NotReadyError('the copy of the bundle here is damaged')
    const own = await knowledge.of(report, view.owedFrom, bundle.bundle, relayer, signal)
    const decision = auditEpoch({ report, bundle }, view, own, crypto)
    if ('refused' in decision) return refusedOf(decision)
    await this.#noteWithheld(report.epoch, bundle.bundle, relayer, signal)
    store.addClosing(report.epoch, report.bundleHash, decision.closingStateHash)
    this.#deps.logger.info('checked an epoch, line by line: everything is as it says', {
      epoch: report.epoch,
      attempt: report.attempt,
      batches: bundle.bundle.batches.length,
      bytes: bundle.bytes,
      tookMs: Math.round(this.#deps.clock.monotonic() - startedMs),
    })
    return 'good'
  }

  async #noteWithheld(
    epoch: number,
    bundle: EpochBundle,
    relayer: PeerKey,
    signal: AbortSignal,
  ): Promise<void> {
    const withheld = await this.#deps.knowledge.withheldDraws(bundle, signal)
    if (withheld.length === 0) return
    for (const _ of withheld) this.#deps.countWithheld()
    this.#deps.logger.warn('an epoch opens nothing of windows whose draws can be had', {
      epoch,
      relayer,
      windows: withheld,
    })
  }

  #sign(report: EpochReport, relayer: PeerKey): AuditVerdict {
    try {
      return this.#deps.signer.lockAndSign(report, relayer)
    } catch (error) {
      if (error instanceof EpochLockedError) return { kind: 'locked', digest: error.digest }
      throw error
    }
  }

  #record({ epoch, attempt }: EpochReport, digest: Hash, judgement: Judgement): void {
    const { logger, store, count, clock } = this.#deps
    const outcome = judgement === 'good' ? 'signed' : judgement.kind
    count(outcome)
    const code = judgement !== 'good' && judgement.kind === 'refused' ? judgement.code : null
    const text = judgement !== 'good' && 'text' in judgement ? judgement.text : null
    const fields = { epoch, attempt, code, text }
    // Asked for again every second until it is ready: that would push out what can be looked at.
    if (outcome === 'unready') logger.debug('cannot judge an epoch yet', fields)
    else store.addAudit({ epoch, attempt, digest, outcome, code, text, atMs: clock.now() })
    if (outcome === 'refused') logger.warn('refused to sign an epoch', fields)
    if (outcome === 'locked')
      logger.warn('refused a second report of an attempt that another was signed for', fields)
  }
}

/** Good, and to be signed for whoever asked; or what to say instead. */
type Judgement = 'good' | Exclude<AuditVerdict, { readonly kind: 'signed' }>

function refusedOf(refused: Refused): Judgement {
  const text = describeRefusal(refused).slice(0, MAX_REFUSAL_TEXT)
  return { kind: 'refused', code: refused.refused, where: placeOf(refused.where), text }
}
