/** Brings certified reports on chain, by the policy, one at a time. */
import type { AskedFor, ContractCall, Sent } from '../../chain/transactor.ts'
import type { CertifiedReport } from '../../protocol/certificate.ts'
import { type Report, unpackReport } from '../../protocol/report.ts'
import { roundStartMs } from '../../protocol/rounds.ts'
import { formatDecimal } from '../../protocol/units.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { type Due, isFreshEnough, mayPush, type PushReason, type PushRules, pushReason } from './policy.ts'

/** What a report looks like on its way to the chain. */
export interface PushCall extends ContractCall {
  readonly report: Report
  readonly reason: PushReason
}

export type PushOutcome =
  | PushReason
  /** Another aggregator was quicker, seen before anything was sent. */
  | 'UNSENT'
  /** Another aggregator was quicker, or the price came back, while ours waited for a block. */
  | 'WITHDRAWN'
  | 'FAILED'

export interface PusherDeps {
  readonly clock: Clock
  readonly logger: Logger
  /** What the feed stores; `pending`: with what waits for a block, as far as it is known. */
  readonly readOnChain: (block: 'latest' | 'pending') => Promise<Report | undefined>
  /** Of the newest block, wei; 0n on a chain without one. */
  readonly readBaseFee: () => Promise<bigint>
  readonly callOf: (report: CertifiedReport) => ContractCall
  /** See `Transactor.sendWhileWanted`. */
  readonly send: (
    wanted: (asked: AskedFor) => Promise<PushCall | undefined>,
    signal: AbortSignal,
  ) => Promise<Sent<PushCall>>
  readonly count: (outcome: PushOutcome) => void
}

export interface PusherOptions {
  readonly index: number
  readonly aggregators: () => number
  readonly rules: PushRules
}

export class Pusher {
  readonly #options: PusherOptions
  readonly #deps: PusherDeps
  #busy: Promise<void> | undefined
  #newest: CertifiedReport | undefined
  #due: Due | undefined
  /** The first report since which none is known to have been missed. */
  #seenFrom: Report | undefined
  readonly #stopping = new AbortController()

  constructor(options: PusherOptions, deps: PusherDeps) {
    this.#options = options
    this.#deps = deps
  }

  /**
   * Called with each certified report; one of an earlier round than one before it comes too late to be of use. While one
   * is being sent, the newest is kept for outbidding it.
   */
  offer(certified: CertifiedReport): void {
    if (this.#stopping.signal.aborted) return
    const report = unpackReport(certified.word)
    if (this.#newest !== undefined && report.round < unpackReport(this.#newest.word).round) return
    this.#notice(report)
    this.#newest = certified
    if (this.#busy !== undefined) return
    this.#busy = this.#consider(certified)
      .catch((error: unknown) => {
        if (this.#stopping.signal.aborted) return
        this.#deps.count('FAILED')
        this.#deps.logger.warn('a price could not be put on chain, the next report is tried', { error })
      })
      .finally(() => {
        this.#busy = undefined
      })
  }

  /** A gap as long as the others' patience: they may have come to know of updates that this one has not seen become due. */
  #notice(report: Report): void {
    const previous = this.#newest === undefined ? undefined : unpackReport(this.#newest.word)
    if (previous === undefined || this.#secondsBetween(previous, report) > this.#options.rules.handoverSec)
      this.#seenFrom = report
  }

  #secondsBetween(earlier: Report, later: Report): number {
    return (roundStartMs(later.round) - roundStartMs(earlier.round)) / 1_000
  }

  /** Resolves when nothing is being sent. */
  async idle(): Promise<void> {
    await this.#busy
  }

  /** Ends the wait for a transaction that is on its way; it is mined all the same. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('stopping'))
    await this.idle()
  }

  async #consider(certified: CertifiedReport): Promise<void> {
    const { rules, index, aggregators } = this.#options
    const report = unpackReport(certified.word)
    const [onChain, baseFee] = await Promise.all([this.#deps.readOnChain('latest'), this.#deps.readBaseFee()])
    if (pushReason(report, onChain, baseFee, rules) === undefined) {
      this.#due = undefined
      return
    }
    if (this.#due === undefined || this.#due.onChain !== onChain?.round)
      this.#due = { onChain: onChain?.round, since: report, perhapsOlder: this.#mayBeOlder(report, onChain) }
    if (!mayPush(index, aggregators(), this.#due, this.#deps.clock.now(), rules)) return
    this.#finished(await this.#deps.send(asked => this.#wanted(asked), this.#stopping.signal))
  }

  /** Not the first price of all: then everybody has just started. */
  #mayBeOlder(report: Report, onChain: Report | undefined): boolean {
    if (onChain === undefined || this.#seenFrom === undefined) return false
    return this.#secondsBetween(this.#seenFrom, report) < this.#options.rules.handoverSec
  }

  /** The newest report, if the chain still has use for it. Gas has been weighed before: what is begun is brought to an end. */
  async #wanted({ waiting }: AskedFor): Promise<PushCall | undefined> {
    const newest = this.#newest
    if (newest === undefined) return undefined
    const report = unpackReport(newest.word)
    const { rules } = this.#options
    if (!isFreshEnough(report, this.#deps.clock.now() / 1_000, rules)) return undefined
    // Others' transactions that wait are seen in the pending block; so is our own, which must not count.
    const onChain = await this.#readOnChain(waiting ? 'latest' : 'pending')
    const reason = pushReason(report, onChain, 0n, rules)
    return reason === undefined ? undefined : { ...this.#deps.callOf(newest), report, reason }
  }

  /** Not every endpoint answers for the pending block. */
  #readOnChain(block: 'latest' | 'pending'): Promise<Report | undefined> {
    const { readOnChain } = this.#deps
    return block === 'latest' ? readOnChain(block) : readOnChain(block).catch(() => readOnChain('latest'))
  }

  #finished(sent: Sent<PushCall>): void {
    switch (sent.kind) {
      case 'unsent':
        this.#deps.count('UNSENT')
        return
      case 'withdrawn':
        this.#due = undefined
        this.#deps.count('WITHDRAWN')
        this.#deps.logger.info('a price was withdrawn while it waited for a block', {
          transaction: sent.receipt.transactionHash,
        })
        return
      case 'mined': {
        const { report, reason } = sent.call
        this.#due = undefined
        this.#deps.count(reason)
        this.#deps.logger.info('price on chain', {
          round: report.round,
          priceUsd: formatDecimal(report.price),
          reason,
          transaction: sent.receipt.transactionHash,
        })
        return
      }
      default:
        sent satisfies never
    }
  }
}
