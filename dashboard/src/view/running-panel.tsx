import { progressOf, runningNow } from '../model/epoch-clock.ts'
import { NOTHING, shownCount } from '../model/format.ts'
import type { IntakeStats } from '../model/relayer-look.ts'
import type { PageState } from '../model/state.ts'
import { Amount } from './amount.tsx'

const STATS: readonly { name: keyof IntakeStats; label: string }[] = [
  { name: 'usageRecordsAccepted', label: 'usage records' },
  { name: 'batchesAccepted', label: 'batches' },
  { name: 'holdsAccepted', label: 'holds' },
  { name: 'receipts', label: 'receipts' },
  { name: 'windows', label: 'windows' },
  { name: 'commitments', label: 'commitments' },
]

/** The epoch that runs: how far it is, what it will mint, and what the relayer has taken in. */
export function RunningPanel({ state, now }: { state: PageState; now: number }) {
  const running = runningNow(state, now)
  const told = state.relayer?.epochs.find(epoch => epoch.epoch === running?.epoch)
  const minting = state.chain?.economy?.running ?? undefined
  const live = minting?.epoch === running?.epoch ? minting : undefined
  return (
    <section class="panel running">
      <h2>
        {running === undefined ? 'Epoch' : `Epoch ${shownCount(running.epoch)}`}
        {running !== undefined && (
          <span class="age">
            {Math.floor(running.elapsedSec)} of {running.lengthSec} s
          </span>
        )}
      </h2>
      <div class="bar" role="img" aria-label="How far the running epoch has come">
        <i class="bar-io" style={{ width: running === undefined ? '0%' : progressOf(running) }} />
      </div>
      <dl class="facts">
        <dt>scheduled</dt>
        <dd>
          <Amount value={live?.scheduled} /> <span class="dim">IO</span>
        </dd>
        <dt title="Burned IO is minted again on top, up to the cap of the epoch">burned, minted again</dt>
        <dd>
          <Amount value={live?.burned} /> <span class="dim">→</span>{' '}
          <span class={live !== undefined && live.net < live.burned ? 'warn' : ''}>
            <Amount value={live?.net} />
          </span>{' '}
          <span class="dim">IO</span>
        </dd>
        <dt>records taken in</dt>
        <dd>
          {told?.recordsAccepted == null ? (
            <span class="dim">{NOTHING}</span>
          ) : (
            shownCount(told.recordsAccepted)
          )}
        </dd>
      </dl>
      {state.config.relayer !== null && <Intake state={state} />}
    </section>
  )
}

/** All that the relayer has ever taken in. */
function Intake({ state }: { state: PageState }) {
  const stats = state.relayer?.stats
  return (
    <ul class="tallies" title="Since the relayer began">
      {STATS.map(({ name, label }) => (
        <li key={name}>
          <b class="figures">{stats === undefined ? NOTHING : shownCount(stats[name])}</b>{' '}
          <span class="tally">{label}</span>
        </li>
      ))}
    </ul>
  )
}
