import type { LinkStatus } from '../model/state.ts'

/** One server-sent event stream. */
export interface EventLine {
  close(): void
}

export interface FollowerPorts {
  /** Opens `url`; `opened`, `failed` and `message` are called until `close`. */
  openStream(
    url: string,
    on: { opened(): void; failed(): void; message(event: 'report' | 'update', data: string): void },
  ): EventLine
  /** GET of a JSON document; rejects when there is none. */
  loadJson(url: string): Promise<unknown>
  /** Calls once after the delay; returns how to call it off. */
  after(delayMs: number, run: () => void): () => void
}

export interface FollowerEvents {
  report(data: unknown): void
  /** What was certified before the stream began, in any order. */
  backlog(data: readonly unknown[]): void
  update(data: unknown): void
  link(index: number, status: LinkStatus): void
}

/** Pause after every aggregator has failed in turn; a single failure is followed by the next one at once. */
const LAP_PAUSE_MS = 1_000
/** A connection that neither opens nor fails is as good as none. */
const CONNECT_MS = 4_000

/**
 * Follows one aggregator's stream of reports, and the next one's as soon as it breaks, fails to open or falls
 * silent. Each stream is opened before the backlog is asked for, so that nothing falls between the two.
 */
export class ReportFollower {
  readonly #bases: readonly string[]
  readonly #ports: FollowerPorts
  readonly #events: FollowerEvents
  readonly #silentMs: number
  readonly #backlog: number
  #index = 0
  #failures = 0
  #line: EventLine | null = null
  #callOff: () => void = () => {}
  /** Grows with every connection, so that what an abandoned one still says is told apart. */
  #generation = 0

  constructor(
    options: { bases: readonly string[]; silentMs: number; backlog: number },
    ports: FollowerPorts,
    events: FollowerEvents,
  ) {
    this.#bases = options.bases
    this.#silentMs = options.silentMs
    this.#backlog = options.backlog
    this.#ports = ports
    this.#events = events
  }

  /** Index of the aggregator that is followed or being tried. */
  get current(): number {
    return this.#index
  }

  start(): void {
    const base = this.#bases[this.#index]
    if (base === undefined) return
    const generation = ++this.#generation
    const mine = (run: () => void) => () => {
      if (generation === this.#generation) run()
    }
    const fail = mine(() => this.#moveOn('down'))
    this.#events.link(this.#index, 'connecting')
    this.#expect(CONNECT_MS, fail)
    this.#line = this.#ports.openStream(`${base}/v1/stream`, {
      opened: mine(() => this.#opened(base, mine, fail)),
      failed: fail,
      message: (event, data) => mine(() => this.#heard(event, data))(),
    })
  }

  stop(): void {
    this.#generation++
    this.#callOff()
    this.#line?.close()
    this.#line = null
  }

  #opened(base: string, mine: (run: () => void) => () => void, fail: () => void): void {
    this.#failures = 0
    this.#events.link(this.#index, 'following')
    this.#listen()
    this.#ports
      .loadJson(`${base}/v1/reports?limit=${this.#backlog}`)
      .then(found => mine(() => this.#events.backlog(listOf(found)))(), fail)
  }

  #heard(event: 'report' | 'update', text: string): void {
    this.#listen()
    const data = parseJson(text)
    if (event === 'report') this.#events.report(data)
    else this.#events.update(data)
  }

  #listen(): void {
    this.#expect(this.#silentMs, () => this.#moveOn('silent'))
  }

  /** One deadline at a time: for the connection to open, then for the next message. */
  #expect(withinMs: number, otherwise: () => void): void {
    this.#callOff()
    this.#callOff = this.#ports.after(withinMs, otherwise)
  }

  #moveOn(status: LinkStatus): void {
    this.stop()
    this.#events.link(this.#index, status)
    this.#index = (this.#index + 1) % this.#bases.length
    this.#failures++
    const pauseMs = this.#failures % this.#bases.length === 0 ? LAP_PAUSE_MS : 0
    this.#callOff = this.#ports.after(pauseMs, () => this.start())
  }
}

/** The list itself, or an object that holds it. */
function listOf(found: unknown): readonly unknown[] {
  const list: unknown = Array.isArray(found) ? found : Reflect.get(Object(found), 'reports')
  return Array.isArray(list) ? list : []
}

/** What is not JSON is handed on as nothing, and refused by the parser of the message. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
