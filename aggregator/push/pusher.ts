/** Brings certified reports on chain, by the policy, one at a time. */
import type { CertifiedReport } from '../../protocol/certificate.ts'
import { type Report, unpackReport } from '../../protocol/report.ts'
import { formatDecimal } from '../../protocol/units.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { mayPush, type PushReason, type PushRules, pushReason } from './policy.ts'

export interface PusherDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly readOnChain: () => Promise<Report | undefined>
  /** Resolves with the transaction's hash when it is in a block. */
  readonly send: (report: CertifiedReport, signal: AbortSignal) => Promise<string>
  readonly count: (outcome: PushReason | 'FAILED') => void
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
  #dueSinceMs: number | undefined
  readonly #stopping = new AbortController()

  constructor(options: PusherOptions, deps: PusherDeps) {
    this.#options = options
    this.#deps = deps
  }

  /** Called with each certified report, in order. While one is being sent, newer ones are passed over. */
  offer(certified: CertifiedReport): void {
    if (this.#busy !== undefined || this.#stopping.signal.aborted) return
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
    const onChain = await this.#deps.readOnChain()
    const reason = pushReason(report, onChain, rules)
    if (reason === undefined) {
      this.#dueSinceMs = undefined
      return
    }
    const nowMs = this.#deps.clock.now()
    this.#dueSinceMs ??= nowMs
    const dueSec = (nowMs - this.#dueSinceMs) / 1_000
    if (!mayPush(index, aggregators(), Math.floor(nowMs / 1_000), dueSec, rules)) return
    const transaction = await this.#deps.send(certified, this.#stopping.signal)
    this.#dueSinceMs = undefined
    this.#deps.count(reason)
    this.#deps.logger.info('price on chain', {
      round: report.round,
      priceUsd: formatDecimal(report.price),
      reason,
      transaction,
    })
  }
}
