/** One page that needs nothing but itself: the plot library, the style and the figures are in it. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { formatDecimal } from '../../protocol/units.ts'
import { percent, YEAR_HEAD, yearCells } from './output-table.ts'
import type { RunOptions, Simulation } from './run.ts'
import type { Scenario } from './scenario.ts'
import type { NamedScenario } from './scenario-file.ts'
import { FLOWS, type Flow, type Period, type Standing } from './series.ts'

const STANDINGS = [
  'supply',
  'reserve',
  'escrowIo',
  'iosdSupply',
  'hiresWaiting',
  'paidWithoutFee',
  'price',
] as const satisfies readonly (keyof Standing)[]

/** Decimals that are drawn: a pixel is worth more. */
const DRAWN_DECIMALS = 4

interface PageData {
  readonly name: string
  readonly about: string
  readonly facts: readonly (readonly [string, string])[]
  readonly maximum: string
  readonly days: readonly number[]
  readonly gpus: readonly string[]
  readonly series: Readonly<Record<string, readonly string[]>>
  readonly spans: readonly { readonly kind: string; readonly from: number; readonly to: number }[]
  readonly yearHead: readonly string[]
  readonly years: readonly (readonly string[])[]
}

export function pageOf(named: NamedScenario, options: RunOptions, simulation: Simulation): string {
  const data = dataOf(named, options, simulation)
  // Inside a script element: no text of a scenario file may end it.
  const json = JSON.stringify(data).replaceAll('<', '\\u003c')
  const parts: Readonly<Record<string, string>> = {
    UPLOT_STYLE: plotLibrary('uPlot.min.css'),
    UPLOT: plotLibrary('uPlot.iife.min.js'),
    STYLE: ours('page.css'),
    DATA: json,
    CHARTS: ours('charts.js'),
  }
  // One pass: nothing that was put in is looked at again.
  return ours('page.html').replace(
    /\/\* (UPLOT_STYLE|UPLOT|STYLE|CHARTS) \*\/|"(DATA)"/g,
    (_, name, data) => {
      return parts[name ?? data] ?? ''
    },
  )
}

function dataOf({ name, scenario }: NamedScenario, options: RunOptions, simulation: Simulation): PageData {
  const { periods, terms } = simulation
  const flow = (key: Flow) => perDay(periods, ({ flows }) => flows[key])
  const standing = (key: (typeof STANDINGS)[number]) =>
    periods.map(period => drawn(period.standing[key], key === 'price' ? 18 : DRAWN_DECIMALS))
  return {
    name,
    about: scenario.about,
    facts: factsOf(options, simulation),
    maximum: drawn(terms.maxSupply, 0),
    days: periods.map(({ endSec }) => endSec / 86_400),
    gpus: periods.map(period => String(period.standing.gpus)),
    series: Object.fromEntries([
      ...FLOWS.map(key => [key, flow(key)]),
      ...STANDINGS.map(key => [key, standing(key)]),
      ['scheduledSoFar', soFar(periods, terms.genesis)],
    ]),
    spans: spansOf(scenario),
    yearHead: YEAR_HEAD,
    years: simulation.years.map(yearCells),
  }
}

function factsOf({ seed, epochLengthSec }: RunOptions, simulation: Simulation): [string, string][] {
  const { worstPaid } = simulation
  return [
    ['epochs', `${simulation.epochs} of ${epochLengthSec} s`],
    ['seed', String(seed)],
    ['epochs without a price', String(simulation.epochsWithoutPrice)],
    ['epochs settled late, with the same result', String(simulation.epochsSettledLate)],
    ['least paid of IOSD hires in an epoch', worstPaid === undefined ? '–' : percent(worstPaid)],
    ['state', simulation.digest.slice(0, 18)],
  ]
}

function spansOf({ oracleHalts, settlementOutages }: Scenario): PageData['spans'] {
  const named = (kind: string, spans: Scenario['oracleHalts']) =>
    spans.map(({ fromDay, days }) => ({ kind, from: fromDay, to: fromDay + days }))
  return [...named('no price', oracleHalts), ...named('nothing settled', settlementOutages)]
}

function perDay(periods: readonly Period[], pick: (period: Period) => bigint): string[] {
  let before = 0
  return periods.map(period => {
    const days = BigInt(period.endSec - before)
    before = period.endSec
    return drawn((pick(period) * 86_400n) / days, DRAWN_DECIMALS)
  })
}

function soFar(periods: readonly Period[], genesis: bigint): string[] {
  let sum = genesis
  return periods.map(({ flows }) => {
    sum += flows.scheduled
    return drawn(sum, DRAWN_DECIMALS)
  })
}

function drawn(value: bigint, decimals: number): string {
  const [units = '0', fraction = ''] = formatDecimal(value).split('.')
  const kept = fraction.slice(0, decimals).replace(/0+$/, '')
  return kept === '' ? units : `${units}.${kept}`
}

function ours(file: string): string {
  return readFileSync(new URL(`./page/${file}`, import.meta.url), 'utf8')
}

function plotLibrary(file: string): string {
  const manifest = createRequire(import.meta.url).resolve('uplot/package.json')
  return readFileSync(join(dirname(manifest), 'dist', file), 'utf8')
}
