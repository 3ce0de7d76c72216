import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import { chartData } from '../model/chart-data.ts'
import { shownTime } from '../model/format.ts'
import type { Oracle } from '../model/page-config.ts'
import type { Report } from '../model/report.ts'
import { NODE_COLOURS, nodeColour } from './node-colour.ts'

interface Props {
  reports: readonly Report[]
  oracles: readonly Oracle[]
  roundMs: number
  /** Right edge, Unix seconds. */
  untilSec: number
  windowSec: number
  /** Round under the pointer, or null. */
  pointAt(round: number | null): void
}

/** Room above and below, as part of the range, and the least range, as part of the price: a still market is a line. */
const PADDING = 0.08
const LEAST_RANGE = 0.0006

/** uPlot in a Preact skin: made once per theme and set of nodes, then only given data. */
export function PriceChart({ reports, oracles, roundMs, untilSec, windowSec, pointAt }: Props) {
  const holder = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const theme = useTheme()
  const edges = useRef({ untilSec, windowSec })
  edges.current = { untilSec, windowSec }

  const data = useMemo((): uPlot.AlignedData => {
    const slots = oracles.map(oracle => oracle.slot)
    const fromMs = (untilSec - windowSec) * 1000
    const { times, price, low, high, quotes } = chartData(reports, slots, { fromMs, roundMs })
    return [times, high, low, ...quotes, price]
  }, [reports, oracles, roundMs, untilSec, windowSec])
  const latest = useRef(data)
  latest.current = data

  // A new theme is read from the page's style when the plot is made.
  useEffect(() => {
    const element = holder.current
    if (element === null) return
    const made = new uPlot(
      options(element, oracles, () => edges.current, pointAt),
      latest.current,
      element,
    )
    plot.current = made
    const watcher = new ResizeObserver(() =>
      made.setSize({ width: element.clientWidth, height: element.clientHeight }),
    )
    watcher.observe(element)
    return () => {
      watcher.disconnect()
      plot.current = null
      made.destroy()
    }
  }, [oracles, theme])
  useEffect(() => plot.current?.setData(data), [data])

  return <div class="plot" ref={holder} />
}

function options(
  element: HTMLElement,
  oracles: readonly Oracle[],
  edges: () => { untilSec: number; windowSec: number },
  pointAt: (round: number | null) => void,
): uPlot.Options {
  const style = getComputedStyle(element)
  const colour = (name: string) => style.getPropertyValue(name).trim()
  const font = `11px ${style.fontFamily}`
  const axis = {
    stroke: colour('--dim'),
    font,
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  }
  const edge: uPlot.Series = { width: 0, stroke: 'transparent', points: { show: false } }
  return {
    width: element.clientWidth,
    height: element.clientHeight,
    legend: { show: false },
    padding: [8, 26, 0, 0],
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    scales: {
      x: { time: true, range: () => [edges().untilSec - edges().windowSec, edges().untilSec] },
      y: { range: (_, low, high) => padded(low, high) },
    },
    axes: [
      { ...axis, space: 80, size: 24, values: (_, times) => times.map(time => shownTime(time * 1000)) },
      { ...axis, size: 60, values: (_, prices) => prices.map(price => price.toFixed(decimals(prices))) },
    ],
    series: [
      {},
      edge,
      edge,
      ...oracles.map((oracle): uPlot.Series => {
        const dot = colour(nodeColour(oracle.slot, oracles.length))
        return {
          paths: () => null,
          stroke: dot,
          points: {
            show: true,
            size: oracles.length > NODE_COLOURS ? 2.5 : 3.5,
            fill: dot,
            stroke: dot,
            width: 0,
          },
        }
      }),
      { stroke: colour('--accent'), width: 2, points: { show: false } },
    ],
    bands: [{ series: [1, 2], fill: colour('--accent-band') }],
    hooks: {
      setCursor: [
        chart => {
          const time = chart.cursor.idx == null ? undefined : chart.data[0][chart.cursor.idx]
          pointAt(time === undefined || (chart.cursor.left ?? -1) < 0 ? null : Math.round(time * 10))
        },
      ],
    },
  }
}

function padded(low: number | null, high: number | null): [number, number] {
  if (low === null || high === null) return [0, 1]
  const range = Math.max(high - low, ((low + high) / 2) * LEAST_RANGE)
  const middle = (low + high) / 2
  const half = range * (0.5 + PADDING)
  return [middle - half, middle + half]
}

/** Decimals that tell neighbouring grid lines apart. */
function decimals(values: readonly number[]): number {
  const stepSize = Math.abs((values[1] ?? 1) - (values[0] ?? 0))
  return stepSize > 0 ? Math.min(12, Math.max(2, Math.ceil(-Math.log10(stepSize)))) : 4
}

/** Changes whenever the reader's machine goes from light to dark or back. */
function useTheme(): boolean {
  const [dark, setDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches)
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)')
    const listen = () => setDark(query.matches)
    query.addEventListener('change', listen)
    return () => query.removeEventListener('change', listen)
  }, [])
  return dark
}
