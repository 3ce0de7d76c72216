/**
 * The escrow's books for one payer, by the contract's rules (`Escrow.requestWithdraw`, `Escrow.finish`): a request is
 * paid once the epochs up to its own, plus the longest hold, plus one, are active, or when it is old and none has become
 * active for as long; and only what no debit has taken.
 */
import type { DepositLine } from '../../../protocol/epoch/deposits.ts'
import type { DebitLine } from '../../../protocol/epoch/ledger.ts'
import { depositLines, type EscrowBalance, type PayerBalances } from '../../../protocol/epoch/withdrawals.ts'
import { ASSET, type Asset } from '../../../protocol/usage/wire.ts'

interface Account {
  readonly deposited: bigint
  readonly withdrawn: bigint
  readonly requested: bigint
  readonly requestEpoch: number
  readonly requestedAt: number
}

const NO_REQUEST = { requested: 0n, requestEpoch: 0, requestedAt: 0 }
const NO_ACCOUNT: Account = { deposited: 0n, withdrawn: 0n, ...NO_REQUEST }
/** IEscrow.STALE_SEC. */
const STALE_SEC = 30 * 86_400

export interface ActiveEpochs {
  /** How many epochs are active: `Debits.settledEpochs`. */
  readonly settled: number
  /** Unix seconds: of the block, and of the last activation. */
  readonly nowSec: number
  readonly activatedSec: number
}

export class PaperEscrow {
  readonly payer: DepositLine['payer']
  readonly #longestHoldEpochs: number
  readonly #accounts = new Map<Asset, Account>()

  constructor(payer: DepositLine['payer'], longestHoldEpochs: number) {
    this.payer = payer
    this.#longestHoldEpochs = longestHoldEpochs
  }

  deposit(asset: Asset, amount: bigint): void {
    const account = this.#of(asset)
    this.#accounts.set(asset, { ...account, deposited: account.deposited + amount })
  }

  /** Asks for everything, or for a part of it. */
  request(asset: Asset, epoch: number, part: { amount?: bigint; nowSec?: number } = {}): void {
    const account = this.#of(asset)
    const most = account.deposited - account.withdrawn
    const requested = part.amount === undefined || part.amount > most ? most : part.amount
    const request = { requested, requestEpoch: epoch, requestedAt: part.nowSec ?? 0 }
    this.#accounts.set(asset, { ...account, ...request })
  }

  cancel(asset: Asset): void {
    this.#accounts.set(asset, { ...this.#of(asset), ...NO_REQUEST })
  }

  isAsked(asset: Asset): boolean {
    return this.#of(asset).requested > 0n
  }

  mayFinish(asset: Asset, { settled, nowSec, activatedSec }: ActiveEpochs): boolean {
    const { requested, requestEpoch, requestedAt } = this.#of(asset)
    const isCovered = settled >= requestEpoch + this.#longestHoldEpochs + 2
    const isStale = nowSec >= Math.max(requestedAt, activatedSec) + STALE_SEC
    return requested > 0n && (isCovered || isStale)
  }

  /** Wei paid out. */
  finish(asset: Asset, debits: DebitLine | undefined): bigint {
    const account = this.#of(asset)
    const debited = (asset === ASSET.io ? debits?.cumulativeIo : debits?.cumulativeIosd) ?? 0n
    const left = account.deposited - account.withdrawn - debited
    // Nothing left: the contract reverts, and the request stays open.
    if (left <= 0n) return 0n
    const paid = left < account.requested ? left : account.requested
    this.#accounts.set(asset, { ...account, withdrawn: account.withdrawn + paid, ...NO_REQUEST })
    return paid
  }

  /** What the relayer may still accept holds against, before debits: a request counts at once. */
  free(asset: Asset): bigint {
    const { deposited, withdrawn, requested } = this.#of(asset)
    return deposited - withdrawn - requested
  }

  /** What is there, before debits. */
  left(asset: Asset): bigint {
    const { deposited, withdrawn } = this.#of(asset)
    return deposited - withdrawn
  }

  balances(): PayerBalances {
    const of = (asset: Asset): EscrowBalance => {
      const { requested, requestEpoch } = this.#of(asset)
      return { deposited: this.left(asset), requested, requestEpoch }
    }
    return { payer: this.payer, io: of(ASSET.io), iosd: of(ASSET.iosd) }
  }

  /** As relayers and auditors count it for an epoch at whose end it stands so. */
  line(epoch: number): DepositLine {
    const terms = { clock: { startSec: 0, lengthSec: 1 }, longestHoldEpochs: this.#longestHoldEpochs }
    const [line] = depositLines([this.balances()], epoch, terms)
    return line ?? { payer: this.payer, io: 0n, iosd: 0n }
  }

  #of(asset: Asset): Account {
    return this.#accounts.get(asset) ?? NO_ACCOUNT
  }
}
