import { progressOf, runningNow } from '../model/epoch-clock.ts'
import type { LinkStatus, PageState } from '../model/state.ts'
import { hasEconomy, type Screen } from './use-screen.ts'

const LINK_WORDS: Record<LinkStatus, string> = {
  unknown: 'not asked yet',
  connecting: 'connecting',
  following: 'following',
  standby: 'standing by',
  silent: 'silent',
  down: 'unreachable',
}

const SCREENS: readonly { screen: Screen; label: string }[] = [
  { screen: 'prices', label: 'Prices' },
  { screen: 'epochs', label: 'Epochs' },
]

interface MastheadProps {
  state: PageState
  now: number
  screen: Screen
  show(screen: Screen): void
}

/** Which network this is, where the prices come from, and what of it can be reached. */
export function Masthead({ state, now, screen, show }: MastheadProps) {
  const { config, chain } = state
  const simulated = config.venues === 'simulated'
  return (
    <header class="masthead">
      <h1>
        <svg class="mark" viewBox="0 0 16 16" aria-hidden="true">
          <rect x="2" y="2" width="3" height="12" rx="1" />
          <circle cx="10.5" cy="8" r="4" />
        </svg>
        IO oracle
      </h1>
      <span
        class={`badge ${simulated ? 'badge-warn' : 'badge-good'}`}
        title={
          simulated
            ? 'Prices come from the venue simulator. They are not the market.'
            : 'Prices come from the venues themselves.'
        }
      >
        {simulated ? 'simulated venues' : 'live venues'}
      </span>
      {hasEconomy(config) && (
        <nav class="screens">
          {SCREENS.map(each => (
            <button
              key={each.screen}
              type="button"
              class="quiet tab"
              aria-pressed={each.screen === screen}
              onClick={() => show(each.screen)}
            >
              {each.label}
              {each.screen === 'epochs' && <EpochHint state={state} now={now} />}
            </button>
          ))}
        </nav>
      )}
      <ul class="links">
        {config.aggregators.map((url, index) => {
          const status = state.links[index] ?? 'unknown'
          return <Link key={url} name={`aggregator-${index}`} url={url} status={status} />
        })}
        {config.relayer !== null && (
          <Link
            name="relayer"
            url={config.relayer}
            status={state.relayerLost ? 'down' : state.relayer === null ? 'connecting' : 'following'}
          />
        )}
        {config.gateway !== null && (
          <Link name="gateway" url={config.gateway} status={gatewayStatus(state.gatewayUp)} />
        )}
        <li
          class={`link link-${state.chainLost ? 'down' : chain === null ? 'connecting' : 'following'}`}
          title={config.rpcUrl}
        >
          <i />
          chain {config.chainId}{' '}
          <span>
            {state.chainLost
              ? 'unreachable'
              : chain === null
                ? 'connecting'
                : `block ${chain.block.toLocaleString('en')}`}
          </span>
        </li>
      </ul>
    </header>
  )
}

function Link({ name, url, status }: { name: string; url: string; status: LinkStatus }) {
  return (
    <li class={`link link-${status}`} title={url}>
      <i />
      {name} <span>{LINK_WORDS[status]}</span>
    </li>
  )
}

/** Which epoch runs and how far it is, also for those who look at prices. */
function EpochHint({ state, now }: { state: PageState; now: number }) {
  const running = runningNow(state, now)
  if (running === undefined) return null
  return (
    <span class="hint-bar" title={`${Math.floor(running.elapsedSec)} of ${running.lengthSec} s`}>
      <b>{running.epoch}</b>
      <i class="track" style={{ '--done': progressOf(running) }} />
    </span>
  )
}

function gatewayStatus(isUp: boolean | null): LinkStatus {
  if (isUp === null) return 'unknown'
  return isUp ? 'standby' : 'down'
}
