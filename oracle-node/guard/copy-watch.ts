/** Ends this node when somebody else turns out to sign with its key. */
import type { Address } from '../../protocol/bytes.ts'
import type { SignedQuote } from '../../protocol/quote.ts'
import { nextRound, type Round, roundAt } from '../../protocol/rounds.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Guard } from './guard.ts'

export interface CopyWatchOptions {
  readonly slot: number
  readonly identity: Address
  readonly roundMs: number
}

export interface CopyWatchDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly guard: Pick<Guard, 'knows' | 'close' | 'isAcknowledged'>
  /** Ends the process. */
  readonly fail: (error: Error) => void
  /** A quote that the guard does not know was let pass: an earlier life of this node may have signed it. */
  readonly passed: () => void
}

export class CopyWatch {
  readonly #options: CopyWatchOptions
  readonly #deps: CopyWatchDeps
  /**
   * Rounds up to this one may have been quoted by an earlier life of this node whose guard has been lost. Anybody can
   * send those quotes again, and they are no copy's.
   */
  readonly #silentUntil: Round

  /** Made before the node quotes: its own life begins with the round after the next. */
  constructor(options: CopyWatchOptions, deps: CopyWatchDeps) {
    this.#options = options
    this.#deps = deps
    const { roundMs } = options
    this.#silentUntil = nextRound(roundAt(deps.clock.now(), roundMs), roundMs)
  }

  /**
   * Looks at quotes that have been verified. A quote under this node's key that its guard does not know closes the
   * guard and ends the process.
   *
   * @param signer whose the quotes are: before this node came, or once it has left, its slot is another's
   */
  look(quotes: readonly SignedQuote[], signer: Address | undefined): void {
    const { slot, identity } = this.#options
    const { guard, clock, logger, fail, passed } = this.#deps
    if (signer !== identity) return
    const unknown = quotes.filter(quote => quote.slot === slot && !guard.knows(quote))
    const foreign = unknown.find(
      ({ quote }) => quote.round > this.#silentUntil && !guard.isAcknowledged(quote.round),
    )
    if (foreign === undefined) {
      for (const { quote } of unknown) {
        passed()
        logger.warn('a quote under the own key that is not in the guard, of before its start', {
          round: quote.round,
        })
      }
      return
    }
    let reason: unknown
    try {
      reason = guard.close(foreign, clock.now())
    } catch (error) {
      logger.error('somebody else holds the key of this node, and it could not be written down', {
        round: foreign.quote.round,
        error,
      })
      reason = error
    }
    fail(reason instanceof Error ? reason : new Error('the guard could not be closed'))
  }
}
