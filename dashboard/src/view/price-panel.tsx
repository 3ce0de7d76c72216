import {
  NOTHING,
  offsetTenths,
  priceDigits,
  shown,
  shownAge,
  shownPrice,
  shownTenths,
} from '../model/format.ts'
import type { PageState } from '../model/state.ts'

/** Past this age the Burner refuses a price, and so should everybody else. */
const REFUSED_AGE_MS = 30_000
/** A healthy network has a price a few rounds old at most. */
const LATE_ROUNDS = 4

/** The newest certified price, how sure it is and how old. */
export function PricePanel({ state, now }: { state: PageState; now: number }) {
  const { config } = state
  const [report] = state.reports
  if (report === undefined) {
    return (
      <section class="panel price">
        <h2>{config.feed}</h2>
        <p class="figure waiting">{NOTHING}</p>
        <p class="hint">
          {isCutOff(state) ? 'no aggregator answers' : 'waiting for the first certified price'}
        </p>
      </section>
    )
  }

  const ageMs = now - report.round * 100
  const tone = ageMs > REFUSED_AGE_MS ? 'bad' : ageMs > LATE_ROUNDS * config.roundMs ? 'warn' : ''
  const text = shownPrice(report.price)
  const band = (report.price * BigInt(report.confidenceBps)) / 10_000n
  const digits = priceDigits(report.price)
  const oldest = state.reports.at(-1)
  const latest = state.chain?.latest ?? null
  return (
    <section class="panel price">
      <h2>
        {config.feed}
        <span class={`age ${tone}`} title="Since the start of the round it was certified in">
          {shownAge(ageMs)} ago
        </span>
      </h2>
      <p class={`figure ${tone === 'bad' ? 'waiting' : ''}`} title={`$${shown(report.price, 18)}`}>
        <small>$</small>
        {text.slice(0, -2)}
        <span class="tail">{text.slice(-2)}</span>
      </p>
      <dl class="facts">
        <dt>confidence</dt>
        <dd>
          ±{report.confidenceBps} bps <span class="dim">±${shown(band, digits)}</span>
        </dd>
        {oldest !== undefined && oldest !== report && (
          <>
            <dt>over {shownAge((report.round - oldest.round) * 100)}</dt>
            <dd>{shownTenths(offsetTenths(report.price, oldest.price))} bps</dd>
          </>
        )}
        <dt>on chain</dt>
        <dd>
          {latest === null ? (
            <span class="dim">no update yet</span>
          ) : (
            <>
              ${shownPrice(latest.price)} <span class="dim">{shownAge(now - latest.round * 100)} ago</span>
            </>
          )}
        </dd>
      </dl>
    </section>
  )
}

/** Every aggregator was tried, and none answered. */
function isCutOff(state: PageState): boolean {
  return state.links.includes('down') && state.links.every(link => link === 'down' || link === 'connecting')
}
