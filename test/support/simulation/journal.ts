/** Everything that happened, in order: hashed as it comes, and kept, for what was lost is found out at the end. */
import { createHash } from 'node:crypto'
import { hexOf } from '../../../protocol/bytes.ts'

export interface JournalLine {
  readonly timeMs: number
  /** 0 for what belongs to no round. */
  readonly round: number
  readonly text: string
}

/** Of what belongs to no round, this much after a round's start is told with it. */
const TOLD_MS = 2_100

export class Journal {
  readonly #hash = createHash('sha256')
  readonly #lines: JournalLine[] = []
  #count = 0

  get count(): number {
    return this.#count
  }

  write(timeMs: number, round: number, text: string): void {
    this.#hash.update(`${timeMs} ${round} ${text}\n`)
    this.#count += 1
    this.#lines.push({ timeMs, round, text })
  }

  /** The lines of a round, and those of no round in between. */
  linesOf(round: number): readonly JournalLine[] {
    const [firstMs, lastMs] = [round * 100 - 200, round * 100 + TOLD_MS]
    return this.#lines.filter(
      line => line.round === round || (line.round === 0 && line.timeMs >= firstMs && line.timeMs <= lastMs),
    )
  }

  digest(): string {
    return this.#hash.copy().digest('hex')
  }
}

/** Bytes short enough to read and long enough to tell apart. */
export function brief(bytes: Uint8Array): string {
  return hexOf(createHash('sha256').update(bytes).digest()).slice(2, 12)
}
