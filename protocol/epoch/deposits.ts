/** What payers have in escrow, and what of it is spoken for. */
import type { Address } from '../bytes.ts'
import { BPS } from '../units.ts'
import { ASSET, type Asset } from '../usage/wire.ts'
import type { Debit, DebitLine } from './ledger.ts'
import type { UsageSettlementInput } from './settle-usage.ts'
import type { UsageTables } from './state.ts'

/**
 * A payer's deposits less its withdrawals, before all debits, at the last block before the epoch's end; less what it may
 * have withdrawn when the epoch becomes active. See `withdrawals.ts`.
 */
export interface DepositLine {
  readonly payer: Address
  readonly io: bigint
  readonly iosd: bigint
}

/** Wei of one payer and asset. */
export interface Commitments {
  /** All debits so far. */
  readonly debited: bigint
  /** Deposits less all debits so far. Nothing when it may have withdrawn more than the debits have left. */
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
    const [deposited, debited] =
      asset === ASSET.io ? [deposits?.io, debits?.cumulativeIo] : [deposits?.iosd, debits?.cumulativeIosd]
    const deposit = leastZero((deposited ?? 0n) - (debited ?? 0n))
    return {
      debited: debited ?? 0n,
      deposit,
      ...(this.#taken.get(`${payer} ${asset}`) ?? { open: 0n, unsettled: 0n }),
    }
  }

  /**
   * What an epoch may spend: of each payer, of each payer's IOSD for fees, and of each asset.
   *
   * @param maxDebitBps the most of an asset in escrow that one epoch may debit
   */
  spendable(maxDebitBps: number): Pick<UsageSettlementInput, 'available' | 'freeIosd' | 'limits'> {
    const limitOf = (asset: Asset) => (this.#held(asset) * BigInt(maxDebitBps)) / BPS
    return {
      available: this.#available(),
      freeIosd: this.#freeIosd(),
      limits: { io: limitOf(ASSET.io), iosd: limitOf(ASSET.iosd) },
    }
  }

  /** The most that can be debited of each payer, so that a withdrawal never takes what others have deposited. */
  #available(): ReadonlyMap<Address, Debit> {
    const debit = (payer: Address) => ({
      io: this.of(payer, ASSET.io).deposit,
      iosd: this.of(payer, ASSET.iosd).deposit,
    })
    return new Map([...this.#deposits.keys()].map(payer => [payer, debit(payer)]))
  }

  /** Wei of an asset in escrow, of those that may be debited: at most what the contract counts. */
  #held(asset: Asset): bigint {
    let sum = 0n
    for (const payer of this.#deposits.keys()) sum += this.of(payer, asset).deposit
    return sum
  }

  /** Wei of IOSD of each payer that fees may be taken from. */
  #freeIosd(): ReadonlyMap<Address, bigint> {
    const free = [...this.#deposits.keys()].map(payer => {
      const { deposit, open, unsettled } = this.of(payer, ASSET.iosd)
      return [payer, leastZero(deposit - open - unsettled)] as const
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

function leastZero(amount: bigint): bigint {
  return amount > 0n ? amount : 0n
}
