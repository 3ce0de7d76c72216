/**
 * Epochs whose usage goes into one bundle: the one that is settled, and the emptied ones between it and the last one with
 * a bundle. Both ends are included; almost always they are the same.
 */
export interface OwedEpochs {
  readonly from: number
  /** The one that is settled. */
  readonly to: number
}

/** Ascending. */
export function numbersOf({ from, to }: OwedEpochs): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}
