/**
 * From what venues said to a price: no venue, timer or socket. Supervisors feed it, and so does whoever plays a
 * recording again, so both come to the same quotes.
 */
import type { Hex } from 'viem'
import { aggregateSources } from '../../protocol/sources/aggregate.ts'
import { sourcesRoot } from '../../protocol/sources/commitment.ts'
import type { SourceTrace } from '../../protocol/sources/trace.ts'
import type { SourceOutcome, SourcePlan } from '../../protocol/sources/types.ts'
import { type Posted, SourceBoard, type Transport } from './board.ts'
import type { RawTicker } from './exchange.ts'
import { parseTicker } from './parse-ticker.ts'

/** One answer of a venue as it came through the adapter, before anything is parsed. */
export interface TappedTicker {
  readonly venue: string
  readonly pair: string
  readonly transport: Transport
  /** When it was asked for, Unix ms; null for what was pushed. */
  readonly requestedAtMs: number | null
  readonly ticker: RawTicker
}

/** Sees everything that reaches the pipeline, in order. Must neither throw nor wait. */
export interface Tap {
  ticker(entry: TappedTicker): void
}

/** A price from the venues at one moment, and what somebody else needs to make it again. */
export interface Observation {
  readonly outcome: SourceOutcome
  /** `sourcesRoot` of the quote. */
  readonly root: Hex
  readonly trace: SourceTrace
}

export interface SourcePipeline {
  /**
   * @returns whether the value is the newest now: an answer is not, when something was pushed after it was asked for
   * @throws {TickerError} naming the field that cannot be read
   */
  accept(entry: TappedTicker): boolean
  /** Aggregates what is known now. */
  observe(nowMs: number): Observation
  /** The same without what a quote takes besides. */
  outcome(nowMs: number): SourceOutcome
  latest(venue: string, pair: string): Posted | undefined
}

export function createPipeline(plan: SourcePlan): SourcePipeline {
  const board = new SourceBoard(plan)
  return {
    accept: ({ venue, pair, requestedAtMs, ticker }) => {
      const parsed = parseTicker(venue, pair, ticker)
      return requestedAtMs === null ? board.push(parsed) : board.answer(parsed, requestedAtMs)
    },
    observe: nowMs => {
      const values = board.snapshot()
      const outcome = aggregateSources(values, plan, nowMs)
      return { outcome, root: sourcesRoot(outcome), trace: { feed: plan.feed, nowMs, values } }
    },
    outcome: nowMs => aggregateSources(board.snapshot(), plan, nowMs),
    latest: (venue, pair) => board.latest(venue, pair),
  }
}
