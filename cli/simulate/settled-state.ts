/**
 * What all settled epochs have left, and how the next one is settled: by the functions of `protocol/epoch` that
 * relayer and oracle nodes use. Nothing is decided here.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { type Address, hexOf } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import { type Allocation, type AllocationInput, allocate } from '../../protocol/epoch/allocation.ts'
import { DepositBook } from '../../protocol/epoch/deposits.ts'
import type { EmissionTerms } from '../../protocol/epoch/emission.ts'
import {
  addDebits,
  addRewards,
  creditsOf,
  type DebitLine,
  type RewardLine,
} from '../../protocol/epoch/ledger.ts'
import type { EpochParameters } from '../../protocol/epoch/parameters.ts'
import { type Model, settleUsage, type UsageSettlement } from '../../protocol/epoch/settle-usage.ts'
import { type Amounts, credit } from '../../protocol/epoch/shares.ts'
import { EMPTY_STATE, UsageTables } from '../../protocol/epoch/state.ts'
import { ASSET } from '../../protocol/usage/wire.ts'
import { CHANNELS } from './cast.ts'
import type { EpochHistory } from './history.ts'

/** Nothing is signed in a simulation; the tables want to know where it would be. */
const DOMAIN: Domain = { chainId: 31_337, registry: `0x${'0'.repeat(40)}` }

/** What stays the same for a whole run. */
export interface Rules {
  readonly terms: EmissionTerms
  readonly parameters: EpochParameters
  readonly models: ReadonlyMap<string, Model>
  /** How the pool is split. The protocol's; another one is for tests of the checks. */
  readonly allocate?: (input: AllocationInput) => Allocation
}

export interface SettledEpoch {
  readonly history: EpochHistory
  readonly allocation: Allocation
  readonly usage: UsageSettlement
  /** The reserve before it. */
  readonly reserveBefore: bigint
}

export class SettledState {
  readonly #rules: Rules
  #tables = new UsageTables(DOMAIN, EMPTY_STATE)
  #rewards: readonly RewardLine[] = []
  #debits: readonly DebitLine[] = []
  #reserve = 0n
  #epochs = 0

  constructor(rules: Rules) {
    this.#rules = rules
    for (const { key, channel, asset } of CHANNELS) {
      this.#tables.channels.set(key, {
        channel,
        asset,
        units: 0n,
        claimed: 0n,
        settled: 0n,
        feeSettled: 0n,
      })
    }
  }

  get reserve(): bigint {
    return this.#reserve
  }

  get rewards(): readonly RewardLine[] {
    return this.#rewards
  }

  get debits(): readonly DebitLine[] {
    return this.#debits
  }

  /** The epoch that is settled next. */
  get nextEpoch(): number {
    return this.#epochs
  }

  /** @throws {RangeError} when it is not the next epoch's turn */
  settle(history: EpochHistory): SettledEpoch {
    if (history.epoch !== this.#epochs) {
      throw new RangeError(`epoch ${history.epoch} cannot be settled before epoch ${this.#epochs}`)
    }
    const { terms, parameters, models, allocate: split = allocate } = this.#rules
    const reserveBefore = this.#reserve
    this.#charge(history)
    const deposits = new DepositBook(history.deposits, this.#debits, this.#tables, history.epoch)
    const usage = settleUsage(
      { parameters, price: history.price, models, ...deposits.spendable(parameters.maxDebitBps) },
      this.#tables,
    )
    const allocation = split({
      terms,
      parameters,
      epoch: history.epoch,
      burned: history.burned,
      reserve: reserveBefore,
      price: history.price,
      hires: usage.hires,
      weights: history.weights,
    })
    this.#rewards = addRewards(this.#rewards, creditsOf(usage, allocation))
    const depositors = history.deposits.map(({ payer }) => payer)
    this.#debits = addDebits(this.#debits, usage.debits, depositors)
    this.#reserve = allocation.reserveAfter
    this.#epochs += 1
    return { history, allocation, usage, reserveBefore }
  }

  /** Wei of IOSD charged for hires and not settled yet. */
  hiresWaiting(): bigint {
    let sum = 0n
    for (const { asset, claimed, settled } of this.#tables.channels.values()) {
      if (asset === ASSET.iosd) sum += claimed - settled
    }
    return sum
  }

  /** Wei of IO of each payer that the network fee has been taken of. */
  feeTakenOf(): Amounts {
    const sums = new Map<Address, bigint>()
    for (const { asset, channel, feeSettled } of this.#tables.channels.values()) {
      if (asset === ASSET.io) credit(sums, channel.payer, feeSettled)
    }
    return sums
  }

  /** Wei of IO that was paid and whose network fee has not been taken. */
  paidWithoutFee(): bigint {
    let sum = 0n
    for (const { asset, settled, feeSettled } of this.#tables.channels.values()) {
      if (asset === ASSET.io) sum += settled - feeSettled
    }
    return sum
  }

  copy(): SettledState {
    const copy = new SettledState(this.#rules)
    for (const [key, state] of this.#tables.channels) copy.#tables.channels.set(key, state)
    copy.#rewards = this.#rewards
    copy.#debits = this.#debits
    copy.#reserve = this.#reserve
    copy.#epochs = this.#epochs
    return copy
  }

  /** SHA-256 over everything that it has: equal for equal states. */
  digest(): string {
    const channels = [...this.#tables.channels].map(([key, state]) => [
      key,
      state.claimed,
      state.settled,
      state.feeSettled,
    ])
    const all = [this.#epochs, this.#reserve, this.#rewards, this.#debits, channels]
    const text = JSON.stringify(all, (_key, item: unknown) =>
      typeof item === 'bigint' ? item.toString() : item,
    )
    return hexOf(sha256(utf8ToBytes(text)))
  }

  /** Every charge is booked up to where it stood at the epoch's end. */
  #charge({ claimed }: EpochHistory): void {
    for (const [index, { key }] of CHANNELS.entries()) {
      const state = this.#tables.channels.get(key)
      const now = claimed[index]
      if (state === undefined || now === undefined) throw new RangeError(`no charge is known for ${key}`)
      if (now !== state.claimed) this.#tables.channels.set(key, { ...state, claimed: now })
    }
  }
}
