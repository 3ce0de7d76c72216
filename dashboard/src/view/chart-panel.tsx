import { useState } from 'preact/hooks'
import { shownPrice, shownTime } from '../model/format.ts'
import type { Report } from '../model/report.ts'
import type { PageState } from '../model/state.ts'
import { NODE_COLOURS, nodeColour } from './node-colour.ts'
import { PriceChart } from './price-chart.tsx'

const WINDOWS_MIN = [1, 2, 5] as const

/** The certified price with its confidence band, and every node's quotes, over the last minutes. */
export function ChartPanel({ state, now }: { state: PageState; now: number }) {
  const [minutes, setMinutes] = useState<number>(2)
  const [pointed, setPointed] = useState<number | null>(null)
  const { oracles, roundMs } = state.config
  const report = pointed === null ? undefined : state.reports.find(candidate => candidate.round === pointed)
  return (
    <section class="panel chart">
      <h2>
        {report === undefined ? <Legend /> : <Readout report={report} nodes={oracles.length} />}
        <span class="choices">
          {WINDOWS_MIN.map(choice => (
            <button
              key={choice}
              type="button"
              class="quiet"
              aria-pressed={choice === minutes}
              onClick={() => setMinutes(choice)}
            >
              {choice} min
            </button>
          ))}
        </span>
      </h2>
      <div class="canvas">
        {state.reports.length === 0 ? (
          <p class="empty">waiting for the first certified price</p>
        ) : (
          <PriceChart
            reports={state.reports}
            oracles={oracles}
            roundMs={roundMs}
            untilSec={Math.ceil(now / 1000)}
            windowSec={minutes * 60}
            pointAt={setPointed}
          />
        )}
      </div>
    </section>
  )
}

function Legend() {
  return (
    <span class="key">
      <span class="entry">
        <i class="key-line" />
        certified
      </span>
      <span class="entry">
        <i class="key-band" />
        confidence
      </span>
      <span class="entry">
        <i class="key-dot" />
        quotes
      </span>
    </span>
  )
}

/** The round under the pointer. */
function Readout({ report, nodes }: { report: Report; nodes: number }) {
  const quotes = nodes > NODE_COLOURS ? [] : [...report.quotes].sort((a, b) => a.slot - b.slot)
  return (
    <span class="key">
      <span class="entry">{shownTime(report.round * 100)}</span>
      <b>${shownPrice(report.price)}</b>
      {quotes.map(quote => (
        <span class="entry" key={quote.slot}>
          <i class="key-dot" style={{ background: `var(${nodeColour(quote.slot, nodes)})` }} />
          {shownPrice(quote.price)}
        </span>
      ))}
    </span>
  )
}
