/** Plays a recording: the pipeline of the node, on the times that were written down. */

import { TickerError } from '../sources/parse-ticker.ts'
import { createPipeline } from '../sources/pipeline.ts'
import { quoteLine } from './quote-line.ts'
import type { Recording } from './reader.ts'

export interface ReplayCounts {
  tickers: number
  quotes: number
  /** Of the tickers, those that could not be read when they came either. */
  unreadable: number
  /** Entries that the writer left out. After the first, quotes may differ from those that were made then. */
  missing: number
  /** Time between the first and the last entry, ms. */
  spanMs: number
  /** The latest time of an entry, Unix ms; undefined before the first. */
  untilMs: number | undefined
}

/** A line with all that can be dropped in it is 300,000: a block of those would not fit into memory. */
const MAX_HELD_CHARS = 256 * 1024

/**
 * The lines that were printed when it was recorded, a block's or {@link MAX_HELD_CHARS} at a time. No clock, no timer, no
 * socket: time is what the entries say.
 *
 * @param counts is kept up to date
 */
export async function* replayLines(
  { header, blocks }: Pick<Recording, 'header' | 'blocks'>,
  counts: ReplayCounts,
): AsyncGenerator<readonly string[]> {
  const pipeline = createPipeline(header.plan)
  let firstMs: number | undefined
  for await (const entries of blocks()) {
    let lines: string[] = []
    let heldChars = 0
    for (const entry of entries) {
      if (entry.kind === 'gap') {
        counts.missing += entry.missing
        continue
      }
      const atMs = entry.kind === 'observe' ? entry.nowMs : entry.tapped.ticker.receivedAtMs
      firstMs ??= atMs
      counts.spanMs = Math.max(counts.spanMs, atMs - firstMs)
      counts.untilMs = Math.max(counts.untilMs ?? atMs, atMs)
      if (entry.kind === 'observe') {
        const line = quoteLine(entry.round, entry.nowMs, pipeline.observe(entry.nowMs))
        lines.push(line)
        heldChars += line.length
        counts.quotes += 1
        if (heldChars < MAX_HELD_CHARS) continue
        yield lines
        lines = []
        heldChars = 0
        continue
      }
      counts.tickers += 1
      try {
        pipeline.accept(entry.tapped)
      } catch (error) {
        if (!(error instanceof TickerError)) throw error
        counts.unreadable += 1
      }
    }
    yield lines
  }
}

export function noCounts(): ReplayCounts {
  return { tickers: 0, quotes: 0, unreadable: 0, missing: 0, spanMs: 0, untilMs: undefined }
}
