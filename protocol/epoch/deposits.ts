/** What payers have in escrow, and what of it is spoken for. */
import type { Address } from '../bytes.ts'
import { ASSET, type Asset } from '../usage/wire.ts'
import type { DebitLine } from './ledger.ts'
import type { UsageTables } from './state.ts'

/** A payer's deposits less its withdrawals, before all debits, at the last block before the epoch's end. */
export interface DepositLine {
  readonly payer: Address
  readonly io: bigint
  readonly iosd: bigint
}

/** Wei of one payer and asset. */
export interface Commitments {
  /** Deposits less all debits so far. */
  readonly deposit: bigint
  /** What open holds may still take. */
  readonly open: bigint
  /** Charged, and not yet debited. */
  readonly unsettled: bigint
}

/** Sums by payer; asks about the tables as they are when it is made. */
export class DepositBook {
  readonly #taken = new Map<string, { open: bigint; unsettled: bigint }>()
  readonly #deposits: ReadonlyMap<Address, DepositLine>
  readonly #debits: ReadonlyMap<Address, DebitLine>

  constructor(
    deposits: readonly DepositLine[],
    openingDebits: readonly DebitLine[],
    tables: UsageTables,
    epoch: number,
  ) {
    this.#deposits = new Map(deposits.map(line => [line.payer, line]))
    this.#debits = new Map(openingDebits.map(line => [line.payer, line]))
    for (const { hold, used } of tables.holds.values()) {
      if (hold.expiresEpoch >= epoch) this.#entry(hold.payer, hold.asset).open += hold.maxAmount - used
    }
    for (const { channel, asset, claimed, settled } of tables.channels.values()) {
      this.#entry(channel.payer, asset).unsettled += claimed - settled
    }
  }

  of(payer: Address, asset: Asset): Commitments {
    const deposits = this.#deposits.get(payer)
    const debits = this.#debits.get(payer)
    const deposit =
      asset === ASSET.io
        ? (deposits?.io ?? 0n) - (debits?.cumulativeIo ?? 0n)
        : (deposits?.iosd ?? 0n) - (debits?.cumulativeIosd ?? 0n)
    return { deposit, ...(this.#taken.get(`${payer} ${asset}`) ?? { open: 0n, unsettled: 0n }) }
  }

  /** Whether what is spoken for fits into the deposit (invariant 10). */
  covers(payer: Address, asset: Asset): boolean {
    const { deposit, open, unsettled } = this.of(payer, asset)
    return open + unsettled <= deposit
  }

  /** Wei of an asset in escrow: all deposits less all debits so far. */
  held(asset: Asset): bigint {
    let sum = 0n
    for (const payer of this.#deposits.keys()) sum += this.of(payer, asset).deposit
    return sum
  }

  /** Wei of IOSD of each payer that fees may be taken from. */
  freeIosd(): ReadonlyMap<Address, bigint> {
    const free = [...this.#deposits.keys()].map(payer => {
      const { deposit, open, unsettled } = this.of(payer, ASSET.iosd)
      const rest = deposit - open - unsettled
      return [payer, rest > 0n ? rest : 0n] as const
    })
    return new Map(free)
  }

  #entry(payer: Address, asset: Asset): { open: bigint; unsettled: bigint } {
    const key = `${payer} ${asset}`
    const entry = this.#taken.get(key) ?? { open: 0n, unsettled: 0n }
    this.#taken.set(key, entry)
    return entry
  }
}
