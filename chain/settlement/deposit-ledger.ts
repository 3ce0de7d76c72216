/** What payers have in escrow, and have asked back, at any recent block, from the escrow's events. */
import { type Address, bytesOf, compareBytes } from '../../protocol/bytes.ts'
import {
  balanceOf,
  type EscrowBalance,
  NO_BALANCE,
  type PayerBalances,
} from '../../protocol/epoch/withdrawals.ts'
import { ASSET, type Asset } from '../../protocol/usage/wire.ts'
import type { DepositLog, FollowedLog } from './events.ts'

interface Movement {
  readonly block: number
  readonly payer: Address
  readonly asset: Asset
  readonly change: (balance: EscrowBalance) => EscrowBalance
}

/** A movement costs its payer a transaction; half an hour of full blocks is less. The older half is folded. */
const KEPT_MOVEMENTS = 20_000

export function isDepositLog(log: FollowedLog): log is DepositLog {
  const { eventName } = log
  return (
    eventName === 'Deposited' ||
    eventName === 'WithdrawalRequested' ||
    eventName === 'WithdrawalCancelled' ||
    eventName === 'Withdrawn'
  )
}

export class DepositLedger {
  readonly #kept: number
  readonly #base = new Map<Address, PayerBalances>()
  #recent: Movement[] = []
  /** Balances at blocks before this one are no longer known apart. */
  #foldedTo = 0

  constructor(kept: number = KEPT_MOVEMENTS) {
    this.#kept = kept
  }

  add(log: DepositLog): void {
    this.#recent.push(movementOf(log))
    if (this.#recent.length > this.#kept) this.#fold()
  }

  /** The balances after `block`, ascending by payer; undefined when it is too long ago. */
  at(block: number): PayerBalances[] | undefined {
    if (block < this.#foldedTo) return undefined
    const balances = new Map(this.#base)
    for (const movement of this.#recent) if (movement.block <= block) apply(balances, movement)
    return sorted(balances)
  }

  #fold(): void {
    const last = this.#recent[Math.floor(this.#recent.length / 2)]?.block ?? 0
    for (const movement of this.#recent) if (movement.block <= last) apply(this.#base, movement)
    this.#recent = this.#recent.filter(movement => movement.block > last)
    this.#foldedTo = last
  }
}

/** The balances that a list of movements leads to, in order of their payers' bytes. */
export function balancesOf(logs: Iterable<DepositLog>): PayerBalances[] {
  const balances = new Map<Address, PayerBalances>()
  for (const log of logs) apply(balances, movementOf(log))
  return sorted(balances)
}

/** A payer stays with nothing left in it: it keeps its leaf in the tree of debits. */
function apply(balances: Map<Address, PayerBalances>, { payer, asset, change }: Movement): void {
  const before = balances.get(payer) ?? { payer, io: NO_BALANCE, iosd: NO_BALANCE }
  const after = change(balanceOf(before, asset))
  balances.set(payer, asset === ASSET.io ? { ...before, io: after } : { ...before, iosd: after })
}

function movementOf(log: DepositLog): Movement {
  return {
    block: Number(log.blockNumber),
    payer: log.args.payer.toLowerCase() as Address,
    asset: log.args.asset === ASSET.io ? ASSET.io : ASSET.iosd,
    change: changeOf(log),
  }
}

function changeOf(log: DepositLog): Movement['change'] {
  switch (log.eventName) {
    case 'Deposited': {
      const { amount } = log.args
      return balance => ({ ...balance, deposited: balance.deposited + amount })
    }
    case 'WithdrawalRequested': {
      const { amount: requested, epoch } = log.args
      return balance => ({ ...balance, requested, requestEpoch: Number(epoch) })
    }
    case 'WithdrawalCancelled':
      return ({ deposited }) => ({ ...NO_BALANCE, deposited })
    case 'Withdrawn': {
      // Whatever of it was paid, the request is closed.
      const { amount } = log.args
      return ({ deposited }) => ({ ...NO_BALANCE, deposited: deposited - amount })
    }
    default:
      return log satisfies never
  }
}

function sorted(balances: ReadonlyMap<Address, PayerBalances>): PayerBalances[] {
  return [...balances.values()].sort((a, b) => compareBytes(bytesOf(a.payer), bytesOf(b.payer)))
}
