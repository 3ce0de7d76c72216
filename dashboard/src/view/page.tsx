import type { PageState } from '../model/state.ts'
import { BurnsPanel } from './burns-panel.tsx'
import { ChartPanel } from './chart-panel.tsx'
import { Masthead } from './masthead.tsx'
import { NodesPanel } from './nodes-panel.tsx'
import { PricePanel } from './price-panel.tsx'
import { RoundsPanel } from './rounds-panel.tsx'
import { SupplyPanel } from './supply-panel.tsx'
import { useNow } from './use-now.ts'

/** Ages read to a tenth of a second. */
const TICK_MS = 200

export function Page({ state }: { state: PageState }) {
  const now = useNow(TICK_MS)
  return (
    <div class="page">
      <Masthead state={state} />
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
    </div>
  )
}
