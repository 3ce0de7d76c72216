import type { SourceOutcome } from '../../protocol/sources/types.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'

/** Reasons can change every round, when venues flicker: what they change to meanwhile is counted, not told. */
export const SAY_AGAIN_MS = 10_000

/**
 * One line when prices stop, one when they are back: not one a round, and not more than one in {@link SAY_AGAIN_MS}.
 * Starting without prices is not news.
 */
export function abstentionLog(deps: {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly logger: Logger
}): (outcome: SourceOutcome) => void {
  const { clock, logger } = deps
  let before: string | undefined
  let said: string | undefined
  let quietUntilMs = 0
  /** Since the last line. */
  let changes = 0
  return outcome => {
    const isFirst = before === undefined
    const now = outcome.kind === 'abstain' ? `${outcome.reason} ${outcome.pair}` : 'priced'
    if (now !== before) changes += 1
    before = now
    if (isFirst && outcome.kind === 'abstain') {
      said = now
      changes = 0
    }
    if (now === said || clock.monotonic() < quietUntilMs) return
    if (outcome.kind === 'price') {
      logger.info('the venues give a price', { effectiveSources: outcome.effectiveSources, changes })
    } else {
      logger.warn('the venues give no price; this node abstains', {
        reason: outcome.reason,
        pair: outcome.pair,
        sources: outcome.legs.map(leg => `${leg.pair} ${leg.effectiveSources}`),
        dropped: outcome.legs.flatMap(leg =>
          leg.dropped.map(({ input, reason }) => `${input.venue} ${leg.pair} ${reason}`),
        ),
        changes,
      })
    }
    said = now
    changes = 0
    quietUntilMs = clock.monotonic() + SAY_AGAIN_MS
  }
}
