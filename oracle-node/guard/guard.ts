/**
 * The one entrance to the identity key. What must never be said twice is written down, durably, before it
 * leaves: one quote a round, one report a round. No flag turns this off.
 */
import type { Hash } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import {
  decodeSignedQuote,
  encodeSignedQuote,
  type Quote,
  quoteDigest,
  type SignedQuote,
} from '../../protocol/quote.ts'
import { reportDigest } from '../../protocol/report.ts'
import type { ReportLock } from '../../protocol/round/signer.ts'
import { type Round, roundStartMs } from '../../protocol/rounds.ts'
import type { GuardClosure, GuardStore } from './guard-store.ts'

export type GuardRefusal = 'ROUND_NOT_ABOVE_LAST' | 'OTHER_WORD_LOCKED' | 'CLOSED'

const SENTENCES: Record<GuardRefusal, string> = {
  ROUND_NOT_ABOVE_LAST: 'it is not above the last one quoted',
  OTHER_WORD_LOCKED: 'it is locked to another word',
  CLOSED: 'somebody else holds the key',
}

/** Signing would contradict what was said before. Never retry: the answer stays the same. */
export class GuardError extends Error {
  readonly code: GuardRefusal
  readonly round: Round
  constructor(code: GuardRefusal, round: Round) {
    super(`round ${round} is not signed: ${SENTENCES[code]}`)
    this.name = 'GuardError'
    this.code = code
    this.round = round
  }
}

/**
 * The guard was closed, in this life of the node or an earlier one, because somebody else signs with its key. A restart
 * changes nothing: only the operator can know that the copy is gone.
 */
export class GuardClosedError extends Error {
  readonly code = 'GUARD_CLOSED'
  readonly closure: GuardClosure
  constructor(closure: GuardClosure) {
    super(
      `round ${closure.round} was quoted under this node's key, but not by this node: find the copy of the key and ` +
        `stop it for good (or rotate the key), then, with the node stopped: ionet oracle reopen --config FILE`,
    )
    this.name = 'GuardClosedError'
    this.closure = closure
  }
}

export interface GuardOptions {
  readonly domain: Domain
  readonly feedId: Hash
  readonly slot: number
  /** 32 bytes of the identity key. The guard is the only one who holds them. */
  readonly secret: Uint8Array
}

export class Guard {
  readonly #options: GuardOptions
  readonly #store: GuardStore
  readonly #crypto: IdentityCrypto
  #closed: boolean

  constructor(options: GuardOptions, store: GuardStore, crypto: IdentityCrypto) {
    this.#options = options
    this.#store = store
    this.#crypto = crypto
    this.#closed = store.closure() !== undefined
  }

  /**
   * Signs no quote and no report any more, in this process and those that come after it: a quote under this node's key
   * shows that somebody else holds it.
   *
   * @param foreign a quote that the guard does not know
   * @returns what to end the process with
   */
  close(foreign: SignedQuote, nowMs: number): GuardClosedError {
    // Before the disk, which may fail: in this life nothing is signed any more whatever happens.
    this.#closed = true
    const closure = { atMs: nowMs, round: foreign.quote.round, quote: foreign.bytes }
    this.#store.transaction(() => this.#store.addClosure(closure))
    return new GuardClosedError(closure)
  }

  /**
   * The operator has stopped the copy for good: signs again from the next opening on.
   *
   * @returns what it was closed for; undefined when it was open
   */
  reopen(nowMs: number): GuardClosure | undefined {
    const closure = this.#store.closure()
    if (closure !== undefined) this.#store.transaction(() => this.#store.acknowledge(nowMs))
    return closure
  }

  /** Whether an operator has seen to whoever quoted this round: what the copy signed until then goes on being shown. */
  isAcknowledged(round: Round): boolean {
    return roundStartMs(round) <= this.#store.acknowledgedAtMs()
  }

  /** @throws {GuardClosedError} when it is closed: a node must not go on without its guard */
  assertOpen(): void {
    const closure = this.#store.closure()
    if (closure !== undefined) throw new GuardClosedError(closure)
  }

  /**
   * Signs a quote and stores the signed bytes before it returns them.
   *
   * @throws {GuardError} when the round is not above the highest one signed
   */
  signQuote(quote: Quote): SignedQuote {
    const { domain, slot, secret } = this.#options
    if (this.#closed) throw new GuardError('CLOSED', quote.round)
    return this.#store.transaction(() => {
      if (quote.round <= this.#store.highestQuoteRound())
        throw new GuardError('ROUND_NOT_ABOVE_LAST', quote.round)
      const signature = this.#crypto.sign(quoteDigest(domain, quote), secret)
      const signed = encodeSignedQuote(domain, slot, quote, signature)
      this.#store.addQuote(quote.round, signed.bytes)
      return signed
    })
  }

  /** The stored quote of a round, to be sent again as it was: never signed a second time. */
  quoteOf(round: Round): SignedQuote | undefined {
    const bytes = this.#store.quoteBytes(round)
    return bytes === undefined ? undefined : decodeSignedQuote(this.#options.domain, bytes)
  }

  /** Whether bytes that carry this node's slot are known: if not, somebody else holds the key. */
  knows(signed: SignedQuote): boolean {
    const bytes = this.#store.quoteBytes(signed.quote.round)
    return bytes !== undefined && Buffer.compare(bytes, signed.bytes) === 0
  }

  lockOf(round: Round): ReportLock | undefined {
    return this.#store.lockOf(round)
  }

  /**
   * Locks the round to a word, durably, and signs the report with the identity key. The same word again succeeds.
   *
   * @throws {GuardError} when the round is locked to another word
   */
  lockAndSignReport(round: Round, lock: ReportLock): Uint8Array {
    if (this.#closed) throw new GuardError('CLOSED', round)
    this.#store.transaction(() => {
      const existing = this.#store.lockOf(round)
      if (existing === undefined) this.#store.addLock(round, lock)
      else if (existing.word !== lock.word) throw new GuardError('OTHER_WORD_LOCKED', round)
    })
    const { domain, feedId, secret } = this.#options
    return this.#crypto.sign(reportDigest(domain, feedId, lock.word), secret)
  }

  /** Signs a message or an installation: saying two different ones breaks nothing but trust in this node. */
  signDigest(digest: Uint8Array): Uint8Array {
    return this.#crypto.sign(digest, this.#options.secret)
  }
}
