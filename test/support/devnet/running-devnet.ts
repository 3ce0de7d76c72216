import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PortPlan, planPorts } from '../../../devnet/options.ts'
import type { FeedStatus } from '../../../oracle-node/sources/feed-status.ts'
import type { ReportJson } from '../../../protocol/report-json.ts'
import { type Spawned, spawnNode } from '../runtime/spawned.ts'
import { eventually } from './eventually.ts'
import { familyOf, listProcesses, type ProcessEntry, stillRunning } from './processes.ts'

/** What an oracle node says of itself. */
export interface OracleStatus {
  readonly slot: number
  readonly identity: string
  readonly keyEpoch: number
  readonly holdsShare: boolean
  readonly lastQuote: { readonly round: number } | null
  readonly feed: FeedStatus
  readonly sources: readonly {
    readonly venue: string
    readonly pair: string
    readonly transport: 'websocket' | 'rest' | null
    readonly ageMs: number | null
  }[]
}

const ORACLES = 4
const AGGREGATORS = 2
const ANSWER_WITHIN_MS = 3_000

/** `ionet devnet` with simulated venues, as a user starts it, and the ways to look at it from outside. */
export class RunningDevnet {
  readonly command: Spawned
  readonly dir: string
  readonly ports: PortPlan
  readonly #tempDir: string
  readonly #seen = new Set<number>()

  constructor(port: number, args: readonly string[] = []) {
    this.#tempDir = mkdtempSync(join(tmpdir(), 'ionet-devnet-'))
    this.dir = join(this.#tempDir, 'net')
    this.ports = planPorts({ port, oracles: ORACLES, workers: 2, aggregators: AGGREGATORS })
    this.command = spawnNode('cli/ionet.ts', [
      ...['devnet', '--venues', 'simulated', '--port', String(port), '--dir', this.dir],
      ...args,
    ])
  }

  get oracleNames(): string[] {
    return this.ports.oracles.map((_, index) => `oracle-${index}`)
  }

  get aggregatorNames(): string[] {
    return this.ports.aggregators.map((_, index) => `aggregator-${index}`)
  }

  get rpcUrl(): string {
    return `http://127.0.0.1:${this.ports.rpc}`
  }

  get pageUrl(): string {
    return `http://127.0.0.1:${this.ports.page}`
  }

  /** Resolves when its log, wherever it goes, holds `text`; rejects when it ends without. */
  async said(text: string, withinMs: number): Promise<void> {
    const log = () => this.command.stdout() + this.command.stderr()
    let ended = false
    void this.command.ended.then(() => {
      ended = true
    })
    await eventually(`"${text}" in the log`, withinMs, () => {
      if (log().includes(text)) return true
      if (ended) throw new Error(`it ended before it said "${text}":\n${log()}`)
      return false
    })
  }

  /** Everything that belongs to it now. */
  processes(): ProcessEntry[] {
    const family = familyOf(this.command.pid)
    for (const { pid } of family) this.#seen.add(pid)
    return family
  }

  /** What still runs of all that was ever seen of it, or is named after its files. */
  remains(): ProcessEntry[] {
    const named = listProcesses().filter(({ args }) => args.some(arg => arg.includes(this.dir)))
    return [...stillRunning([...this.#seen]), ...named]
  }

  /** The processes that run with the configuration of this node. */
  processesOf(name: string): ProcessEntry[] {
    const config = join(this.dir, name, 'config.json')
    return this.processes().filter(({ args }) => args.includes(config))
  }

  /** Kill −9; again and again, as often as it is started, until the result is called. */
  keepDown(name: string): () => void {
    const kill = () => {
      for (const { pid } of this.processesOf(name)) {
        try {
          process.kill(pid, 'SIGKILL')
        } catch {
          // It has ended by itself meanwhile.
        }
      }
    }
    kill()
    const timer = setInterval(kill, 50)
    return () => clearInterval(timer)
  }

  /** Newest first; none when that aggregator does not answer. */
  async reports(aggregator: number, limit = 30): Promise<ReportJson[]> {
    const port = this.ports.aggregators[aggregator]?.http
    try {
      const url = `http://127.0.0.1:${port}/v1/reports?limit=${limit}`
      return (await this.#get<{ readonly reports: ReportJson[] }>(url)).reports
    } catch {
      return []
    }
  }

  async oracleStatus(slot: number): Promise<OracleStatus> {
    return this.#get<OracleStatus>(`http://127.0.0.1:${this.ports.oracles[slot]?.http}/v1/status`)
  }

  async allOracles(): Promise<OracleStatus[]> {
    return Promise.all(this.ports.oracles.map((_, slot) => this.oracleStatus(slot)))
  }

  /** Changes how every simulated venue behaves. */
  async controlVenues(change: { readonly rest: 'ok' | 'refused' }): Promise<void> {
    const response = await fetch(`http://127.0.0.1:${this.ports.venues}/control`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ venue: '*', ...change }),
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    })
    if (!response.ok) throw new Error(`the venue simulator refused: ${await response.text()}`)
  }

  /** Waits until all members quote, both aggregators take turns, and every venue sends by itself. */
  async whole(withinMs: number): Promise<void> {
    await eventually('a network where everybody does their part', withinMs, async () => {
      const feeds = await Promise.all(this.ports.aggregators.map((_, index) => this.reports(index, 4)))
      const oracles = await this.allOracles().catch(() => [])
      const oldest = (Date.now() - 6_000) / 100
      return (
        feeds.every(
          reports =>
            reports.length === 4 &&
            reports.every(({ round, quotes }) => round > oldest && quotes.length === ORACLES) &&
            new Set(reports.map(({ proposer }) => proposer)).size === AGGREGATORS,
        ) &&
        oracles.length === ORACLES &&
        oracles.every(
          ({ holdsShare, sources }) =>
            holdsShare && sources.every(({ transport }) => transport === 'websocket'),
        )
      )
    })
  }

  /** Ctrl-C. Returns the exit code, and how long it took. */
  async interrupt(): Promise<{ readonly exitCode: number | string; readonly tookMs: number }> {
    this.processes()
    const at = performance.now()
    this.command.process.kill('SIGINT')
    return { exitCode: await this.command.ended, tookMs: performance.now() - at }
  }

  /** Ends what is left, however the test went: its processes stop with it. */
  async dispose(): Promise<void> {
    this.command.process.kill('SIGKILL')
    await this.command.ended
    await eventually('the end of its processes', 10_000, () => this.remains().length === 0)
    rmSync(this.#tempDir, { recursive: true, force: true })
  }

  async #get<T>(url: string): Promise<T> {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) })
    if (!response.ok) throw new Error(`${url}: ${response.status}`)
    return (await response.json()) as T
  }
}
