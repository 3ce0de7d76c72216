/** Says once a round what the feed is worth, or says nothing and why. */
import type { Address, Hash } from '../../protocol/bytes.ts'
import { type Membership, memberByIdentity } from '../../protocol/membership.ts'
import type { Quote, SignedQuote } from '../../protocol/quote.ts'
import { nextRound, type Round, roundAt, roundStartMs } from '../../protocol/rounds.ts'
import { quotedPriceOf } from '../../protocol/sources/quote-trace.ts'
import type { SourceTrace } from '../../protocol/sources/trace.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Service } from '../../runtime/service.ts'
import { type Guard, GuardError } from '../guard/guard.ts'
import type { Sources } from '../sources/service.ts'
import { ClockWatch } from './clock-watch.ts'

/** Why a round passes without a quote of this node. Closed: metric label and log field. */
export type Abstention =
  | 'NO_KEY_YET'
  | 'NOT_ACTIVE'
  | 'JUST_STARTED'
  | 'CLOCK_STEPPED'
  | 'CLOCK_OFF_PEERS'
  | 'NO_PRICE'
  | 'ALREADY_QUOTED'
  /** The process was busy until the slot was over. */
  | 'TOO_LATE'
  /** Something went wrong, the disk for example: the log says what. */
  | 'FAILED'
  /** Somebody else holds the key. */
  | 'GUARD_CLOSED'

export interface QuoterOptions {
  readonly feedId: Hash
  readonly slot: number
  readonly identity: Address
  readonly roundMs: number
  readonly skewMs: number
}

export interface QuoterDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly guard: Pick<Guard, 'signQuote' | 'quoteOf'>
  readonly sources: Pick<Sources, 'observe'>
  /** What counts for a round that starts then. */
  readonly membershipAt: (unixMs: number) => Membership | undefined
  /** How far the other members' clocks are ahead of this one; undefined when too few are known. */
  readonly clockOffsetMs: () => number | undefined
  /** Sends what has been signed and stored. */
  readonly publish: (quote: SignedQuote) => void
  /**
   * Counts each round by what came of it; and once more, as PEER_CLOCKS_UNKNOWN, each in which the own clock could not
   * be held against the others'.
   */
  readonly count: (outcome: 'QUOTED' | 'PEER_CLOCKS_UNKNOWN' | Abstention) => void
  /** Takes what a quote was made from, once the quote has been sent. Default: nobody keeps it. */
  readonly keepTrace?: (signed: SignedQuote, trace: SourceTrace) => void
  /** Hears how long after its round began a quote was signed and stored. Default: nobody listens. */
  readonly signedAfterMs?: (ms: number) => void
}

/** A stepped clock must hold still this long before it is believed again. */
const CLOCK_SETTLE_MS = 10_000

export class Quoter implements Service {
  readonly name = 'quoter'
  readonly #options: QuoterOptions
  readonly #deps: QuoterDeps
  readonly #clockWatch: ClockWatch
  #abort = new AbortController()
  #running: Promise<void> | undefined
  /** Rounds up to this one may have been quoted by an earlier life of this node whose guard we cannot ask. */
  #silentUntil = 0 as Round
  #lastAbstention: Abstention | undefined

  constructor(options: QuoterOptions, deps: QuoterDeps) {
    this.#options = options
    this.#deps = deps
    this.#clockWatch = new ClockWatch(deps.clock, options.skewMs, CLOCK_SETTLE_MS)
  }

  async start(): Promise<void> {
    const { roundMs } = this.#options
    this.#silentUntil = nextRound(roundAt(this.#deps.clock.now(), roundMs), roundMs)
    this.#abort = new AbortController()
    this.#running = this.#run(this.#abort.signal)
  }

  async stop(): Promise<void> {
    this.#abort.abort(new Error('stopping'))
    await this.#running
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#deps
    const { roundMs } = this.#options
    this.#sendAgain()
    while (!signal.aborted) {
      const round = nextRound(roundAt(clock.now(), roundMs), roundMs)
      const slept = await clock.sleep(roundStartMs(round) - clock.now(), signal).then(
        () => true,
        () => false,
      )
      if (!slept) return
      try {
        this.#quote(round)
      } catch (error) {
        this.#abstain('FAILED', round)
        logger.error('a quote could not be made', { round, error })
      }
    }
  }

