/**
 * How much of what an answer may take members have used in one attempt. Nobody is too late by any one answer, but time
 * runs out by somebody's.
 */
export class Lateness {
  readonly #used = new Map<number, { usedMs: number; limitMs: number }>()

  /** @param limitMs what an honest member needs next to nothing of */
  note(slot: number, usedMs: number, limitMs: number): void {
    const { usedMs: used, limitMs: limit } = this.#used.get(slot) ?? { usedMs: 0, limitMs: 0 }
    this.#used.set(slot, { usedMs: used + Math.max(0, usedMs), limitMs: limit + limitMs })
  }

  /** Slots that used more than a quarter of their limits: see waits.ts. */
  late(): number[] {
    return [...this.#used].flatMap(([slot, { usedMs, limitMs }]) => (usedMs > limitMs / 4 ? [slot] : []))
  }
}
