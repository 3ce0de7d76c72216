/** Processes of the network under test, as they look from outside: what they answer, and how they end. */
import type { AuditRecord } from '../../../oracle-node/auditing/audit-store.ts'
import type { StageDoubt } from '../../../oracle-node/auditing/stage-watch.ts'
import type { EpochPhase } from '../../../protocol/epoch/machine.ts'
import type { EpochJson } from '../../../relayer/epochs/epoch-json.ts'
import { eventually } from '../devnet/eventually.ts'
import { type Spawned, spawnNode } from '../runtime/spawned.ts'
import type { NodeFile } from './node-files.ts'

export type AuditJson = Omit<AuditRecord, 'outcome'> & {
  readonly verdict: AuditRecord['outcome']
  readonly signed: boolean
}

interface RelayerHealth {
  readonly block: number
  readonly currentEpoch: number
}

/** Eleven processes that start at once on two busy cores. */
const STARTS_WITHIN_MS = 60_000
const SEES_BLOCK_WITHIN_MS = 10_000
const SETTLES_WITHIN_MS = 40_000
const ANSWER_WITHIN_MS = 3_000
/** Of its log, for who has to find out why it failed. */
const SHOWN_LOG_CHARACTERS = 3_000

/** As `ionet devnet` starts its processes: many share a machine. */
const SMALL = { NODE_OPTIONS: '--max-semi-space-size=4' }

export class TestProcess {
  readonly file: NodeFile
  readonly #spawned: Spawned
  #ended = false

  constructor(file: NodeFile, program: string, args: readonly string[]) {
    this.file = file
    this.#spawned = spawnNode(program, [...args, '--config', file.config], SMALL)
    void this.#spawned.ended.then(() => {
      this.#ended = true
    })
  }

  log(): string {
    return this.#spawned.stdout() + this.#spawned.stderr()
  }

  /** Looks until there is something; a failure carries the end of the process's log. */
  async eventually<T>(
    what: string,
    withinMs: number,
    look: () => Promise<T | undefined | false>,
  ): Promise<T> {
    try {
      return await eventually(what, withinMs, () => {
        if (this.#ended) throw new Error(`it ended while ${what} was waited for`)
        return look()
      })
    } catch (cause) {
      throw new Error(`${String(cause)}\n${this.log().slice(-SHOWN_LOG_CHARACTERS)}`, { cause })
    }
  }

  async started(): Promise<void> {
    await this.eventually('the first answer', STARTS_WITHIN_MS, async () =>
      (await this.get('/health')) === undefined ? undefined : true,
    )
  }

  /** Undefined while it does not answer, or has no such thing. */
  async get<T>(path: string): Promise<T | undefined> {
    try {
      const response = await fetch(this.file.url + path, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) })
      // Being unhealthy is an answer.
      return response.status === 404 ? undefined : ((await response.json()) as T)
    } catch {
      return undefined
    }
  }

  /** A file that it serves; empty when there is none. */
  async bytes(path: string): Promise<Uint8Array> {
    const response = await fetch(this.file.url + path, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) })
    return response.ok ? new Uint8Array(await response.arrayBuffer()) : new Uint8Array()
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (!this.#ended) this.#spawned.process.kill(signal)
    await this.#spawned.ended
  }
}

export class OracleProcess extends TestProcess {
  constructor(file: NodeFile) {
    super(file, 'cli/ionet.ts', ['oracle', '--stop-with-stdin'])
  }

  /** Newest first. */
  async audits(epoch: number): Promise<AuditJson[]> {
    const answer = await this.get<{ epochs: AuditJson[] }>('/v1/epochs')
    return (answer?.epochs ?? []).filter(audit => audit.epoch === epoch)
  }

  /** What is staged and in doubt, as it says in its health. */
  async doubt(): Promise<StageDoubt | null | undefined> {
    return (await this.get<{ doubtedStage: StageDoubt | null }>('/health'))?.doubtedStage
  }

  refusal(epoch: number): Promise<AuditJson> {
    return this.eventually(`a refusal of epoch ${epoch}`, SETTLES_WITHIN_MS, async () =>
      (await this.audits(epoch)).find(({ verdict }) => verdict === 'refused'),
    )
  }
}

export class RelayerProcess extends TestProcess {
  /** What it takes in now counts for the epoch of this block. */
  async seesBlock(number: number): Promise<void> {
    await this.eventually(`block ${number}`, SEES_BLOCK_WITHIN_MS, async () => {
      const health = await this.get<RelayerHealth>('/health')
      return health !== undefined && health.block >= number
    })
  }

  epoch(epoch: number): Promise<EpochJson | undefined> {
    return this.get<EpochJson>(`/v1/epochs/${epoch}`)
  }

  /** Until the epoch is in a phase, under this attempt or a later one. */
  reaches(epoch: number, phase: EpochPhase, attempt = 0): Promise<EpochJson> {
    return this.eventually(`epoch ${epoch} ${phase}`, SETTLES_WITHIN_MS, async () => {
      const json = await this.epoch(epoch)
      return json?.phase === phase && json.attempt >= attempt && json
    })
  }

  settled(epoch: number): Promise<EpochJson> {
    return this.eventually(`the settlement of epoch ${epoch}`, SETTLES_WITHIN_MS, async () => {
      const json = await this.epoch(epoch)
      return json?.phase === 'final' && json
    })
  }
}
