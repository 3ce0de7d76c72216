import { WireError } from '../model/fields.ts'
import type { PageConfig } from '../model/page-config.ts'
import { parseReport, parseUpdate } from '../model/report.ts'
import { initialState, type PageEvent, type PageState, step } from '../model/state.ts'
import { after, browserPorts, loadJson } from './browser-ports.ts'
import { ChainReader } from './chain-reader.ts'
import { repeat } from './repeat.ts'
import { ReportFollower } from './report-follower.ts'

const CHAIN_EVERY_MS = 2_000
const STANDBY_EVERY_MS = 4_000
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
      apply({ type: 'chain', ...(await chain.look()) })
    } catch {
      apply({ type: 'chain-lost' })
    }
  }

  /** Any answer counts, also "nothing certified yet". */
  const askStandbys = async () => {
    const asked = config.aggregators.map(async (base, index) => {
      const up = await fetch(`${base}/v1/reports?limit=1`, {
        cache: 'no-store',
        signal: AbortSignal.timeout(2_000),
      }).then(
        () => true,
        () => false,
      )
      if (index !== follower.current) apply({ type: 'link', index, status: up ? 'standby' : 'down' })
    })
    await Promise.all(asked)
  }

  changed(state)
  follower.start()
  const stopChain = repeat(CHAIN_EVERY_MS, lookAtChain)
  const stopStandbys = repeat(STANDBY_EVERY_MS, askStandbys)
  return () => {
    follower.stop()
    stopChain()
    stopStandbys()
  }
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
