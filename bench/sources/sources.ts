/** How fast venues become a price: aggregation by number of venues, and a recorded hour played again. */
import { join } from 'node:path'
import { temporaryDirectory } from '../../test/support/network/temporary-directory.ts'
import { writeSyntheticRecording } from '../../test/support/recording/synthetic-hour.ts'
import { type BenchOptions, type Figure, figure } from '../result.ts'
import { type AggregationRates, measureAggregation } from './aggregation.ts'
import { measureReplay, type ReplayRates } from './replay.ts'

const SIZES = [10, 31, 100, 1_000]
/** Of 14 venues at ten updates a second. */
const HOUR_SEC = 3_600
const UPDATES_PER_SEC = 10
const MAX_REPLAY_SEC = 30

/** Limits, at the sizes they are for. */
const MIN_RATE_AT_10 = 20_000
const MAX_RATIO = 300
const TARGET = 'target of this benchmark'

export async function run(options: BenchOptions): Promise<readonly Figure[]> {
  const { say } = options
  const sizes = options.sizes ?? SIZES
  const rates = sizes.map(size => {
    const measured = measureAggregation(size)
    say(
      `${size} venues: ${perSecond(measured.perSec)}, with sourcesRoot ${perSecond(measured.withRootPerSec)}; ` +
        `in floats ${perSecond(measured.naivePerSec)}`,
    )
    return measured
  })
  const replay = await measureHour(options)
  for (const line of limitLines(rates, replay)) say(line)
  return [...rates.flatMap(aggregationFigures), ...ratioFigures(rates), ...replayFigures(replay)]
}

async function measureHour({ say, rounds }: BenchOptions): Promise<ReplayRates> {
  const directory = temporaryDirectory()
  try {
    const path = join(directory.path, 'hour.rec')
    const seconds = rounds ?? HOUR_SEC
    const { entries, bytes } = await writeSyntheticRecording({
      path,
      seconds,
      updatesPerSec: UPDATES_PER_SEC,
    })
    say(`a recording of ${seconds} s: ${entries} entries in ${(bytes / 1e6).toFixed(1)} MB`)
    const replay = await measureReplay(path)
    say(`replayed in ${replay.elapsedSec.toFixed(1)} s, with at most ${replay.peakRssMb} MB`)
    return replay
  } finally {
    directory.remove()
  }
}

function aggregationFigures({ size, perSec, withRootPerSec, naivePerSec }: AggregationRates): Figure[] {
  const naive = { value: naivePerSec, name: 'median and mean in floats, nothing checked' }
  return [
    figure(`aggregations_per_s_${size}`, perSec, 'per s', naive),
    figure(`aggregations_with_root_per_s_${size}`, withRootPerSec, 'per s', {
      value: perSec,
      name: 'without sourcesRoot',
    }),
  ]
}

function ratioOf(rates: readonly AggregationRates[]): number | undefined {
  const [few, many] = [10, 1_000].map(size => rates.find(rate => rate.size === size)?.perSec)
  return few === undefined || many === undefined ? undefined : few / many
}

function ratioFigures(rates: readonly AggregationRates[]): Figure[] {
  const ratio = ratioOf(rates)
  if (ratio === undefined) return []
  return [figure('aggregations_ratio', ratio, 'times', { value: MAX_RATIO, name: `${TARGET}, at most` })]
}

function replayFigures({ spanSec, elapsedSec, tickers, peakRssMb }: ReplayRates): Figure[] {
  return [
    figure('replay_speedup', spanSec / elapsedSec, 'times', {
      value: HOUR_SEC / MAX_REPLAY_SEC,
      name: `${TARGET}, at least`,
    }),
    figure('replay_tickers_per_s', tickers / elapsedSec, 'per s'),
    figure('replay_peak_rss_mb', peakRssMb, 'MB'),
  ]
}

function limitLines(rates: readonly AggregationRates[], replay: ReplayRates): string[] {
  const atTen = rates.find(({ size }) => size === 10)?.perSec
  const ratio = ratioOf(rates)
  const speedup = replay.spanSec / replay.elapsedSec
  return [
    ...(atTen === undefined
      ? []
      : [
          `at 10 venues ${perSecond(atTen)} (at least ${MIN_RATE_AT_10}): ${verdict(atTen >= MIN_RATE_AT_10)}`,
        ]),
    ...(ratio === undefined
      ? []
      : [
          `10 to 1,000 venues ${ratio.toFixed(0)} times slower (at most ${MAX_RATIO}): ${verdict(ratio <= MAX_RATIO)}`,
        ]),
    `replay ${speedup.toFixed(0)} times as fast as it was recorded (at least ${HOUR_SEC / MAX_REPLAY_SEC}): ` +
      verdict(speedup >= HOUR_SEC / MAX_REPLAY_SEC),
  ]
}

function verdict(holds: boolean): string {
  return holds ? 'holds' : 'DOES NOT HOLD'
}

function perSecond(rate: number): string {
  return `${Math.round(rate).toLocaleString('en')} a second`
}
