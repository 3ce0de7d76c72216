import 'uplot/dist/uPlot.min.css'
import './style.css'
import { render } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Address } from '../../protocol/bytes.ts'
import { loadJson } from './data/browser-ports.ts'
import { awaitConfig, watchNetwork } from './data/network.ts'
import { RelayerReader } from './data/relayer-reader.ts'
import { type PageConfig, parsePageConfig } from './model/page-config.ts'
import type { AccountLine } from './model/relayer-look.ts'
import type { PageState } from './model/state.ts'
import { Page } from './view/page.tsx'

/** Composition: find the network, watch it, show it. */
function Main() {
  const [config, setConfig] = useState<PageConfig | null>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const [state, setState] = useState<PageState | null>(null)
  useEffect(() => awaitConfig(parsePageConfig, setConfig, setProblem), [])
  useEffect(() => (config === null ? undefined : watchNetwork(config, setState)), [config])

  if (state !== null) return <Page state={state} loadAccount={account => accountOf(state.config, account)} />
  return (
    <main class="lobby">
      {problem === null ? 'Looking for the network…' : `No network here yet: ${problem}.`}
    </main>
  )
}

/** @throws when the relayer has nothing to say of the account */
async function accountOf({ relayer }: PageConfig, account: Address): Promise<AccountLine> {
  if (relayer === null) throw new Error('this network has no relayer')
  return new RelayerReader(relayer, loadJson).account(account)
}

const root = document.getElementById('page')
if (root !== null) render(<Main />, root)
