import type { LinkStatus, PageState } from '../model/state.ts'

const LINK_WORDS: Record<LinkStatus, string> = {
  unknown: 'not asked yet',
  connecting: 'connecting',
  following: 'following',
  standby: 'standing by',
  silent: 'silent',
  down: 'unreachable',
}

/** Which network this is, where the prices come from, and what of it can be reached. */
export function Masthead({ state }: { state: PageState }) {
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
      <ul class="links">
        {config.aggregators.map((url, index) => {
          const status = state.links[index] ?? 'unknown'
          return (
            <li key={url} class={`link link-${status}`} title={url}>
              <i />
              aggregator-{index} <span>{LINK_WORDS[status]}</span>
            </li>
          )
        })}
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
