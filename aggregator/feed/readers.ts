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
 *
 * All who are behind share one queue: however many there are, a turn of the event loop reads a few reports for one of
 * them, and all together read no more from the store than their budget.
 */
import type { ReportJson } from '../../protocol/report-json.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { addressKey, type Bucket } from './allowance.ts'
import type { ReportStore } from './report-store.ts'
import type { Gap, Update } from './schemas.ts'

export type EndReason = 'SLOW_READER' | 'NO_ANSWER' | 'BAD_MESSAGE' | 'LATE_MESSAGE' | 'SHUTTING_DOWN'

export const END_ADVICE: Readonly<Record<EndReason, string>> = {
  SLOW_READER: 'Nothing was read for too long. Connect again with the last round that was read.',
  NO_ANSWER: 'No ping was answered. Connect again with the last round that was read.',
  BAD_MESSAGE: 'Only {"after":ROUND} may be sent, once and first.',
  LATE_MESSAGE:
    'The first message came after a second, and the stream had begun. Name the round in the address.',
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
  readonly maxReadersOfAddress: number
  /** Bytes that wait for one reader before it is given no more. */
  readonly highWater: number
  /** A reader that takes nothing for this long is cut off. */
  readonly stallMs: number
  /** Proxies close connections that say nothing for a minute. */
  readonly pingMs: number
}

export const DEFAULT_READERS: ReadersOptions = {
  maxReaders: 256,
  maxReadersOfAddress: 16,
  highWater: 128 * 1024,
  stallMs: 20_000,
  pingMs: 15_000,
}

/** From the store for one reader; then other work has its turn, for rounds run on the same thread. */
const PULLED_AT_ONCE = 8
/** How often stalls and pings are looked after. */
const SWEEP_MS = 1_000
/** What a transport puts around the data, about. */
const FRAME_BYTES = 48

interface Entry {
  readonly line: Line
  readonly address: string
  cursor: number
  state: 'waiting' | 'behind' | 'live'
  /** Bytes handed to the line that have not left. */
  pending: number
  /** When something last left, or the buffer was last empty. */
  progressAt: number
  pingAt: number
}

type ReaderStore = Pick<ReportStore, 'ascending' | 'highestRound' | 'oldestRound' | 'prunedUpTo'>

export class Readers {
  readonly #options: ReadersOptions
  readonly #store: ReaderStore
  readonly #budget: Pick<Bucket, 'waitMs' | 'spend'>
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #logger: Logger
  readonly #entries = new Set<Entry>()
  readonly #byAddress = new Map<string, number>()
  /** Who is behind and has room: each gets a little in its turn, one in a turn of the event loop. */
  readonly #queue = new Set<Entry>()
  #pulling: NodeJS.Immediate | NodeJS.Timeout | undefined
  #open = false
  #sweeping: NodeJS.Timeout | undefined

  constructor(
    options: ReadersOptions,
    deps: {
      readonly store: ReaderStore
      /** Bytes that all together may read from the store. */
      readonly budget: Pick<Bucket, 'waitMs' | 'spend'>
      readonly clock: Pick<Clock, 'monotonic'>
      readonly logger: Logger
    },
  ) {
    this.#options = options
    this.#store = deps.store
    this.#budget = deps.budget
    this.#clock = deps.clock
    this.#logger = deps.logger
  }

  get count(): number {
    return this.#entries.size
  }

  /** Why one more reader from that address cannot be taken; undefined when it can. */
  refusalOf(address: string): 'TOO_MANY_READERS' | 'TOO_MANY_STREAMS' | undefined {
    if (!this.#open || this.#entries.size >= this.#options.maxReaders) return 'TOO_MANY_READERS'
    const open = this.#byAddress.get(addressKey(address)) ?? 0
    return open >= this.#options.maxReadersOfAddress ? 'TOO_MANY_STREAMS' : undefined
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
    this.#queue.clear()
  }

  /** Takes a reader that is given nothing before `begin`. Ask {@link refusalOf} first. */
  add(line: Line, address: string): Reader {
    const now = this.#clock.monotonic()
    const entry: Entry = {
      line,
      address: addressKey(address),
      cursor: this.#store.highestRound(),
      state: 'waiting',
      pending: 0,
      progressAt: now,
      pingAt: now,
    }
    this.#entries.add(entry)
    this.#byAddress.set(entry.address, (this.#byAddress.get(entry.address) ?? 0) + 1)
    return {
      newest: entry.cursor,
      begin: (after = entry.cursor) => {
        if (entry.state !== 'waiting') return
        entry.cursor = after
        entry.state = 'behind'
        this.#pullSoon(entry)
      },
      leave: () => this.#remove(entry),
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

  #pullSoon(entry: Entry): void {
    if (entry.state !== 'behind' || !this.#entries.has(entry)) return
    this.#queue.add(entry)
    this.#pulling ??= setImmediate(() => this.#pullNext())
  }

  #pullNext(): void {
    this.#pulling = undefined
    const [entry] = this.#queue
    if (entry === undefined) return
    const waitMs = this.#budget.waitMs()
    if (waitMs > 0) {
      this.#pulling = setTimeout(() => this.#pullNext(), waitMs).unref()
      return
    }
    this.#queue.delete(entry)
    this.#pull(entry)
    if (this.#queue.size > 0) this.#pulling ??= setImmediate(() => this.#pullNext())
  }

  #pull(entry: Entry): void {
    if (entry.pending >= this.#options.highWater) return
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
      const json = JSON.stringify(report)
      this.#budget.spend(json.length)
      this.#give(entry, { type: 'report', round: report.round, json })
      entry.cursor = report.round
    }
    this.#pullSoon(entry)
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
      if (entry.pending < this.#options.highWater) this.#pullSoon(entry)
    })
  }

  #remove(entry: Entry): void {
    if (!this.#entries.delete(entry)) return
    this.#queue.delete(entry)
    const left = (this.#byAddress.get(entry.address) ?? 0) - 1
    if (left > 0) this.#byAddress.set(entry.address, left)
    else this.#byAddress.delete(entry.address)
  }

  #end(entry: Entry, reason: EndReason): void {
    this.#remove(entry)
    if (reason !== 'SHUTTING_DOWN') this.#logger.debug('a reader of the feed is cut off', { reason })
    entry.line.end(reason)
  }
}
