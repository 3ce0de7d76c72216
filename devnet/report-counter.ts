/** Rounds older than this, behind the newest, are counted and forgotten: no list an aggregator gives reaches back so far. */
const REMEMBERED_ROUNDS = 2_000

/** Counts certified reports by round, however often and by whichever aggregator they are told. */
export class ReportCounter {
  readonly #recent = new Set<number>()
  #forgottenUpTo = -1
  #count = 0

  get count(): number {
    return this.#count
  }

  add(round: number): void {
    if (round <= this.#forgottenUpTo || this.#recent.has(round)) return
    this.#recent.add(round)
    this.#count += 1
    if (this.#recent.size > REMEMBERED_ROUNDS) {
      const oldest = Math.min(...this.#recent)
      this.#recent.delete(oldest)
      this.#forgottenUpTo = oldest
    }
  }
}
