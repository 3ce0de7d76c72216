/** Runs one network of real processes on loopback and brings home what they saw. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RoundTiming } from '../../protocol/round/timing.ts'
import { nextRound, type Round, roundAt, roundStartMs } from '../../protocol/rounds.ts'
import { systemClock } from '../../runtime/clock.ts'
import type { FromChild, ToChild } from './child.ts'
import type { ProcessReport } from './observations.ts'
import { AGGREGATORS, dealKeys, type Plan } from './plan.ts'

export interface NetworkRun {
  readonly n: number
  readonly timing: RoundTiming
  /** Measured rounds. */
  readonly rounds: number
  readonly profileDirectory: string | undefined
}

export interface RunResult {
  readonly reports: readonly ProcessReport[]
  /** The first measured round; the others follow without a gap. */
  readonly firstRound: Round
}

/** Code is compiled and nonces are filled up in these; and a node that has just started is silent for one. */
const WARM_UP_ROUNDS = 15
/** A round may end two slots after its start. */
const LAST_ROUNDS = 2
const STEP_LIMIT_MS = 120_000

export async function runNetwork(run: NetworkRun): Promise<RunResult> {
  const directory = mkdtempSync(join(tmpdir(), 'ionet-bench-'))
  const plan: Plan = { n: run.n, aggregators: AGGREGATORS, timing: run.timing, directory }
  const children: Child[] = []
  try {
    if (run.profileDirectory !== undefined) mkdirSync(run.profileDirectory, { recursive: true })
    dealKeys(plan)
    for (let slot = 0; slot < plan.n; slot++) children.push(new Child('node-process.ts', slot))
    for (let index = 0; index < AGGREGATORS; index++) children.push(new Child('aggregator-process.ts', index))
    await openAll(children, plan)
    const { roundMs } = run.timing
    const startRound = roundAt(Date.now(), roundMs)
    for (const child of children) child.tell({ type: 'run' })
    await systemClock.sleep(WARM_UP_ROUNDS * roundMs - (Date.now() - roundStartMs(startRound)))
    const firstRound = nextRound(roundAt(Date.now(), roundMs), roundMs)
    await systemClock.sleep(roundStartMs(firstRound) - Date.now())
    for (const child of children) child.measure(run.profileDirectory)
    await systemClock.sleep(run.rounds * roundMs)
    for (const child of children) child.tell({ type: 'measured' })
    await systemClock.sleep(LAST_ROUNDS * roundMs)
    for (const child of children) child.tell({ type: 'finish' })
    const reports = await Promise.all(children.map(child => child.finished()))
    return { reports, firstRound }
  } finally {
    for (const child of children) child.kill()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Each dials those that were opened before it, so every pair is connected once. */
async function openAll(children: readonly Child[], plan: Plan): Promise<void> {
  await Promise.all(children.map(child => child.loaded()))
  const bootstrap: string[] = []
  for (const child of children) bootstrap.push(...(await child.open(plan, [...bootstrap])))
  await Promise.all(children.map(child => child.connected()))
}

type Expected = { [T in FromChild['type']]: Extract<FromChild, { type: T }> }

class Child {
  readonly #process: ChildProcess
  readonly #index: number
  readonly #name: string
  readonly #received = new Map<FromChild['type'], FromChild>()

  constructor(module: string, index: number) {
    this.#index = index
    this.#name = `${module} ${index}`
    this.#process = fork(join(import.meta.dirname, module), { serialization: 'advanced' })
    this.#process.on('message', message => {
      const received = message as FromChild
      this.#received.set(received.type, received)
    })
  }

  tell(message: ToChild): void {
    this.#process.send(message)
  }

  measure(profileDirectory: string | undefined): void {
    const file = `${this.#name.replace('-process.ts ', '-')}.cpuprofile`
    this.tell({
      type: 'measure',
      profile: profileDirectory === undefined ? undefined : join(profileDirectory, file),
    })
  }

  async loaded(): Promise<void> {
    await this.#expect('loaded')
  }

  async open(plan: Plan, bootstrap: readonly string[]): Promise<readonly string[]> {
    this.tell({ type: 'open', plan, index: this.#index, bootstrap })
    return (await this.#expect('opened')).addresses
  }

  async connected(): Promise<void> {
    await this.#expect('connected')
  }

  /** Its report, once the process has ended by itself. */
  async finished(): Promise<ProcessReport> {
    const { report } = await this.#expect('finished')
    if (this.#process.exitCode === null) await once(this.#process, 'exit')
    return report
  }

  kill(): void {
    if (this.#process.exitCode === null) this.#process.kill('SIGKILL')
  }

  async #expect<T extends FromChild['type']>(type: T): Promise<Expected[T]> {
    const limit = AbortSignal.timeout(STEP_LIMIT_MS)
    for (;;) {
      const received = this.#received.get(type)
      if (received !== undefined) return received as Expected[T]
      if (this.#process.exitCode !== null) throw new Error(`${this.#name} ended before it was ${type}`)
      await Promise.race([
        once(this.#process, 'message', { signal: limit }),
        once(this.#process, 'exit', { signal: limit }),
      ])
    }
  }
}
