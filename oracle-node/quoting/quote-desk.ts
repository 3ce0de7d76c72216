/**
 * The direct way for quotes, beside gossip: gives out this node's own, and asks for those it has missed in time for
 * what it demands of a proposal.
 */
import { askAheadMs, askForQuotes, missedMembers } from '../../member/missed-quotes.ts'
import { CHANNELS } from '../../protocol/channels.ts'
import type { Membership } from '../../protocol/membership.ts'
import { decodeQuoteRequest, QUOTE_REQUEST_BYTES } from '../../protocol/round/messages.ts'
import type { QuoteBook } from '../../protocol/round/quote-book.ts'
import { collectionDeadlineMs, type RoundTiming } from '../../protocol/round/timing.ts'
import { nextRound, type Round, roundAt, roundStartMs } from '../../protocol/rounds.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { PeerNetwork } from '../../runtime/p2p/peer-network.ts'
import type { Service } from '../../runtime/service.ts'
import type { Guard } from '../guard/guard.ts'

export interface QuoteDeskOptions {
  readonly slot: number
  readonly timing: RoundTiming
}

export interface QuoteDeskDeps {
  readonly clock: Clock
  readonly guard: Pick<Guard, 'quoteOf'>
  readonly book: Pick<QuoteBook, 'quoteOf' | 'isEquivocator'>
  readonly network: Pick<PeerNetwork, 'handle' | 'request' | 'connected'>
  /** What counts for a round that starts then. */
  readonly membershipAt: (unixMs: number) => Membership | undefined
  /** Takes in a quote that was asked for, as if it had come by gossip. */
  readonly admitQuote: (bytes: Uint8Array) => void
}

/** A lookup of one row; the deadline only frees what hangs. */
const REQUEST_TIMEOUT_MS = 1_000
/** Two aggregators and, around a late quote, every other member once a round. */
const LIMITS = {
  maxRequestBytes: QUOTE_REQUEST_BYTES,
  maxInFlightPerPeer: 4,
  timeoutMs: REQUEST_TIMEOUT_MS,
  maxPerSec: 20,
}

export class QuoteDesk implements Service {
  readonly name = 'quote desk'
  readonly #options: QuoteDeskOptions
  readonly #deps: QuoteDeskDeps
  #abort = new AbortController()
  #running: Promise<void> | undefined

  constructor(options: QuoteDeskOptions, deps: QuoteDeskDeps) {
    this.#options = options
    this.#deps = deps
  }

  register(): void {
    // The stored bytes, never signed again: whoever asks gets what everybody was sent.
    this.#deps.network.handle(
      CHANNELS.quote,
      LIMITS,
      async request => this.#deps.guard.quoteOf(decodeQuoteRequest(request))?.bytes ?? new Uint8Array(),
    )
  }

  async start(): Promise<void> {
    this.#abort = new AbortController()
    this.#running = this.#run(this.#abort.signal)
  }

  async stop(): Promise<void> {
    this.#abort.abort(new Error('stopping'))
    await this.#running
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps
    const { roundMs } = this.#options.timing
    let round = roundAt(clock.now(), roundMs)
    while (!signal.aborted) {
      const current = roundAt(clock.now(), roundMs)
      round = nextRound(round > current ? round : current, roundMs)
      const slept = await clock.sleep(this.#asksAtMs(round) - clock.now(), signal).then(
        () => true,
        () => false,
      )
      if (slept) this.#askForMissed(round)
    }
  }

  /** Early enough that the answers still count as seen before D − δ, and not before gossip has had its chance. */
  #asksAtMs(round: Round): number {
    const { timing } = this.#options
    const startMs = roundStartMs(round)
    const marginMs = collectionDeadlineMs(round, timing) - timing.inclusionMarginMs
    return Math.max(marginMs - askAheadMs(timing), Math.floor((startMs + marginMs) / 2))
  }

  #askForMissed(round: Round): void {
    const { book, network, membershipAt, admitQuote } = this.#deps
    const membership = membershipAt(roundStartMs(round))
    if (membership?.groupKey === undefined) return
    const others = missedMembers(round, membership, book).filter(({ slot }) => slot !== this.#options.slot)
    const { n, q } = membership.quorum
    const turn = round / (this.#options.timing.roundMs / 100) + this.#options.slot
    const asking = { turn, needed: 0, tolerable: n - q }
    askForQuotes(round, others, asking, { network, timing: this.#options.timing, admit: admitQuote }).catch(
      () => {},
    )
  }
}
