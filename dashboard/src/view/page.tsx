import type { Address } from '../../../protocol/bytes.ts'
import type { AccountLine } from '../model/relayer-look.ts'
import type { PageState } from '../model/state.ts'
import { BurnsPanel } from './burns-panel.tsx'
import { ChartPanel } from './chart-panel.tsx'
import { EarnersPanel } from './earners-panel.tsx'
import { EpochsPanel } from './epochs-panel.tsx'
import { LedgerPanel } from './ledger-panel.tsx'
import { Masthead } from './masthead.tsx'
import { NodesPanel } from './nodes-panel.tsx'
import { PricePanel } from './price-panel.tsx'
import { RewardsPanel } from './rewards-panel.tsx'
import { RoundsPanel } from './rounds-panel.tsx'
import { RunningPanel } from './running-panel.tsx'
import { SupplyPanel } from './supply-panel.tsx'
import { useNow } from './use-now.ts'
import { hasEconomy, useScreen } from './use-screen.ts'

/** Ages read to a tenth of a second. */
const TICK_MS = 200

export interface PageProps {
  state: PageState
  /** What the relayer says of an account; rejects when it says nothing. */
  loadAccount(account: Address): Promise<AccountLine>
}

/** Two screens: prices, and what the network mints, settles and pays. */
export function Page({ state, loadAccount }: PageProps) {
  const now = useNow(TICK_MS)
  const [screen, show] = useScreen(hasEconomy(state.config))
  return (
    <div class="page">
      <Masthead state={state} now={now} screen={screen} show={show} />
      {screen === 'prices' ? (
        <main class="columns">
          <div class="column">
            <PricePanel state={state} now={now} />
            <SupplyPanel state={state} />
            <BurnsPanel state={state} now={now} />
          </div>
          <div class="column">
            <ChartPanel state={state} now={now} />
            <NodesPanel state={state} now={now} />
            <RoundsPanel state={state} />
          </div>
        </main>
      ) : (
        <main class="columns">
          <div class="column">
            <RunningPanel state={state} now={now} />
            <LedgerPanel state={state} />
            <RewardsPanel state={state} />
          </div>
          <div class="column">
            <EpochsPanel state={state} />
            <EarnersPanel state={state} loadAccount={loadAccount} />
          </div>
        </main>
      )}
    </div>
  )
}
