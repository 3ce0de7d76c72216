/** The emission schedule and the cap of net emission, computed once more from ECONOMICS, step 1 and 2. */

/** No more IO than this ever exists, wei. */
export const MAX_SUPPLY = 22_300_000n * 10n ** 18n
export const YEAR_SEC = 365n * 86_400n
export const BPS = 10_000n
export const ONE = 10n ** 18n

export interface CurveTerms {
  readonly launchEmission: bigint
  readonly halvingPeriodSec: bigint
  readonly yearlyNetCap: bigint
  readonly genesis: bigint
  readonly epochLengthSec: bigint
}

/**
 * S(t): wei scheduled in the first `elapsedSec` seconds. Whole periods first, each half of the one before, then the
 * part of the current one: over the denominator 2^k·H, so that it is rounded down once.
 */
export function scheduledUntil(terms: CurveTerms, elapsedSec: bigint): bigint {
  const { launchEmission, halvingPeriodSec, genesis } = terms
  const period = elapsedSec / halvingPeriodSec
  const inPeriod = elapsedSec % halvingPeriodSec
  // Σ_{i<k} A/2^i = A·(2^(k+1) − 2)/2^k
  const wholePeriods = (1n << (period + 1n)) - 2n
  const curve =
    (launchEmission * (wholePeriods * halvingPeriodSec + inPeriod)) / ((1n << period) * halvingPeriodSec)
  const room = MAX_SUPPLY - genesis
  return curve < room ? curve : room
}

/** What the schedule mints in an epoch, wei. */
export function scheduledIn(terms: CurveTerms, epoch: number): bigint {
  const from = BigInt(epoch) * terms.epochLengthSec
  return scheduledUntil(terms, from + terms.epochLengthSec) - scheduledUntil(terms, from)
}

/** The most that is minted again of what was burned in an epoch, wei. */
export function netCapIn({ yearlyNetCap, epochLengthSec }: CurveTerms, epoch: number): bigint {
  const until = (epochs: bigint): bigint => (yearlyNetCap * epochs * epochLengthSec) / YEAR_SEC
  return until(BigInt(epoch + 1)) - until(BigInt(epoch))
}
