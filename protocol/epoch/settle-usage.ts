/**
 * From charges to debits and payments: what of each channel is settled in this epoch, and what waits.
 *
 * Waiting: IOSD hires and fees in an epoch without a certified price; a fee that the payer's free IOSD does not
 * cover; a step so small that it would take a wei from the worker; what is above the most that one epoch may take from
 * the escrow, as the contract would refuse the whole epoch for it; what is above that which the payer itself has left,
 * as another payer's deposit would pay it. What waits stays in the channel's state and is tried again in every epoch; it
 * never blocks anybody else's. A payer that has withdrawn meanwhile leaves it unpaid until it deposits again.
 */
import type { Address, Hash, Hex } from '../bytes.ts'
import type { Price } from '../units.ts'
import { ASSET, NOBODY, WORK_KIND } from '../usage/wire.ts'
import { type Debit, NO_DEBIT } from './ledger.ts'
import type { EpochParameters } from './parameters.ts'
import { networkFee, type PaymentShares, stepShares } from './pass-through.ts'
import { credit } from './shares.ts'
import type { ChannelState, UsageTables } from './state.ts'

/** One version of a model as its registry had it for this epoch. */
export interface Model {
  readonly id: Hash
  readonly version: number
  readonly owner: Address
  readonly royaltyBps: number
  /** Retired versions earn what is owed, and take no new charges. */
  readonly active: boolean
}

export function modelKey(id: Hash, version: number): string {
  return `${id} ${version}`
}

export interface UsageSettlementInput {
  readonly parameters: EpochParameters
  readonly price: Price | undefined
  readonly models: ReadonlyMap<string, Model>
  /** Wei of IOSD of each payer that neither holds nor charges have taken: fees come from it. */
  readonly freeIosd: ReadonlyMap<Address, bigint>
  /** The most that the epoch may debit of each asset. */
  readonly limits: Debit
  /** The most that it may debit of each payer. */
  readonly available: ReadonlyMap<Address, Debit>
}

export interface UsageSettlement {
  /** Wei of IO to owners, gateways and workers. */
  readonly payments: ReadonlyMap<Address, bigint>
  /** d_i: wei of IOSD that each worker was paid for hires. */
  readonly hires: ReadonlyMap<Address, bigint>
  readonly debits: ReadonlyMap<Address, Debit>
  readonly debitIo: bigint
  readonly debitIosd: bigint
}

/** Settles all channels, in order of their keys, and notes it in `tables.channels`. */
export function settleUsage(input: UsageSettlementInput, tables: UsageTables): UsageSettlement {
  const books = new Books(input)
  for (const key of [...tables.channels.keys()].sort()) {
    const state = tables.channels.get(key)
    if (state === undefined) continue
    const settled = state.asset === ASSET.io ? settleIo(state, input, books) : settleHire(state, input, books)
    tables.channels.set(key as Hex, settled)
  }
  return books.close()
}

function settleHire(state: ChannelState, { price }: UsageSettlementInput, books: Books): ChannelState {
  if (price === undefined) return state
  const spent = lesser(state.claimed - state.settled, books.left(state.channel.payer).iosd)
  books.hire(state.channel.payer, state.channel.worker, spent)
  return { ...state, settled: state.settled + spent }
}

function settleIo(state: ChannelState, input: UsageSettlementInput, books: Books): ChannelState {
  return settleFee(settlePayment(state, input, books), input, books)
}

function settlePayment(state: ChannelState, input: UsageSettlementInput, books: Books): ChannelState {
  const { channel, settled, claimed } = state
  const paid = lesser(claimed - settled, books.left(channel.payer).io)
  if (paid === 0n) return state
  const model = input.models.get(modelKey(channel.id, channel.version))
  if (channel.kind === WORK_KIND.inference && model === undefined) return state
  const owner = channel.kind === WORK_KIND.inference ? model : undefined
  const shares = stepShares(settled, settled + paid, {
    royaltyBps: owner?.royaltyBps ?? 0,
    gatewayBps: channel.gateway === NOBODY ? 0 : input.parameters.gatewayBps,
  })
  if (shares === undefined) return state
  books.pay(state, owner?.owner ?? channel.worker, shares, paid)
  return { ...state, settled: settled + paid }
}

function settleFee(state: ChannelState, input: UsageSettlementInput, books: Books): ChannelState {
  const paid = state.settled - state.feeSettled
  if (paid === 0n || input.price === undefined) return state
  const fee = networkFee(paid, input.parameters.feeBps, input.price)
  return books.takeFee(state.channel.payer, fee) ? { ...state, feeSettled: state.settled } : state
}

function lesser(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

/** Sums while channels are settled. */
class Books {
  readonly #payments = new Map<Address, bigint>()
  readonly #hires = new Map<Address, bigint>()
  readonly #debits = new Map<Address, Debit>()
  readonly #freeIosd: Map<Address, bigint>
  readonly #available: ReadonlyMap<Address, Debit>
  readonly #limits: Debit
  #debitIo = 0n
  #debitIosd = 0n

  constructor({ freeIosd, available, limits }: UsageSettlementInput) {
    this.#freeIosd = new Map(freeIosd)
    this.#available = available
    this.#limits = limits
  }

  /** What the epoch may still debit of a payer. */
  left(payer: Address): Debit {
    const available = this.#available.get(payer) ?? NO_DEBIT
    const taken = this.#debits.get(payer) ?? NO_DEBIT
    return {
      io: lesser(this.#limits.io - this.#debitIo, available.io - taken.io),
      iosd: lesser(this.#limits.iosd - this.#debitIosd, available.iosd - taken.iosd),
    }
  }

  hire(payer: Address, worker: Address, spent: bigint): void {
    credit(this.#hires, worker, spent)
    this.#debit(payer, { iosd: spent, io: 0n })
  }

  pay({ channel }: ChannelState, owner: Address, shares: PaymentShares, paid: bigint): void {
    credit(this.#payments, owner, shares.owner)
    credit(this.#payments, channel.gateway, shares.gateway)
    credit(this.#payments, channel.worker, shares.worker)
    this.#debit(channel.payer, { iosd: 0n, io: paid })
  }

  /** Takes a fee whole or not at all. */
  takeFee(payer: Address, fee: bigint): boolean {
    const free = this.#freeIosd.get(payer) ?? 0n
    if (fee > free || fee > this.left(payer).iosd) return false
    this.#freeIosd.set(payer, free - fee)
    this.#debit(payer, { iosd: fee, io: 0n })
    return true
  }

  close(): UsageSettlement {
    return {
      payments: this.#payments,
      hires: this.#hires,
      debits: this.#debits,
      debitIo: this.#debitIo,
      debitIosd: this.#debitIosd,
    }
  }

  #debit(payer: Address, { iosd, io }: Debit): void {
    if (iosd === 0n && io === 0n) return
    const before = this.#debits.get(payer) ?? NO_DEBIT
    this.#debits.set(payer, { iosd: before.iosd + iosd, io: before.io + io })
    this.#debitIosd += iosd
    this.#debitIo += io
  }
}
