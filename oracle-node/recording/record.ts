/** What a recording holds. */
import type { SourcePlan } from '../../protocol/sources/types.ts'
import type { TappedTicker } from '../sources/pipeline.ts'

/** Said once, at the start of the file. */
export interface RecordHeader {
  /** Version of the program that wrote it. */
  readonly build: string
  readonly startedAtMs: number
  readonly roundMs: number
  /** Whole, so that the file alone is enough to come to the same quotes. */
  readonly plan: SourcePlan
}

/** One thing that happened, in the order in which the pipeline saw it. */
export type RecordEntry =
  /** A venue's answer, before anything of it was parsed. */
  | { readonly kind: 'ticker'; readonly tapped: TappedTicker }
  /** A quote was made, with ages taken against `nowMs`. */
  | { readonly kind: 'observe'; readonly round: number; readonly nowMs: number }
  /** The disk was too slow: so many entries are missing here. */
  | { readonly kind: 'gap'; readonly missing: number }

/** Said once, at the end of a recording that was ended in order. */
export interface RecordEnd {
  /** Tickers and quotes in the file. */
  readonly entries: number
  /** As the gaps say together. */
  readonly missing: number
  /** SHA-256 of all bytes before, in hexadecimal. */
  readonly sha256: string
}

export type RecordingErrorCode = 'NOT_A_RECORDING' | 'UNKNOWN_RECORDING_FORMAT' | 'DAMAGED_RECORDING'

/** A recording cannot be read, or not further than the byte that is named. A torn end is no error. */
export class RecordingError extends Error {
  readonly code: RecordingErrorCode
  /** Where the block begins that is wrong. */
  readonly atByte: number
  constructor(code: RecordingErrorCode, atByte: number, what: string, cause?: unknown) {
    super(`${what} (at byte ${atByte})`, cause === undefined ? undefined : { cause })
    this.name = 'RecordingError'
    this.code = code
    this.atByte = atByte
  }
}
