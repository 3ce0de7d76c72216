/**
 * Exactly once by (worker, sequence): a high-water mark, and the ranges below it that have not come yet.
 *
 * A unique index over records would do the same at a sixteenth of the speed. Batches may overtake one another, so
 * gaps are allowed, but few and not wide: a worker cannot make anyone remember more than a page.
 */

/** Numbers from `from` to `to`, both included. */
export interface SequenceRange {
  readonly from: number
  readonly to: number
}

export interface SequenceState {
  /** The first number above everything taken. Numbers start at 1. */
  readonly next: number
  /** What is missing below `next`: ascending, apart from one another. */
  readonly gaps: readonly SequenceRange[]
}

/** More batches overtaking one another than any outbox has in flight. */
export const MAX_GAPS = 64
/** A batch further ahead than this is a mistake: 64 full batches. */
export const MAX_SEQUENCE_JUMP = 65_536

export const SEQUENCE_REFUSALS = ['ALREADY_TAKEN', 'OVERLAPS', 'TOO_FAR_AHEAD', 'TOO_MANY_GAPS'] as const
/**
 * ALREADY_TAKEN: every number has been taken, so a repeated batch may be answered with its first receipt.
 * OVERLAPS: some have, some have not.
 */
export type SequenceRefusal = (typeof SEQUENCE_REFUSALS)[number]

export type SequenceDecision =
  | { readonly taken: SequenceState }
  | { readonly refused: SequenceRefusal; readonly at: number }

export const FIRST_SEQUENCE: SequenceState = { next: 1, gaps: [] }

/**
 * Takes numbers `from` to `to`, all or none.
 *
 * @param maxGaps above the usual only where ranges that have been taken are taken again in another order: on the
 *   way there may then be more gaps than there ever were; see {@link isSequenceState} for the end
 */
export function takeSequence(
  state: SequenceState,
  { from, to }: SequenceRange,
  maxGaps: number = MAX_GAPS,
): SequenceDecision {
  if (from >= state.next) return takeAhead(state, from, to, maxGaps)
  const index = state.gaps.findIndex(gap => gap.from <= from && to <= gap.to)
  const gap = state.gaps[index]
  if (gap === undefined) return { refused: isTaken(state, from, to) ? 'ALREADY_TAKEN' : 'OVERLAPS', at: from }

  const left = { from: gap.from, to: from - 1 }
  const right = { from: to + 1, to: gap.to }
  const rest = [left, right].filter(range => range.from <= range.to)
  if (state.gaps.length - 1 + rest.length > maxGaps) return { refused: 'TOO_MANY_GAPS', at: from }
  return { taken: { next: state.next, gaps: state.gaps.toSpliced(index, 1, ...rest) } }
}

function takeAhead(state: SequenceState, from: number, to: number, maxGaps: number): SequenceDecision {
  if (from === state.next) return { taken: { next: to + 1, gaps: state.gaps } }
  if (from - state.next > MAX_SEQUENCE_JUMP) return { refused: 'TOO_FAR_AHEAD', at: from }
  if (state.gaps.length >= maxGaps) return { refused: 'TOO_MANY_GAPS', at: from }
  return { taken: { next: to + 1, gaps: [...state.gaps, { from: state.next, to: from - 1 }] } }
}

function isTaken(state: SequenceState, from: number, to: number): boolean {
  return to < state.next && state.gaps.every(gap => to < gap.from || gap.to < from)
}

/** Whether a state read from outside is one that {@link takeSequence} can have made. */
export function isSequenceState({ next, gaps }: SequenceState): boolean {
  if (next < 1 || gaps.length > MAX_GAPS) return false
  let free = 1
  for (const gap of gaps) {
    if (gap.from < free || gap.to < gap.from) return false
    free = gap.to + 2
  }
  return free <= next
}
