/** Everybody's lines after the last active epoch, and what proves them: claims and withdrawals are made with these. */
import type { Address } from '../../protocol/bytes.ts'
import {
  type DebitTree,
  debitTreeOf,
  type ProvenDebit,
  type ProvenReward,
  type RewardTree,
  rewardTreeOf,
} from '../../protocol/epoch/ledger.ts'
import type { EpochReport } from '../../protocol/epoch/report.ts'
import type { EpochResult } from './outcomes.ts'

export class Ledger {
  #result: EpochResult | undefined
  #report: EpochReport | undefined
  // A tree takes three hashes a line; once it is there a proof takes two, whoever asks and however often.
  #rewards: RewardTree | undefined
  #debits: DebitTree | undefined

  /** The last active epoch, and the report that the chain has of it; undefined before the first one. */
  current(): { readonly result: EpochResult; readonly report: EpochReport } | undefined {
    const [result, report] = [this.#result, this.#report]
    return result === undefined || report === undefined ? undefined : { result, report }
  }

  take(result: EpochResult, report: EpochReport): void {
    this.#result = result
    this.#report = report
    this.#rewards = undefined
    this.#debits = undefined
  }

  /** What an account can claim by; undefined when it has never earned anything. */
  reward(account: Address): ProvenReward | undefined {
    this.#rewards ??= rewardTreeOf(this.#result?.rewards ?? [])
    return this.#rewards.prove(account)
  }

  /** What a payer can withdraw by; undefined when it had no deposit. */
  debit(payer: Address): ProvenDebit | undefined {
    this.#debits ??= debitTreeOf(this.#result?.debits ?? [])
    return this.#debits.prove(payer)
  }
}
