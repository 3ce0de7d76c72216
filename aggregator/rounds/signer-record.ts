/** Long enough that a member that is down costs little, short enough that one that is back is soon asked again. */
const REMEMBERED_MS = 30_000

/** Which members failed lately: without a memory a silent one would cost half a round whenever its turn comes. */
export class SignerRecord {
  /** At most one entry a slot. */
  readonly #failedAt = new Map<number, number>()

  failed(slot: number, nowMs: number): void {
    this.#failedAt.set(slot, nowMs)
  }

  failedLately(slot: number, nowMs: number): boolean {
    const at = this.#failedAt.get(slot)
    return at !== undefined && nowMs - at < REMEMBERED_MS
  }
}
