/** From quotes to a certificate, with every member and aggregator a process of its own on loopback. */
import type { RoundTiming } from '../../protocol/round/timing.ts'
import { percentile } from '../percentile.ts'
import { type BenchOptions, type Figure, figure } from '../result.ts'
import { arithmeticFloor } from './floor.ts'
import { runNetwork } from './run-network.ts'
import { latencies, type Summary, stageMedians, summarise } from './stages.ts'

interface Setting {
  readonly timing: RoundTiming
  readonly rounds: number
}

const clocks = { skewMs: 200 }

/**
 * Rounds follow one another as quickly as two cores carry them with room to spare: the processes share them, where a
 * real network has a machine a member.
 */
const SETTINGS: ReadonlyMap<number, Setting> = new Map([
  [
    4,
    {
      rounds: 200,
      timing: { ...clocks, roundMs: 500, collectMs: 200, backupMs: 150, inclusionMarginMs: 100 },
    },
  ],
  [
    7,
    {
      rounds: 100,
      timing: { ...clocks, roundMs: 700, collectMs: 300, backupMs: 200, inclusionMarginMs: 150 },
    },
  ],
  [
    13,
    {
      rounds: 100,
      timing: { ...clocks, roundMs: 1_000, collectMs: 450, backupMs: 300, inclusionMarginMs: 250 },
    },
  ],
  [
    21,
    {
      rounds: 100,
      timing: { ...clocks, roundMs: 1_400, collectMs: 700, backupMs: 400, inclusionMarginMs: 400 },
    },
  ],
])

const FALLBACK_ROUND_MS_PER_MEMBER = 75

function settingOf(n: number): Setting {
  const known = SETTINGS.get(n)
  if (known !== undefined) return known
  const roundMs = Math.ceil((n * FALLBACK_ROUND_MS_PER_MEMBER) / 100) * 100 + 400
  const timing = {
    ...clocks,
    roundMs,
    collectMs: roundMs / 2,
    backupMs: roundMs / 4,
    inclusionMarginMs: roundMs / 4,
  }
  return { rounds: 50, timing }
}

export async function run(options: BenchOptions): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  for (const n of options.sizes ?? SETTINGS.keys()) {
    const setting = settingOf(n)
    const rounds = options.rounds ?? setting.rounds
    const { timing } = setting
    options.say(`n = ${n}: ${rounds} rounds of ${timing.roundMs} ms`)
    const { profileDirectory } = options
    const { reports, firstRound } = await runNetwork({ n, timing, rounds, profileDirectory })
    const summary = summarise(reports, { n, firstRound, rounds, roundMs: timing.roundMs })
    sayStages(summary, options.say)
    figures.push(...figuresOf(n, timing.roundMs, rounds, summary))
  }
  return figures
}

function sayStages(summary: Summary, say: (line: string) => void): void {
  const stages = stageMedians(summary.certified)
  const parts = Object.entries(stages).map(([name, ms]) => `${name.replace(/Ms$/, '')} ${ms.toFixed(1)}`)
  say(`  median ms: ${parts.join(', ')}; one answer ${summary.answerMs.toFixed(1)}`)
  say(`  outcomes: ${JSON.stringify(summary.outcomes)}`)
  say(
    `  cpu ms a round: member ${summary.memberCpuMsPerRound.toFixed(1)}, aggregator ${summary.aggregatorCpuMsPerRound.toFixed(1)}; rounds repeated ${summary.repeated}, lost ${summary.lost}`,
  )
}

function figuresOf(n: number, roundMs: number, rounds: number, summary: Summary): Figure[] {
  const { certified } = summary
  const fromStart = latencies(summary, roundMs)
  const fromQuote = certified.map(({ fromQuoteMs }) => fromQuoteMs)
  const quotesIn = certified.map(({ stages }) => stages.quotedMs + stages.gossipMs)
  const gossip = (share: number) => ({
    value: percentile(quotesIn, share),
    name: 'floor: the quotes it is made of are at the aggregator, same run',
  })
  const perSecond = (certified.length * 1_000) / (rounds * roundMs)
  const everyRound = { value: 1_000 / roundMs, name: 'floor: a certificate every round' }
  const arithmetic = { value: arithmeticFloor(n), name: 'floor: the signatures alone, same run' }
  return [
    figure(`n${n}_p50_ms`, percentile(fromStart, 0.5), 'ms', gossip(0.5)),
    figure(`n${n}_p99_ms`, percentile(fromStart, 0.99), 'ms', gossip(0.99)),
    figure(`n${n}_from_quote_p50_ms`, percentile(fromQuote, 0.5), 'ms'),
    figure(`n${n}_from_quote_p99_ms`, percentile(fromQuote, 0.99), 'ms'),
    figure(`n${n}_certificates_per_s`, perSecond, '1/s', everyRound),
    figure(`n${n}_bytes_per_round`, summary.bytesPerRound, 'bytes'),
    figure(`n${n}_messages_per_round`, summary.writesPerRound, 'socket writes'),
    figure(`n${n}_cpu_ms_per_round`, summary.cpuMsPerRound, 'cpu ms', arithmetic),
  ]
}
