/** Records the venues of a plan, without keys: the sources of a node, its rounds, and a file. */
import { nextRound, roundAt, roundStartMs } from '../../protocol/rounds.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { type Service, serviceGroup } from '../../runtime/service.ts'
import type { Exchange } from '../sources/exchange.ts'
import { silentSourceMetrics } from '../sources/metrics.ts'
import { createSources, type Sources } from '../sources/service.ts'
import { decodeRecordHeader, encodeRecordHeader } from './header.ts'
import { quoteLine } from './quote-line.ts'
import type { RecordHeader } from './record.ts'
import type { RecordFile } from './record-file.ts'
import { type RecordCounts, RecordWriter } from './writer.ts'

export interface RecorderDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly createExchange: (venue: string) => Exchange
  readonly random: () => number
  readonly open: () => Promise<RecordFile>
  /** Told when the file cannot be written further. */
  readonly fail: (error: Error) => void
  /** What replaying the file will print. */
  readonly quote: (line: string) => void
}

export interface Recorder extends Service {
  readonly counts: RecordCounts
}

const STOP_DEADLINE_MS = 5_000

/** @throws {Error} for a plan that no network file can have: nobody could replay it */
export function createRecorder(given: RecordHeader, deps: RecorderDeps): Recorder {
  // As a reader will see it, which refuses a plan that would come back as another: the file must not promise quotes
  // that it does not give.
  const header = decodeRecordHeader(encodeRecordHeader(given))
  if (header === undefined) throw new TypeError('a recording of a format that is not known here')
  const { clock, logger } = deps
  const writer = new RecordWriter({ header }, deps)
  const sources = createSources({ plan: header.plan }, { ...deps, metrics: silentSourceMetrics, tap: writer })
  const rounds = eachRound(header.roundMs, clock, (round, nowMs) => {
    deps.quote(quoteOf(round, nowMs, sources, writer))
  })
  const group = serviceGroup('recorder', [writer, sources, rounds], {
    logger,
    stopDeadlineMs: STOP_DEADLINE_MS,
  })
  return {
    name: group.name,
    start: signal => group.start(signal),
    stop: () => group.stop(),
    get counts() {
      return writer.counts
    },
  }
}

function quoteOf(round: number, nowMs: number, sources: Sources, writer: RecordWriter): string {
  writer.observed(round, nowMs)
  return quoteLine(round, nowMs, sources.observe(nowMs))
}

/** Calls `make` at the start of each round, as nodes make their quotes then; a round that is missed is left out. */
function eachRound(roundMs: number, clock: Clock, make: (round: number, nowMs: number) => void): Service {
  const abort = new AbortController()
  let running: Promise<void> | undefined
  const run = async (signal: AbortSignal): Promise<void> => {
    let made: number | undefined
    while (!signal.aborted) {
      const next = nextRound(roundAt(clock.now(), roundMs), roundMs)
      // After a timer that fired early, the round that was made is still to come.
      const round = next === made ? nextRound(next, roundMs) : next
      await clock.sleep(roundStartMs(round) - clock.now(), signal).catch(() => {})
      if (signal.aborted) return
      // A timer may fire a millisecond early, and a busy process late.
      const nowMs = Math.max(clock.now(), roundStartMs(round))
      made = round
      if (roundAt(nowMs, roundMs) === round) make(round, nowMs)
    }
  }
  return {
    name: 'rounds',
    start: async () => {
      running = run(abort.signal)
    },
    stop: async () => {
      abort.abort()
      await running
    },
  }
}
