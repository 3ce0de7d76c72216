import { chainEpochsOf } from '../model/chain-epochs.ts'
import { type RewardBar, rewardBars } from '../model/claims.ts'
import { percentOf, shown } from '../model/format.ts'
import type { PageState } from '../model/state.ts'
import { Amount } from './amount.tsx'

const MAX_BARS = 24

/** What each epoch posted, by what it pays for, beside what was claimed before the next one. */
export function RewardsPanel({ state }: { state: PageState }) {
  const bars = rewardBars(chainEpochsOf(state.settlements), state.claims, MAX_BARS)
  const economy = state.chain?.economy ?? null
  const highest = bars.reduce((most, bar) => max(most, max(bar.posted, bar.claimed ?? 0n)), 0n)
  return (
    <section class="panel rewards">
      <h2>
        Rewards
        <span class="key">
          <Entry tone="bar-io" label="availability" />
          <Entry tone="bar-hired" label="hires" />
          <Entry tone="bar-passed" label="IO paid" />
          <Entry tone="bar-claimed" label="claimed" />
        </span>
      </h2>
      {bars.length === 0 ? (
        <p class="empty">no epoch has been settled yet</p>
      ) : (
        <ol class="bars" style={{ '--bars': MAX_BARS }}>
          {bars.map(bar => (
            <Bar key={bar.epoch} bar={bar} highest={highest} />
          ))}
        </ol>
      )}
      {economy !== null && bars.length > 0 && (
        <p class="dim">
          <Amount value={economy.posted - economy.claimed} /> IO posted and not claimed yet
        </p>
      )}
    </section>
  )
}

function Entry({ tone, label }: { tone: string; label: string }) {
  return (
    <span class="entry">
      <i class={`swatch ${tone}`} />
      {label}
    </span>
  )
}

function Bar({ bar, highest }: { bar: RewardBar; highest: bigint }) {
  const height = (value: bigint) => ({ height: percentOf(value, highest) })
  const claimed = bar.claimed === null ? 'not all known' : shown(bar.claimed, 6)
  const title = [
    `epoch ${bar.epoch}`,
    `posted ${shown(bar.posted, 6)}`,
    `availability ${shown(bar.availability, 6)}, hires ${shown(bar.hired, 6)}, IO paid by users ${shown(bar.passed, 6)}`,
    `claimed before the next one ${claimed}`,
  ]
  return (
    <li title={title.join('\n')}>
      <span class="stack">
        <i class="bar-passed" style={height(bar.passed)} />
        <i class="bar-hired" style={height(bar.hired)} />
        <i class="bar-io" style={height(bar.availability)} />
      </span>
      <span class="stack">
        <i class="bar-claimed" style={height(bar.claimed ?? 0n)} />
      </span>
    </li>
  )
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