  /** An earlier life may have stored the quote of the round that is under way, and ended before it was sent. */
  #sendAgain(): void {
    const { clock, guard, logger, publish } = this.#deps
    const round = roundAt(clock.now(), this.#options.roundMs)
    try {
      const stored = guard.quoteOf(round)
      if (stored !== undefined) publish(stored)
    } catch (error) {
      logger.error('a stored quote could not be sent again', { round, error })
    }
  }

  #quote(round: Round): void {
    const { clock, guard, membershipAt } = this.#deps
    const wokenMs = clock.monotonic()
    // A timer may fire a millisecond early or a busy process late: the slot that is now is what counts.
    const nowMs = Math.max(clock.now(), roundStartMs(round))
    if (roundAt(nowMs, this.#options.roundMs) !== round) {
      this.#abstain('TOO_LATE', round)
      return
    }
    const membership = membershipAt(roundStartMs(round))
    const abstention = this.#abstention(round, membership)
    // The bytes of an earlier life are no new quote.
    const stored =
      abstention === undefined || abstention === 'JUST_STARTED' ? guard.quoteOf(round) : undefined
    if (stored !== undefined) {
      this.#deps.publish(stored)
      return
    }
    if (abstention !== undefined) {
      this.#abstain(abstention, round)
      return
    }
    const { outcome, root, trace } = this.#deps.sources.observe(nowMs)
    if (outcome.kind === 'abstain' || membership === undefined) {
      this.#abstain('NO_PRICE', round)
      return
    }
    const signed = this.#sign({
      keyEpoch: membership.keyEpoch,
      feedId: this.#options.feedId,
      round,
      ...quotedPriceOf(outcome, root, nowMs),
    })
    if (typeof signed === 'string') {
      this.#abstain(signed, round)
      return
    }
    this.#lastAbstention = undefined
    this.#deps.signedAfterMs?.(nowMs - roundStartMs(round) + (clock.monotonic() - wokenMs))
    this.#deps.publish(signed)
    this.#deps.count('QUOTED')
    this.#deps.keepTrace?.(signed, trace)
  }

  /** ALREADY_QUOTED for a round that is not above the last: the clock was set back. */
  #sign(quote: Quote): SignedQuote | 'ALREADY_QUOTED' | 'GUARD_CLOSED' {
    try {
      return this.#deps.guard.signQuote(quote)
    } catch (error) {
      if (error instanceof GuardError) return error.code === 'CLOSED' ? 'GUARD_CLOSED' : 'ALREADY_QUOTED'
      throw error
    }
  }

  #abstention(round: Round, membership: Membership | undefined): Abstention | undefined {
    const steady = this.#clockWatch.isSteady()
    if (membership?.groupKey === undefined) return 'NO_KEY_YET'
    // By identity: once this node has left, somebody else may have its slot.
    const { slot, identity } = this.#options
    const self = memberByIdentity(membership, identity)
    if (self?.slot !== slot || self.suspended) return 'NOT_ACTIVE'
    if (round <= this.#silentUntil) return 'JUST_STARTED'
    if (!steady) return 'CLOCK_STEPPED'
    const offsetMs = this.#deps.clockOffsetMs()
    if (offsetMs === undefined) {
      this.#deps.count('PEER_CLOCKS_UNKNOWN')
      return undefined
    }
    return Math.abs(offsetMs) > this.#options.skewMs ? 'CLOCK_OFF_PEERS' : undefined
  }

  /** Counted every round, said when the reason changes. */
  #abstain(reason: Abstention, round: Round): void {
    this.#deps.count(reason)
    if (reason !== this.#lastAbstention) this.#deps.logger.info('abstaining', { reason, round })
    this.#lastAbstention = reason
  }
}
