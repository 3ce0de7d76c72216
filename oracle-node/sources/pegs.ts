/** How the pegs of a plan stand, and who is told when that changes. */
import type { SourceOutcome, SourcePlan } from '../../protocol/sources/types.ts'
import { formatDecimal } from '../../protocol/units.ts'
import type { Logger } from '../../runtime/logger.ts'

export interface PegState {
  readonly pair: string
  readonly bandBps: number
  /** Null when the leg has none. */
  readonly price: bigint | null
  /** Whether the price lies outside the band; null when there is no price to tell by. */
  readonly isLost: boolean | null
}

/** Every pegged leg, in the order of the plan; pure. */
export function pegStates(plan: SourcePlan, outcome: SourceOutcome): PegState[] {
  return plan.legs.flatMap(({ pair, peg }): PegState[] => {
    if (peg === undefined) return []
    const leg = outcome.legs.find(one => one.pair === pair)
    const { bandBps } = peg
    if (leg?.kind !== 'price') return [{ pair, bandBps, price: null, isLost: null }]
    const isLost = outcome.depegs.some(depeg => depeg.pair === pair)
    return [{ pair, bandBps, price: leg.price, isLost }]
  })
}

/**
 * One line when a peg is lost, one when it is back: not one a round. A leg without a price says nothing of its peg: when
 * one breaks, venues often disagree for a while, and that is no way back.
 */
export function pegLog(plan: SourcePlan, logger: Logger): (outcome: SourceOutcome) => void {
  const lost = new Set<string>()
  return outcome => {
    for (const { pair, bandBps, price, isLost } of pegStates(plan, outcome)) {
      if (price === null || isLost === lost.has(pair)) continue
      const fields = { pair, price: formatDecimal(price), bandBps }
      if (isLost === true) {
        lost.add(pair)
        logger.warn('a pegged pair has left its band; routes over it are dropped', fields)
      } else {
        lost.delete(pair)
        logger.info('a pegged pair is back in its band; routes over it count again', fields)
      }
    }
  }
}
