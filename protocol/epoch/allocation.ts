/**
 * The pool's split: IOSD hires first, then availability, the rest to the reserve. Steps 3 to 6.
 *
 * Money weighs, units never: a hire is paid by what was spent on it, so spending on oneself loses the hire tax. All that
 * burning mints again may go to hires: a part of it that availability got would pay whoever burns to hire itself.
 * Availability is strictly linear in proven work: flat, capped or concave weights would pay splitting one GPU
 * into ten, convex ones pooling.
 */
import type { Price } from '../units.ts'
import { BPS, ONE } from '../units.ts'
import { type EmissionTerms, type Pool, poolOf, scheduledIn } from './emission.ts'
import type { EpochParameters } from './parameters.ts'
import { type Amounts, shareByLargestRemainder, sumOf } from './shares.ts'

export interface AllocationInput {
  readonly terms: EmissionTerms
  readonly parameters: EpochParameters
  readonly epoch: number
  /** Wei of IO burned in the epoch. */
  readonly burned: bigint
  /** Wei of IO in the reserve before the epoch. */
  readonly reserve: bigint
  /** P_e: the highest certified price of the epoch; without one, no hire may be among `hires`. */
  readonly price: Price | undefined
  /** d_i: wei of IOSD that each worker was paid for hires. */
  readonly hires: Amounts
  /** Proven weight of each worker. */
  readonly weights: Amounts
}

export interface Allocation {
  readonly pool: Pool
  /** Wei of IO to workers for IOSD hires. */
  readonly hires: Amounts
  readonly hiredPaid: bigint
  /** Σh and Hmax: the ratio paid is published, and a worker can set its minimum. */
  readonly hiredClaimed: bigint
  readonly hiredMaximum: bigint
  /** Wei of IO to workers for availability. */
  readonly availability: Amounts
  readonly availabilityPaid: bigint
  readonly reserveAfter: bigint
}

/** h_i = ⌊d_i·(BPS − τ)·1e18/(BPS·P_e)⌋: the most that a hire of `spent` IOSD pays, in IO (invariant 13). */
export function hirePayOf(spent: bigint, hireTaxBps: number, price: Price): bigint {
  return (spent * (BPS - BigInt(hireTaxBps)) * ONE) / (BPS * price)
}

/** Hmax = ⌊(sched + rel)·hiredBps/BPS⌋ + net: the most that IOSD hires get of a pool. */
export function hiredMaximumOf({ scheduled, released, net }: Pool, hiredBps: number): bigint {
  return ((scheduled + released) * BigInt(hiredBps)) / BPS + net
}

export function allocate(input: AllocationInput): Allocation {
  const { terms, parameters, epoch, reserve } = input
  const pool = poolOf(terms, epoch, input.burned, reserve)

  const claims = hireClaims(input)
  const hiredClaimed = sumOf(claims)
  const hiredMaximum = hiredMaximumOf(pool, parameters.hiredBps)
  const hires = hiredClaimed <= hiredMaximum ? claims : shareByLargestRemainder(hiredMaximum, claims)
  const hiredPaid = sumOf(hires)

  const weight = sumOf(input.weights)
  // Without a target, the first card would take a month's carry.
  const earned = (scheduledIn(terms, 0) * weight) / parameters.targetWeight
  const left = pool.total - hiredPaid
  const availability = shareByLargestRemainder(earned < left ? earned : left, input.weights)
  const availabilityPaid = sumOf(availability)

  const reserveAfter = reserve - pool.released + (pool.total - hiredPaid - availabilityPaid)
  return {
    pool,
    hires,
    hiredPaid,
    hiredClaimed,
    hiredMaximum,
    availability,
    availabilityPaid,
    reserveAfter,
  }
}

function hireClaims({ hires, price, parameters }: AllocationInput): Amounts {
  if (price === undefined) {
    if (sumOf(hires) !== 0n) throw new RangeError('hires in IOSD need the price of their epoch')
    return new Map()
  }
  const claims = [...hires].map(
    ([worker, spent]) => [worker, hirePayOf(spent, parameters.hireTaxBps, price)] as const,
  )
  return new Map(claims)
}
