/**
 * One attempt at a key, as one member goes through it: commitments, then the transcript that everybody has to have
 * alike, then shares. Everything is pulled, so a message that is lost is asked for again, and a peer that has not
 * got so far refuses until it has.
 */
import { DecodeError, type Hash } from '../../protocol/bytes.ts'
import { CHANNELS } from '../../protocol/channels.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import {
  attemptIdOf,
  type DealerCommitment,
  decodeDealerCommitment,
  decodeKeyShare,
  decodeTranscriptVote,
  type KeygenAttempt,
  MAX_TRANSCRIPT_BYTES,
} from '../../protocol/keygen.ts'
import { type Membership, memberBySlot } from '../../protocol/membership.ts'
import { MESSAGE_KIND, type MessageKind, openMessage } from '../../protocol/message.ts'
import type { Clock } from '../../runtime/clock.ts'
import { type PeerNetwork, RequestRefused } from '../../runtime/p2p/peer-network.ts'
import { Dealer, type GeneratedKey, KeygenError } from './dealer.ts'
import { OneTimeNonces } from './install-nonces.ts'

export interface AttemptOptions {
  readonly domain: Domain
  readonly slot: number
  /** How long an attempt may wait for the other members. */
  readonly timeoutMs: number
}

export interface AttemptDeps {
  readonly clock: Clock
  readonly crypto: IdentityCrypto
  readonly network: Pick<PeerNetwork, 'request'>
  readonly membership: () => Membership | undefined
  /** Makes the key durable; called before this node helps to install it. */
  readonly save: (keyEpoch: number, key: GeneratedKey) => Promise<void>
}

/** Peers refuse until they have got as far as we have; asking this often costs nothing. */
const RETRY_MS = 100
/** A request that got lost is sent again after this long. */
const REQUEST_TIMEOUT_MS = 3_000

export class Attempt {
  readonly id: Hash
  readonly terms: KeygenAttempt
  /** Pairs with which the new key signs its own installation. */
  readonly nonces = new OneTimeNonces()
  readonly #options: AttemptOptions
  readonly #deps: AttemptDeps
  readonly #dealer: Dealer
  /** Monotonic. */
  readonly #deadlineMs: number
  readonly #givenUp = new AbortController()
  #done: Promise<GeneratedKey> | undefined
  #vote: Hash | undefined
  /** Every participant signed the same transcript: only now may shares go out. */
  #agreed = false
  #key: GeneratedKey | undefined

  /** @throws {KeygenError} when this slot does not take part */
  constructor(terms: KeygenAttempt, options: AttemptOptions, deps: AttemptDeps) {
    this.id = attemptIdOf(options.domain, terms)
    this.terms = terms
    this.#options = options
    this.#deps = deps
    this.#dealer = new Dealer(terms, this.id, options.slot)
    this.#deadlineMs = deps.clock.monotonic() + options.timeoutMs
  }

  /** The key, once this member holds its share; the same promise for everybody who asks. */
  generate(): Promise<GeneratedKey> {
    this.#done ??= this.#run()
    return this.#done
  }

  /** Until then it is left alone, also when it has ended: a key that is finished has yet to be installed. */
  get isInItsTime(): boolean {
    return this.#deps.clock.monotonic() < this.#deadlineMs
  }

  get commitment(): DealerCommitment {
    return this.#dealer.own
  }

  /** The transcript's hash, from when it is fixed; peers may have it from then on. */
  get vote(): Hash | undefined {
    return this.#vote
  }

  /** A participant's share, not before everybody has agreed on the transcript. */
  shareFor(slot: number): Uint8Array | undefined {
    return this.#agreed ? this.#dealer.shareFor(slot) : undefined
  }

  get key(): GeneratedKey | undefined {
    return this.#key
  }

  /** Aborts when the attempt is given up. */
  get givenUp(): AbortSignal {
    return this.#givenUp.signal
  }

  /** Replaced by another attempt, or its key is installed, or the node stops. The polynomial is overwritten. */
  giveUp(why: string): void {
    this.#givenUp.abort(new RequestRefused(why))
    this.#dealer.forget()
  }

  async #run(): Promise<GeneratedKey> {
    const failed = new AbortController()
    const signal = AbortSignal.any([this.#givenUp.signal, failed.signal])
    try {
      const key = await this.#pullKey(signal)
      await this.#deps.save(this.terms.keyEpoch, key)
      this.#key = key
      return key
    } catch (error) {
      // One answer is missing for good: what the others are still asked for is of no use any more.
      failed.abort(error)
      throw this.#givenUp.signal.aborted ? this.#givenUp.signal.reason : error
    }
  }

  async #pullKey(signal: AbortSignal): Promise<GeneratedKey> {
    const id = this.id
    const dealer = this.#dealer
    const others = this.terms.participants.filter(slot => slot !== this.#options.slot)
    const pull = <T>(channel: string, kind: MessageKind, read: (body: Uint8Array, slot: number) => T) =>
      Promise.all(others.map(async slot => read(await this.#ask(slot, channel, kind, signal), slot)))

    const dealt = await pull(CHANNELS.keygenCommitment, MESSAGE_KIND.keygenCommitment, (body, slot) => {
      const { attemptId, dealer: commitment } = decodeDealerCommitment(body)
      if (attemptId !== id || commitment.slot !== slot) throw new KeygenError('WRONG_COMMITMENT', slot)
      return commitment
    })
    const vote = dealer.fixTranscript(dealt)
    this.#vote = vote
    await pull(CHANNELS.keygenVote, MESSAGE_KIND.keygenTranscript, (body, slot) => {
      const { attemptId, transcriptHash } = decodeTranscriptVote(body)
      if (attemptId !== id || transcriptHash !== vote) throw new KeygenError('TRANSCRIPTS_DIFFER', slot)
    })
    this.#agreed = true
    const shares = await pull(CHANNELS.keygenShare, MESSAGE_KIND.keygenShare, (body, slot) => {
      const { attemptId, share } = decodeKeyShare(body)
      if (attemptId !== id || !dealer.accepts(slot, share)) throw new KeygenError('BAD_SHARE', slot)
      return [slot, share] as const
    })
    return dealer.finish(new Map(shares))
  }

  /** Asks one member until it answers or the attempt's time is over. Its seal must be its own. */
  async #ask(slot: number, channel: string, kind: MessageKind, signal: AbortSignal): Promise<Uint8Array> {
    const { clock, crypto, network } = this.#deps
    const membership = this.#deps.membership()
    const member = membership === undefined ? undefined : memberBySlot(membership, slot)
    if (member === undefined) throw new KeygenError('NOT_A_PARTICIPANT', slot)
    const question = Buffer.from(this.id.slice(2), 'hex')
    for (;;) {
      const leftMs = this.#deadlineMs - clock.monotonic()
      try {
        const answer = await network.request(member.peerKey, channel, question, {
          // No longer than the attempt itself: its caller tells apart who fails from who is waited for.
          timeoutMs: Math.max(1, Math.min(REQUEST_TIMEOUT_MS, leftMs)),
          maxReplyBytes: MAX_TRANSCRIPT_BYTES,
          signal,
        })
        const { body, sender } = openMessage(this.#options.domain, kind, answer, crypto)
        if (sender !== member.identity) throw new KeygenError('WRONG_COMMITMENT', slot)
        return body
      } catch (error) {
        if (error instanceof KeygenError || error instanceof DecodeError) throw error
        if (clock.monotonic() >= this.#deadlineMs) throw error
        await clock.sleep(RETRY_MS, signal)
      }
    }
  }
}
