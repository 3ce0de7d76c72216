/** Where all IO and IOSD are, wei. Each change is booked on both sides, so that sums can be held against totals. */
import type { SettledEpoch } from './settled-state.ts'

export class Tokens {
  /** IO that its holders can sell or burn. Suppliers are taken to claim at once. */
  free: bigint
  /** IO of payers in escrow. */
  escrowIo = 0n
  /** IO that Settlement has. */
  settlement = 0n
  /** IOSD of payers in escrow. */
  escrowIosd = 0n
  /** IOSD that nobody has paid with yet. */
  keptIosd = 0n

  ioSupply: bigint
  iosdSupply = 0n
  burnedIo = 0n
  mintedIosd = 0n
  spentIosd = 0n

  constructor(genesis: bigint) {
    this.free = genesis
    this.ioSupply = genesis
  }

  burn(io: bigint, iosd: bigint, into: 'escrow' | 'kept'): void {
    this.free -= io
    this.ioSupply -= io
    this.burnedIo += io
    this.iosdSupply += iosd
    this.mintedIosd += iosd
    if (into === 'escrow') this.escrowIosd += iosd
    else this.keptIosd += iosd
  }

  depositIo(io: bigint): void {
    this.free -= io
    this.escrowIo += io
  }

  /** An epoch is activated: Settlement mints and takes the debits, and hands on what the reward root adds. */
  activate({ allocation, usage }: SettledEpoch): void {
    const { pool, hiredPaid, availabilityPaid } = allocation
    this.ioSupply += pool.scheduled + pool.net
    this.settlement += pool.scheduled + pool.net
    this.settlement -= hiredPaid + availabilityPaid
    this.escrowIo -= usage.debitIo
    this.free += hiredPaid + availabilityPaid + usage.debitIo
    this.escrowIosd -= usage.debitIosd
    this.iosdSupply -= usage.debitIosd
    this.spentIosd += usage.debitIosd
  }
}
