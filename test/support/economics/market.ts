/**
 * One epoch of a tiny market: a coalition and everybody else, over the very split that relayers and oracle nodes use.
 * The coalition owns workers, payers, a gateway and a model; what it pays itself comes back through the pool alone.
 */
import type { Address } from '../../../protocol/bytes.ts'
import { type AllocationInput, allocate } from '../../../protocol/epoch/allocation.ts'
import { type EmissionTerms, MAINNET_EMISSION } from '../../../protocol/epoch/emission.ts'
import type { EpochParameters } from '../../../protocol/epoch/parameters.ts'
import { iosdForIo, ONE, type Price, type Wei } from '../../../protocol/units.ts'
import { PARAMETERS } from '../epoch/world.ts'

export const COALITION: Address = `0x${'11'.repeat(20)}`
export const HONEST: Address = `0x${'22'.repeat(20)}`

/** Amounts in wei. */
export interface Market {
  readonly terms: EmissionTerms
  readonly parameters: EpochParameters
  readonly epoch: number
  readonly reserve: bigint
  /** P_e. */
  readonly price: Price
  /** IO that others burn in the epoch. */
  readonly burned: bigint
  /** IOSD that honest workers are paid for hires. */
  readonly honestHires: bigint
  /** IOSD that the coalition's workers are paid by customers who are not of the coalition. */
  readonly ownHires: bigint
  readonly honestWeight: bigint
  readonly ownWeight: bigint
}

export function marketOf(changes: Partial<Market> = {}): Market {
  return {
    terms: MAINNET_EMISSION,
    parameters: PARAMETERS,
    epoch: 0,
    reserve: 0n,
    price: ONE as Price,
    burned: 0n,
    honestHires: 0n,
    ownHires: 0n,
    honestWeight: 0n,
    ownWeight: 0n,
    ...changes,
  }
}

export interface Outcome {
  /** Wei of IO that the coalition gets from the pool. */
  readonly income: bigint
  readonly reserveAfter: bigint
  /** Whether hires ask for more than their part of the pool. */
  readonly isCut: boolean
}

/** The epoch when the coalition burns `spent` wei of IO and hires itself with the IOSD that it gets for it. */
export function washed(market: Market, spent: bigint): Outcome {
  const iosd = iosdForIo(spent as Wei, market.price)
  const input: AllocationInput = {
    terms: market.terms,
    parameters: market.parameters,
    epoch: market.epoch,
    burned: market.burned + spent,
    reserve: market.reserve,
    price: market.price,
    hires: new Map([
      [COALITION, market.ownHires + iosd],
      [HONEST, market.honestHires],
    ]),
    weights: new Map([
      [COALITION, market.ownWeight],
      [HONEST, market.honestWeight],
    ]),
  }
  const { hires, availability, reserveAfter, hiredClaimed, hiredMaximum } = allocate(input)
  return {
    income: (hires.get(COALITION) ?? 0n) + (availability.get(COALITION) ?? 0n),
    reserveAfter,
    isCut: hiredClaimed > hiredMaximum,
  }
}

/** Wei of IO that the coalition has more, at once, for having spent `spent` wei of IO on itself. */
export function washGain(market: Market, spent: bigint): bigint {
  return washed(market, spent).income - washed(market, 0n).income - spent
}

/**
 * The same with all that the reserve will ever give the coalition for it, at its share of availability: what a wash
 * trade leaves in the reserve is released within the years to come.
 */
export function patientWashGain(market: Market, spent: bigint): bigint {
  const left = washed(market, spent).reserveAfter - washed(market, 0n).reserveAfter
  return washGain(market, spent) + divideUp(left * market.ownWeight, totalWeight(market))
}

/** USD·1e18 of an amount of IO, rounded up: a profit is never made to look smaller than it is. */
export function usdOf(io: bigint, price: Price): bigint {
  return divideUp(io * price, ONE)
}

/** −(1 − β)(1 − a)X of ECONOMICS, rounded up, a = own weight / all weight, β = 1 − τ. Without any weight, a = 0. */
export function promisedLoss(market: Market, spent: bigint): bigint {
  const weight = totalWeight(market)
  const others = market.honestWeight + market.ownWeight === 0n ? 1n : market.honestWeight
  return divideUp(-spent * BigInt(market.parameters.hireTaxBps) * others, 10_000n * weight)
}

function totalWeight({ honestWeight, ownWeight }: Market): bigint {
  const sum = honestWeight + ownWeight
  return sum === 0n ? 1n : sum
}

/** ⌈a / b⌉ for b > 0 and any a. */
export function divideUp(a: bigint, b: bigint): bigint {
  return a > 0n ? (a - 1n) / b + 1n : a / b
}
