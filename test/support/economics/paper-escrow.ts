/**
 * The escrow's books for one payer, by the contract's rules (`Escrow.requestWithdraw`, `Escrow.finish`): a request is
 * paid once the epochs up to its own, plus the longest hold, plus one, are active, and only what no debit has taken.
 */
import type { DepositLine } from '../../../protocol/epoch/deposits.ts'
import type { DebitLine } from '../../../protocol/epoch/ledger.ts'
import { ASSET, type Asset } from '../../../protocol/usage/wire.ts'

interface Account {
  readonly deposited: bigint
  readonly withdrawn: bigint
  readonly requested: bigint
  readonly requestEpoch: number
}

const NO_ACCOUNT: Account = { deposited: 0n, withdrawn: 0n, requested: 0n, requestEpoch: 0 }

export class PaperEscrow {
  readonly #payer: DepositLine['payer']
  readonly #longestHoldEpochs: number
  readonly #accounts = new Map<Asset, Account>()

  constructor(payer: DepositLine['payer'], longestHoldEpochs: number) {
    this.#payer = payer
    this.#longestHoldEpochs = longestHoldEpochs
  }

  deposit(asset: Asset, amount: bigint): void {
    const account = this.#of(asset)
    this.#accounts.set(asset, { ...account, deposited: account.deposited + amount })
  }

  /** Asks for everything. */
  request(asset: Asset, epoch: number): void {
    const account = this.#of(asset)
    const requested = account.deposited - account.withdrawn
    this.#accounts.set(asset, { ...account, requested, requestEpoch: epoch })
  }

  /** @param settledEpochs how many epochs are active: `Debits.settledEpochs` */
  mayFinish(asset: Asset, settledEpochs: number): boolean {
    const { requested, requestEpoch } = this.#of(asset)
    return requested > 0n && settledEpochs >= requestEpoch + this.#longestHoldEpochs + 2
  }

  /** Wei paid out. */
  finish(asset: Asset, debits: DebitLine | undefined): bigint {
    const account = this.#of(asset)
    const debited = (asset === ASSET.io ? debits?.cumulativeIo : debits?.cumulativeIosd) ?? 0n
    const left = account.deposited - account.withdrawn - debited
    const paid = left < account.requested ? left : account.requested
    this.#accounts.set(asset, { ...account, withdrawn: account.withdrawn + paid, requested: 0n })
    return paid
  }

  /** What the relayer may still accept holds against, before debits: a request counts at once. */
  free(asset: Asset): bigint {
    const { deposited, withdrawn, requested } = this.#of(asset)
    return deposited - withdrawn - requested
  }

  /** As an auditor reads it at an epoch's end: requests do not count. */
  line(): DepositLine {
    const left = (asset: Asset) => this.#of(asset).deposited - this.#of(asset).withdrawn
    return { payer: this.#payer, io: left(ASSET.io), iosd: left(ASSET.iosd) }
  }

  #of(asset: Asset): Account {
    return this.#accounts.get(asset) ?? NO_ACCOUNT
  }
}
