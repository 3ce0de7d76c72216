import type { DepositLine } from '../../protocol/epoch/deposits.ts'
import type { Amounts } from '../../protocol/epoch/shares.ts'
import type { Price } from '../../protocol/units.ts'

/** What happened in an epoch, as it stood at its end: all that settling it, at whatever time, may depend on. */
export interface EpochHistory {
  readonly epoch: number
  /** Wei of IO burned in it. */
  readonly burned: bigint
  /** Wei of IOSD that this made. */
  readonly iosdMinted: bigint
  /** P_e: the highest certified price; undefined when none was certified. */
  readonly price: Price | undefined
  /** Deposits of all payers, before all debits. */
  readonly deposits: readonly DepositLine[]
  /** What each channel has been charged so far, wei of its asset, in the order of `CHANNELS`. */
  readonly claimed: readonly bigint[]
  readonly weights: Amounts
  readonly gpus: bigint
}

/** Epochs that have ended and are not settled: as many as the longest outage lets wait. */
export class History {
  readonly #epochs = new Map<number, EpochHistory>()

  add(history: EpochHistory): void {
    this.#epochs.set(history.epoch, history)
  }

  /** @throws {RangeError} when it has not ended, or was settled */
  of(epoch: number): EpochHistory {
    const history = this.#epochs.get(epoch)
    if (history === undefined) throw new RangeError(`nothing is known of epoch ${epoch}`)
    return history
  }

  forget(epoch: number): void {
    this.#epochs.delete(epoch)
  }
}
