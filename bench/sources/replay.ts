/** Plays a recording in this process, as `ionet replay` does, and prints nothing. */
import { readRecording } from '../../oracle-node/recording/reader.ts'
import { noCounts, replayLines } from '../../oracle-node/recording/replay.ts'

export interface ReplayRates {
  /** Time that was recorded. */
  readonly spanSec: number
  readonly elapsedSec: number
  readonly tickers: number
  /** Of the process, the making of the recording included. */
  readonly peakRssMb: number
}

export async function measureReplay(path: string): Promise<ReplayRates> {
  const startedAt = performance.now()
  const recording = await readRecording(path)
  const counts = noCounts()
  let characters = 0
  try {
    for await (const lines of replayLines(recording, counts)) {
      for (const line of lines) characters += line.length
    }
  } finally {
    await recording.close()
  }
  if (characters === 0) throw new Error('the recording has no quotes')
  return {
    spanSec: counts.spanMs / 1_000,
    elapsedSec: (performance.now() - startedAt) / 1_000,
    tickers: counts.tickers,
    peakRssMb: Math.round(process.resourceUsage().maxRSS / 1_024),
  }
}
