/**
 * Who takes part in the next attempt at a key.
 *
 * One member that says nothing, or something false, makes an attempt fail, and from outside it may look like any
 * other: it can refuse as an honest one does that waits for it. So after a failure some are left out, as many as a
 * quorum can spare, every set of them in turn; sooner or later the set is that of the faulty ones, and the n − f
 * honest members are left. Whom the caller itself saw fail are tried first, but only every second time: they may be
 * the wrong ones.
 */
import { MAX_MEMBERS } from '../../protocol/quorum.ts'

export interface Selection {
  /** Positions among the present members of those whose turn it is to be left out; none at first. Ascending. */
  readonly turn: readonly number[]
  /** Slots that were seen to fail of late; at most as many as there are members. */
  readonly suspects: readonly number[]
  /** Whether the suspects are left out now, and not those whose turn it is. */
  readonly bySuspicion: boolean
}

/** Where it begins: everybody takes part. */
export const EVERYBODY: Selection = { turn: [], suspects: [], bySuspicion: false }

/**
 * The participants of the next attempt, never fewer than a quorum.
 *
 * @param present slots that can take part, at least `quorum` of them, ascending
 */
export function participantsOf(selection: Selection, present: readonly number[], quorum: number): number[] {
  const { bySuspicion, suspects, turn } = selection
  const chosen = present.filter((slot, position) =>
    bySuspicion ? !suspects.includes(slot) : !turn.includes(position),
  )
  return chosen.length < quorum ? [...present] : chosen
}

/**
 * What follows from an attempt that failed.
 *
 * @param seen slots that failed before the caller's own eyes: no answer, a false one, no signature
 */
export function afterFailure(
  selection: Selection,
  seen: readonly number[],
  present: readonly number[],
  quorum: number,
): Selection {
  const spare = present.length - quorum
  // Leaving them out did not help: without anything new against them, others are to blame.
  const before = selection.bySuspicion && seen.length === 0 ? [] : selection.suspects
  const all = present.filter(slot => before.includes(slot) || seen.includes(slot))
  const fresh = present.filter(slot => seen.includes(slot))
  const suspects = [all, fresh].find(slots => slots.length <= spare) ?? []
  if (suspects.length > 0 && !selection.bySuspicion) return { ...selection, suspects, bySuspicion: true }
  return { turn: nextTurn(selection.turn, present.length, spare), suspects, bySuspicion: false }
}

/** The next set of positions: all sets of one, then all of two, up to `spare`; after the last one nobody again. */
function nextTurn(turn: readonly number[], present: number, spare: number): readonly number[] {
  for (let place = turn.length - 1; place >= 0; place--) {
    const position = turn[place] ?? MAX_MEMBERS
    const last = present - turn.length + place
    if (position < last) {
      return turn.map((kept, index) => (index < place ? kept : position + 1 + index - place))
    }
  }
  const size = turn.length + 1
  return size > spare ? [] : Array.from({ length: size }, (_, position) => position)
}
