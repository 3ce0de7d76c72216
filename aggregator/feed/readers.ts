/**
 * Readers of the stream, whatever they are connected by. Each has a cursor, the last round it was given, and is in one
 * of two states:
 *
 * | State  | On                          | To     | Effect                                                    |
 * | ------ | --------------------------- | ------ | --------------------------------------------------------- |
 * | behind | there is room in its buffer | behind | the next reports above the cursor, from the store         |
 * | behind | none is above the cursor    | live   |                                                           |
 * | live   | a report is published       | live   | that report                                               |
 * | live   | one is, and its buffer is full | behind | none: the store has it                                 |
 * | any    | nothing left its buffer for `stallMs` | gone | it is told why, and cut off                        |
 *
 * A report is stored before it is published, the look into the store and the change of state are one step, and the
 * cursor only rises: so there is neither a gap nor a duplicate where the one source ends and the other begins.
 */
import type { ReportJson } from '../../protocol/report-json.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { ReportStore } from './report-store.ts'
import type { Gap, Update } from './schemas.ts'

export type EndReason = 'SLOW_READER' | 'NO_ANSWER' | 'BAD_MESSAGE' | 'SHUTTING_DOWN'

export const END_ADVICE: Readonly<Record<EndReason, string>> = {
  SLOW_READER: 'Nothing was read for too long. Connect again with the last round that was read.',
  NO_ANSWER: 'No ping was answered. Connect again with the last round that was read.',
  BAD_MESSAGE: 'Only {"after":ROUND} may be sent, once and first.',
  SHUTTING_DOWN: 'The aggregator stops. Connect again, or to another one, with the last round that was read.',
}

/** One event; `json` is its data, serialised once for all readers. */
export type StreamEvent =
  | { readonly type: 'report'; readonly round: number; readonly json: string }
  | { readonly type: 'update' | 'gap'; readonly json: string }

/** A connection. None of its methods throws. */
export interface Line {
  /** @param flushed called once when all of the event has left this process */
  write(event: StreamEvent, flushed: () => void): void
  /** Keeps the connection open. False when the other side has not answered the last ones. */
  ping(): boolean
  end(reason: EndReason): void
}

/** What a connection does to its reader. */
export interface Reader {
  /** The newest round when it came. */
  readonly newest: number
  /** Begins above `after`; without it, above what was newest when it came. Only the first call counts. */
  begin(after?: number): void
  leave(): void
}

export interface ReadersOptions {
  /** More than a feed of one network has; one more is told to come back. */
  readonly maxReaders: number
  /** Bytes that wait for one reader before it is given no more. */
  readonly highWater: number
  /** A reader that takes nothing for this long is cut off. */
  readonly stallMs: number
  /** Proxies close connections that say nothing for a minute. */
  readonly pingMs: number
}

export const DEFAULT_READERS: ReadersOptions = {
  maxReaders: 256,
  highWater: 128 * 1024,
  stallMs: 20_000,
  pingMs: 15_000,
}

/** From the store at once; then other work has its turn, for rounds run on the same thread. */
const PULLED_AT_ONCE = 32
/** How often stalls and pings are looked after. */
const SWEEP_MS = 1_000
/** What a transport puts around the data, about. */
const FRAME_BYTES = 48

interface Entry {
  readonly line: Line
  cursor: number
  state: 'waiting' | 'behind' | 'live'
  /** Bytes handed to the line that have not left. */
  pending: number
  /** When something last left, or the buffer was last empty. */
  progressAt: number
  pingAt: number
  /** A pull is on its way. */
  scheduled: boolean
}

export class Readers {
  readonly #options: ReadersOptions
  readonly #store: Pick<ReportStore, 'ascending' | 'highestRound' | 'oldestRound' | 'prunedUpTo'>
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #logger: Logger
  readonly #entries = new Set<Entry>()
  #open = false
  #sweeping: NodeJS.Timeout | undefined

  constructor(
    options: ReadersOptions,
    deps: {
      readonly store: Pick<ReportStore, 'ascending' | 'highestRound' | 'oldestRound' | 'prunedUpTo'>
      readonly clock: Pick<Clock, 'monotonic'>
      readonly logger: Logger
    },
  ) {
    this.#options = options
    this.#store = deps.store
    this.#clock = deps.clock
    this.#logger = deps.logger
  }

  get count(): number {
    return this.#entries.size
  }

  /** Whether one more reader can be taken. */
  get hasRoom(): boolean {
    return this.#open && this.#entries.size < this.#options.maxReaders
  }

