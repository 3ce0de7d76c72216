/** Everybody's lines after the last active epoch, and what proves them: claims and withdrawals are made with these. */
import type { Address } from '../../protocol/bytes.ts'
import { type ProvenDebit, type ProvenReward, proveDebit, proveReward } from '../../protocol/epoch/ledger.ts'
import type { EpochReport } from '../../protocol/epoch/report.ts'
import type { EpochResult } from './outcomes.ts'

/** A proof takes as many hashes as there are lines: whoever asks again, as claimers do, gets the one that was made. */
const KEPT_PROOFS = 1_024

export class Ledger {
  #result: EpochResult | undefined
  #report: EpochReport | undefined
  readonly #rewards = new Map<Address, ProvenReward | undefined>()
  readonly #debits = new Map<Address, ProvenDebit | undefined>()

  /** The last active epoch, and the report that the chain has of it; undefined before the first one. */
  current(): { readonly result: EpochResult; readonly report: EpochReport } | undefined {
    const [result, report] = [this.#result, this.#report]
    return result === undefined || report === undefined ? undefined : { result, report }
  }

  take(result: EpochResult, report: EpochReport): void {
    this.#result = result
    this.#report = report
    this.#rewards.clear()
    this.#debits.clear()
  }

  /** What an account can claim by; undefined when it has never earned anything. */
  reward(account: Address): ProvenReward | undefined {
    return remembered(this.#rewards, account, () => proveReward(this.#result?.rewards ?? [], account))
  }

  /** What a payer can withdraw by; undefined when it had no deposit. */
  debit(payer: Address): ProvenDebit | undefined {
    return remembered(this.#debits, payer, () => proveDebit(this.#result?.debits ?? [], payer))
  }
}

function remembered<T>(known: Map<Address, T>, address: Address, prove: () => T): T {
  if (known.has(address)) return known.get(address) as T
  const proof = prove()
  if (known.size >= KEPT_PROOFS) known.clear()
  known.set(address, proof)
  return proof
}
