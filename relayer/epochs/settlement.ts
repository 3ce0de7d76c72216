/** Brings a certified epoch on chain. Whoever does it, the chain is asked first, so doing it twice does no harm. */
import type { TransactionReceipt } from 'viem'
import { activateCall, settleCall } from '../../chain/settlement/calls.ts'
import type { SettlementReader } from '../../chain/settlement/types.ts'
import { type ContractCall, TransactError } from '../../chain/transactor.ts'
import type { Address } from '../../protocol/bytes.ts'
import type { Certificate } from '../../protocol/certificate.ts'
import type { EpochReport } from '../../protocol/epoch/report.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'

/**
 * `activated`: the epoch is over, by this report, another one or none. `vetoed`: the chain takes only later attempts.
 * `void`: the chain will never take this certificate, another attempt is needed. `waiting`: nothing is decided, the next
 * look tells.
 */
export type SettleResult = 'activated' | 'staged' | 'forgotten' | 'vetoed' | 'void' | 'waiting'

/** The contract's errors that say that others were faster, or the chain's time has not come: a look at it tells. */
const PASSING: ReadonlySet<string> = new Set([
  'EpochOutOfOrder',
  'AlreadyStaged',
  'EpochNotEnded',
  'SnapshotInFuture',
  'NothingStaged',
  'NotTheStagedReport',
  'StillDisputable',
  // Vetoed meanwhile.
  'WrongAttempt',
])
/** A stage can be disputed for hours: there is no need to ask every second whether that is over. */
const ACTIVATE_EVERY_MS = 5_000

export interface SettlerDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly chain: Pick<SettlementReader, 'refresh' | 'settlement'>
  readonly send: (call: ContractCall, signal: AbortSignal) => Promise<TransactionReceipt>
}

type Turn = Pick<EpochReport, 'epoch' | 'attempt'>

/** A revert by name: the contracts' judgement of the report itself, which will be the same tomorrow. */
type Refusal = Readonly<{
  epoch: number
  call: string
  code: string
  errorName: string
  error: TransactError
}>

export class Settler {
  readonly #contract: Address
  readonly #deps: SettlerDeps
  #activateAtMs = 0
  /** The epoch, and why it cannot become active, that was said last. */
  #unfit: string | undefined

  constructor(contract: Address, deps: SettlerDeps) {
    this.#contract = contract
    this.#deps = deps
  }

  async stage(report: EpochReport, certificate: Certificate, signal: AbortSignal): Promise<SettleResult> {
    const before = await this.#look(report)
    if (before !== 'forgotten') return before
    const refusal = await this.#send(settleCall(this.#contract, report, certificate), report.epoch, signal)
    if (refusal !== undefined) {
      this.#deps.logger.warn('the contract refuses a certified epoch, another attempt is made', refusal)
      return 'void'
    }
    const after = await this.#look(report)
    // Not to be seen yet: an endpoint may lag behind the one that took the transaction.
    return after === 'forgotten' ? 'waiting' : after
  }

  /** Makes the staged report active, whoever staged it, once it can no longer be disputed. @param turn of our own */
  async activate(turn: Turn, signal: AbortSignal): Promise<SettleResult> {
    const before = await this.#look(turn)
    const { staged } = this.#deps.chain.settlement()
    if (before !== 'staged' || staged === undefined) return before
    const nowMs = this.#deps.clock.monotonic()
    if (nowMs < this.#activateAtMs) return 'staged'
    this.#activateAtMs = nowMs + ACTIVATE_EVERY_MS
    const refusal = await this.#send(activateCall(this.#contract, staged), turn.epoch, signal)
    if (refusal !== undefined) this.#sayUnfit(refusal)
    return this.#look(turn)
  }

  async #look({ epoch, attempt }: Turn): Promise<'activated' | 'staged' | 'vetoed' | 'forgotten'> {
    await this.#deps.chain.refresh()
    const { nextEpoch, nextAttempt, staged } = this.#deps.chain.settlement()
    if (nextEpoch > epoch) return 'activated'
    if (staged?.epoch === epoch) return 'staged'
    return nextEpoch === epoch && nextAttempt > attempt ? 'vetoed' : 'forgotten'
  }

  /** It stays staged, and would be said every few seconds. */
  #sayUnfit(refusal: Refusal): void {
    const what = `${refusal.epoch} ${refusal.errorName}`
    if (this.#unfit === what) return
    this.#unfit = what
    this.#deps.logger.error(
      `a staged epoch cannot become active: members have to veto it (ionet emergency sign veto ${refusal.epoch})`,
      refusal,
    )
  }

  async #send(call: ContractCall, epoch: number, signal: AbortSignal): Promise<Refusal | undefined> {
    try {
      await this.#deps.send(call, signal)
      return undefined
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof TransactError)) throw error
      const { code, errorName } = error
      if (errorName !== undefined && PASSING.has(errorName)) return undefined
      const fields = { epoch, call: call.functionName, code, errorName, error }
      if (code === 'WOULD_REVERT' && errorName !== undefined) return { ...fields, errorName }
      this.#deps.logger.warn('an epoch could not be put on chain yet, it is tried again', fields)
      return undefined
    }
  }
}