  start(): void {
    this.#open = true
    this.#sweeping ??= setInterval(() => this.sweep(), SWEEP_MS)
  }

  stop(): void {
    this.#open = false
    clearInterval(this.#sweeping)
    this.#sweeping = undefined
    for (const entry of [...this.#entries]) this.#end(entry, 'SHUTTING_DOWN')
  }

  /** Takes a reader that is given nothing before `begin`. Ask {@link hasRoom} first. */
  add(line: Line): Reader {
    const now = this.#clock.monotonic()
    const entry: Entry = {
      line,
      cursor: this.#store.highestRound(),
      state: 'waiting',
      pending: 0,
      progressAt: now,
      pingAt: now,
      scheduled: false,
    }
    this.#entries.add(entry)
    return {
      newest: entry.cursor,
      begin: (after = entry.cursor) => {
        if (entry.state !== 'waiting') return
        entry.cursor = after
        entry.state = 'behind'
        this.#pull(entry)
      },
      leave: () => {
        this.#entries.delete(entry)
      },
    }
  }

  /** Gives a report to all who are live. It must be in the store already. */
  publish(report: ReportJson): void {
    const event: StreamEvent = { type: 'report', round: report.round, json: JSON.stringify(report) }
    for (const entry of this.#entries) {
      if (entry.state !== 'live' || report.round <= entry.cursor) continue
      if (entry.pending >= this.#options.highWater) {
        entry.state = 'behind'
      } else {
        this.#give(entry, event)
        entry.cursor = report.round
      }
    }
  }

  /** Tells of an update whoever has had the report; to all others the store will give it as being on chain. */
  tell(update: Update): void {
    const event: StreamEvent = { type: 'update', json: JSON.stringify(update) }
    for (const entry of this.#entries) {
      if (entry.state === 'waiting' || update.round > entry.cursor) continue
      if (entry.pending < this.#options.highWater) this.#give(entry, event)
    }
  }

  /** Looks after stalls and pings. */
  sweep(): void {
    const now = this.#clock.monotonic()
    for (const entry of [...this.#entries]) {
      if (entry.pending > 0 && now - entry.progressAt >= this.#options.stallMs) {
        this.#end(entry, 'SLOW_READER')
      } else if (now - entry.pingAt >= this.#options.pingMs) {
        entry.pingAt = now
        if (!entry.line.ping()) this.#end(entry, 'NO_ANSWER')
      }
    }
  }

  #pull(entry: Entry): void {
    if (!this.#entries.has(entry) || entry.state !== 'behind') return
    const gap = this.#gapAfter(entry.cursor)
    if (gap !== undefined) {
      this.#give(entry, { type: 'gap', json: JSON.stringify(gap) })
      entry.cursor = gap.oldest - 1
    }
    const reports = this.#store.ascending(PULLED_AT_ONCE, { after: entry.cursor })
    if (reports.length === 0) {
      entry.state = 'live'
      return
    }
    for (const report of reports) {
      // Goes on when something has left.
      if (entry.pending >= this.#options.highWater) return
      this.#give(entry, { type: 'report', round: report.round, json: JSON.stringify(report) })
      entry.cursor = report.round
    }
    this.#pullSoon(entry)
  }

  #pullSoon(entry: Entry): void {
    if (entry.scheduled || entry.state !== 'behind') return
    entry.scheduled = true
    setImmediate(() => {
      entry.scheduled = false
      if (entry.pending < this.#options.highWater) this.#pull(entry)
    })
  }

  /**
   * Whether something above `after` is missing. Who begins at 0 wants what there is; who names a round that is older
   * than all we ever had was with another aggregator, and will miss what lies between.
   */
  #gapAfter(after: number): Gap | undefined {
    const pruned = this.#store.prunedUpTo()
    if (pruned > 0 ? after >= pruned : after === 0) return undefined
    const oldest = this.#store.oldestRound()
    return oldest === undefined || after + 1 >= oldest ? undefined : { after, oldest }
  }

  #give(entry: Entry, event: StreamEvent): void {
    const bytes = event.json.length + FRAME_BYTES
    if (entry.pending === 0) entry.progressAt = this.#clock.monotonic()
    entry.pending += bytes
    entry.line.write(event, () => {
      entry.pending -= bytes
      entry.progressAt = this.#clock.monotonic()
      this.#pullSoon(entry)
    })
  }

  #end(entry: Entry, reason: EndReason): void {
    this.#entries.delete(entry)
    if (reason !== 'SHUTTING_DOWN') this.#logger.debug('a reader of the feed is cut off', { reason })
    entry.line.end(reason)
  }
}
