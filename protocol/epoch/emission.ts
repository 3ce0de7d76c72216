/**
 * How much an epoch may pay out: the schedule, what was burned and is minted again, and the release of the
 * reserve. The contracts compute the same from their own counters, so a certificate can never mint more.
 */
import { ONE } from '../units.ts'

const DAY_SEC = 86_400n

/** From this period on less than one wei is left of any schedule that fits 96 bits, as all do on chain. */
const LAST_PERIOD = 97n

/** Fixed at deployment. Amounts in wei, of at most 96 bits. */
export interface EmissionTerms {
  /** At most this many IO ever exist by genesis and schedule (invariant 1). */
  readonly maxSupply: bigint
  /** IO that existed from the start. */
  readonly genesis: bigint
  /** Emission of the first period; each period emits half of the one before. */
  readonly firstPeriod: bigint
  readonly periodSec: bigint
  /** Burned IO that may be minted again in 365 days. */
  readonly netPerYear: bigint
  readonly epochLengthSec: bigint
}

export const YEAR_SEC = 365n * DAY_SEC

/** 500,000 IO a month, halved every two years, 22,300,000 at most; net emission is 1% of a launch year's. */
export const MAINNET_EMISSION: EmissionTerms = {
  maxSupply: 22_300_000n * ONE,
  genesis: 0n,
  firstPeriod: 12_000_000n * ONE,
  periodSec: 730n * DAY_SEC,
  netPerYear: 60_000n * ONE,
  epochLengthSec: 3_600n,
}

/**
 * C(t) = A·(2 − 2^(1−k)) + A·(t − kH)/(2^k·H), k = ⌊t/H⌋, floored once: the curve, without its maximum.
 *
 * @param elapsedSec seconds since t0
 */
export function curveAt(terms: EmissionTerms, elapsedSec: bigint): bigint {
  const { firstPeriod, periodSec } = terms
  const k = elapsedSec / periodSec
  // Rounded down from less than one wei below twice the first period's.
  if (k >= LAST_PERIOD) return firstPeriod === 0n ? 0n : 2n * firstPeriod - 1n
  const halvings = 1n << k
  // Over the common denominator 2^k·H: two floors would lose a wei at every halving.
  const numerator = (2n * halvings - 2n) * periodSec + (elapsedSec % periodSec)
  return (firstPeriod * numerator) / (halvings * periodSec)
}

/** S(t) = min(C(t), MAX − genesis): wei scheduled from t0 to `elapsedSec`. */
export function scheduledBy(terms: EmissionTerms, elapsedSec: bigint): bigint {
  const available = terms.maxSupply - terms.genesis
  const curve = curveAt(terms, elapsedSec)
  return curve < available ? curve : available
}

/** sched of an epoch: differences of one curve, so that any partition of time adds up to it. */
export function scheduledIn(terms: EmissionTerms, epoch: number): bigint {
  const start = BigInt(epoch) * terms.epochLengthSec
  return scheduledBy(terms, start + terms.epochLengthSec) - scheduledBy(terms, start)
}

/** cap of an epoch: ⌊y(e+1)L/Y⌋ − ⌊y·e·L/Y⌋. */
export function netCapOf(terms: EmissionTerms, epoch: number): bigint {
  const { netPerYear, epochLengthSec } = terms
  const by = (epochs: bigint) => (netPerYear * epochs * epochLengthSec) / YEAR_SEC
  return by(BigInt(epoch) + 1n) - by(BigInt(epoch))
}

/** net = min(burned, cap): never more than was burned (invariant 2). */
export function netIn(terms: EmissionTerms, epoch: number, burned: bigint): bigint {
  const cap = netCapOf(terms, epoch)
  return burned < cap ? burned : cap
}

/** rel = ⌊reserve / epochs in 365 days⌋. */
export function releaseOf(terms: EmissionTerms, reserve: bigint): bigint {
  return reserve / (YEAR_SEC / terms.epochLengthSec)
}

export interface Pool {
  readonly scheduled: bigint
  readonly net: bigint
  readonly released: bigint
  /** E: all that suppliers can be paid from the pool in this epoch. */
  readonly total: bigint
}

/** @param burned wei of IO burned in the epoch @param reserve wei of IO in the reserve before it */
export function poolOf(terms: EmissionTerms, epoch: number, burned: bigint, reserve: bigint): Pool {
  const scheduled = scheduledIn(terms, epoch)
  const net = netIn(terms, epoch, burned)
  const released = releaseOf(terms, reserve)
  return { scheduled, net, released, total: scheduled + net + released }
}
