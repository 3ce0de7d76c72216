import { EPOCH_WAY, type EpochPhase } from '../../../protocol/epoch/machine.ts'
import type { Epoch } from './epoch.ts'

/** One of the eight phases of an epoch's life, as it stands in this epoch. */
export interface Station {
  phase: EpochPhase
  status: 'done' | 'current' | 'ahead'
  /** Unix seconds; `null` when it was not entered, or nobody said when. */
  atSec: number | null
}

/** As phases among others: an emptied epoch is nowhere on it. */
const WAY: readonly EpochPhase[] = EPOCH_WAY

/**
 * The phases in their order. Another attempt goes back to `sealed`, so only the last time of a phase counts, and
 * what an earlier attempt reached beyond the present phase does not. A phase behind it without a time was skipped:
 * another relayer did the work, or staging and activation were one transaction. An epoch that a quorum emptied has left
 * the way: it is nowhere on it any more, and ahead of it is what it never came to.
 */
export function stationsOf({
  phase,
  steps,
  startSec,
}: Pick<Epoch, 'phase' | 'steps' | 'startSec'>): Station[] {
  const present = WAY.indexOf(phase)
  const entered = new Map(steps.map(step => [step.phase, step.atSec]))
  return WAY.map((station, index) => {
    if (phase === 'emptied' && entered.has(station))
      return { phase: station, status: 'done', atSec: entered.get(station) ?? null }
    if (index > present) return { phase: station, status: 'ahead', atSec: null }
    const atSec = entered.get(station) ?? (station === 'open' ? startSec : null)
    return { phase: station, status: index === present ? 'current' : 'done', atSec }
  })
}
