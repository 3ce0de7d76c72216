import type { Address } from '../../../protocol/bytes.ts'
import { otherEarners } from '../model/earners.ts'
import { WireError } from '../model/fields.ts'
import type { PageConfig } from '../model/page-config.ts'
import { parseReport, parseUpdate } from '../model/report.ts'
import { initialState, type PageEvent, type PageState, step } from '../model/state.ts'
import { after, browserPorts, loadJson } from './browser-ports.ts'
import { ChainReader } from './chain-reader.ts'
import { RelayerReader } from './relayer-reader.ts'
import { repeat } from './repeat.ts'
import { ReportFollower } from './report-follower.ts'

const CHAIN_EVERY_MS = 2_000
const STANDBY_EVERY_MS = 4_000
const RELAYER_EVERY_MS = 1_000
/** What others than workers have earned changes once an epoch: often enough to be there soon. */
const EARNED_EVERY_MS = 2_500
/** The longest window of the chart. */
const BACKLOG_MS = 300_000
/** The most an aggregator gives in one answer. */
const MAX_BACKLOG = 500
/** So many rounds without a report and another aggregator is asked. */
const SILENT_ROUNDS = 10
const MIN_SILENT_MS = 5_000

/**
 * Watches a network: reports from one aggregator at a time, whether the others answer, and the chain.
 * `changed` is called with every new state. Returns how to stop.
 */
export function watchNetwork(config: PageConfig, changed: (state: PageState) => void): () => void {
  let state = initialState(config)
  const apply = (event: PageEvent) => {
    state = step(state, event)
    changed(state)
  }
  /** What cannot be read is counted and left out; a broken aggregator must not break the page. */
  const read = <T>(parse: (data: unknown) => T, data: unknown): T[] => {
    try {
      return [parse(data)]
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      apply({ type: 'refused' })
      return []
    }
  }

  const follower = new ReportFollower(
    {
      bases: config.aggregators,
      silentMs: Math.max(MIN_SILENT_MS, SILENT_ROUNDS * config.roundMs),
      backlog: Math.min(MAX_BACKLOG, Math.ceil(BACKLOG_MS / config.roundMs)),
    },
    browserPorts,
    {
      report: data => apply({ type: 'reports', reports: read(parseReport, data) }),
      backlog: data => apply({ type: 'reports', reports: data.flatMap(each => read(parseReport, each)) }),
      update: data => {
        for (const update of read(parseUpdate, data)) apply({ type: 'update', ...update })
      },
      link: (index, status) => apply({ type: 'link', index, status }),
    },
  )

  const chain = new ChainReader(config, (url, body) =>
    loadJson(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  )
  const lookAtChain = async () => {
    try {
      apply({ type: 'chain', ...(await chain.look(Date.now(), earnersOf(state))) })
    } catch {
      apply({ type: 'chain-lost' })
    }
  }

  const lookAtRelayer = async (relayer: RelayerReader) => {
    try {
      apply({ type: 'relayer', look: await relayer.look() })
    } catch {
      apply({ type: 'relayer-lost' })
    }
  }
  const lookAtEarned = async (relayer: RelayerReader) => {
    const { relayer: told, chain: seen } = state
    if (told === null || seen === null || seen.economy === null) return
    const others = otherEarners(seen.economy, told.workers).map(({ account }) => account)
    apply({ type: 'earned', amounts: await relayer.earned(others) })
  }

  const askStandbys = async () => {
    const asked = config.aggregators.map(async (base, index) => {
      const up = await answers(`${base}/v1/reports?limit=1`)
      if (index !== follower.current) apply({ type: 'link', index, status: up ? 'standby' : 'down' })
    })
    await Promise.all(asked)
    if (config.gateway !== null) apply({ type: 'gateway', up: await answers(`${config.gateway}/v1/models`) })
  }

  changed(state)
  follower.start()
  const stops = [
    () => follower.stop(),
    repeat(CHAIN_EVERY_MS, lookAtChain),
    repeat(STANDBY_EVERY_MS, askStandbys),
  ]
  if (config.relayer !== null) {
    const relayer = new RelayerReader(config.relayer, loadJson)
    stops.push(
      repeat(
        RELAYER_EVERY_MS,
        whileVisible(() => lookAtRelayer(relayer)),
      ),
      repeat(
        EARNED_EVERY_MS,
        whileVisible(() => lookAtEarned(relayer)),
      ),
    )
  }
  return () => {
    for (const stop of stops) stop()
  }
}

/** Any answer counts, also "nothing certified yet". */
function answers(url: string): Promise<boolean> {
  return fetch(url, { cache: 'no-store', signal: AbortSignal.timeout(2_000) }).then(
    () => true,
    () => false,
  )
}

/** A page that nobody looks at asks for nothing. */
function whileVisible(task: () => Promise<void>): () => Promise<void> {
  return async () => {
    if (document.visibilityState === 'visible') await task()
  }
}

/** Everybody in the list of earners: what they claimed is asked of the chain. */
function earnersOf(state: PageState): Address[] {
  const workers = state.relayer?.workers ?? []
  const economy = state.chain?.economy ?? null
  const others = economy === null ? [] : otherEarners(economy, workers)
  return [...others.map(({ account }) => account), ...workers.map(({ worker }) => worker)]
}

/** Asks for the page's configuration until it is there. Returns how to stop. */
export function awaitConfig(
  parse: (value: unknown) => PageConfig,
  found: (config: PageConfig) => void,
  missing: (reason: string) => void,
): () => void {
  let stop = () => {}
  const ask = async () => {
    try {
      found(parse(await loadJson('page.json')))
    } catch (error) {
      missing(error instanceof WireError ? error.message : 'the page server does not answer')
      stop = after(2_000, () => void ask())
    }
  }
  void ask()
  return () => stop()
}
