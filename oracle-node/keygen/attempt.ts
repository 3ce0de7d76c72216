/**
 * One attempt at a key, as one member goes through it: commitments, then the transcript that everybody has to have
 * alike, then shares. Everything is pulled, so a message that is lost is asked for again, and a peer that has not
 * got so far refuses until it has. What a peer does not give, the caller may bring: it is sealed either way.
 */
import { type Hash, hexOf } from '../../protocol/bytes.ts'
import { CHANNELS } from '../../protocol/channels.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import type { KeygenAttempt, KeyTerms } from '../../protocol/keygen/attempt.ts'
import {
  type Court,
  courtOf,
  type Evidence,
  readCommitment,
  readShare,
  readVote,
} from '../../protocol/keygen/evidence.ts'
import {
  type DealtShares,
  encodeHeard,
  encodeKeyShare,
  encodeTranscriptVote,
  type KeygenReport,
  MAX_SEALED_COMMITMENT_BYTES,
  type MemberBlame,
  PIECES,
  type Piece,
  type Stage,
} from '../../protocol/keygen/messages.ts'
import { type DealerCommitment, encodeDealerCommitment } from '../../protocol/keygen/transcript.ts'
import type { Member } from '../../protocol/membership.ts'
import { type IdentitySigner, MESSAGE_KIND, type MessageKind, sealMessage } from '../../protocol/message.ts'
import type { Clock } from '../../runtime/clock.ts'
import { type PeerNetwork, RequestRefused } from '../../runtime/p2p/peer-network.ts'
import { Dealer, type GeneratedKey } from './dealer.ts'
import { Inbox } from './inbox.ts'
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
  /** Signs with the node's identity. */
  readonly sign: IdentitySigner
  /** Makes the key durable; called before this node helps to install it. */
  readonly save: (keyEpoch: number, key: GeneratedKey) => Promise<void>
}

/** Peers refuse until they have got as far as we have; asking this often costs nothing. */
const RETRY_MS = 100
/** A request that got lost is sent again after this long. */
const REQUEST_TIMEOUT_MS = 3_000

/** Another member's fault ends the attempt for this one. */
class FaultFound extends Error {
  readonly report: KeygenReport
  constructor(report: KeygenReport) {
    super(report.kind)
    this.name = 'FaultFound'
    this.report = report
  }
}

interface Sealed<T> {
  readonly sealed: Uint8Array
  readonly value: T
}

export class Attempt {
  readonly terms: KeygenAttempt
  readonly court: Court
  /** Pairs with which the new key signs its own installation. */
  readonly nonces = new OneTimeNonces()
  readonly #options: AttemptOptions
  readonly #deps: AttemptDeps
  readonly #dealer: Dealer
  /** The participants. */
  readonly members: readonly Member[]
  readonly #f: number
  /** Monotonic. */
  readonly #deadlineMs: number
  readonly #givenUp = new AbortController()
  readonly #inbox: {
    readonly commitment: Inbox<Sealed<DealerCommitment>>
    readonly vote: Inbox<Sealed<Hash>>
    readonly share: Inbox<Sealed<DealtShares>>
  }
  readonly #own: Uint8Array
  readonly #revealed = new Set<number>()
  #stage: Stage = 'commitment'
  #done: Promise<GeneratedKey> | undefined
  #vote: Hash | undefined
  #dealers: ReadonlyMap<number, Sealed<DealerCommitment>> = new Map()
  /** Every participant signed the same transcript: only now may shares go out. */
  #agreed = false
  #key: GeneratedKey | undefined

  /** @throws {DealerError} when this slot does not take part */
  constructor(terms: KeygenAttempt, key: KeyTerms, options: AttemptOptions, deps: AttemptDeps) {
    this.terms = terms
    this.court = courtOf(options.domain, terms, key.members, deps.crypto)
    this.#options = options
    this.#deps = deps
    this.#dealer = new Dealer(terms, this.id, options.slot)
    this.members = key.members.filter(({ slot }) => terms.participants.includes(slot))
    this.#f = key.quorum.f
    this.#deadlineMs = deps.clock.monotonic() + options.timeoutMs
    const others = terms.participants.filter(slot => slot !== options.slot)
    this.#inbox = { commitment: new Inbox(others), vote: new Inbox(others), share: new Inbox(others) }
    // Sealed once: two seals of one body are no lie, but nobody should have to look twice.
    this.#own = this.seal(MESSAGE_KIND.keygenCommitment, encodeDealerCommitment(this.id, this.#dealer.own))
  }

  get id(): Hash {
    return this.court.attemptId
  }

  /** The key, once this member holds its share; the same promise for everybody who asks. */
  generate(): Promise<GeneratedKey> {
    this.#done ??= this.#run()
    return this.#done
  }

  /**
   * How far this member is: at once when it has finished or found a fault, else after `patienceMs`.
   *
   * @param finished makes the report of a finished key
   * @throws when the attempt was given up, or failed by this node's own fault
   */
  async report(patienceMs: number, finished: (key: GeneratedKey) => KeygenReport): Promise<KeygenReport> {
    const enough = new AbortController()
    const impatient = this.#deps.clock
      .sleep(patienceMs, AbortSignal.any([enough.signal, this.#givenUp.signal]))
      .then((): KeygenReport => ({ kind: 'waiting', stage: this.#stage, missing: this.#missing() }))
    try {
      return await Promise.race([this.generate().then(finished), impatient])
    } catch (error) {
      if (error instanceof FaultFound) return error.report
      throw error
    } finally {
      impatient.catch(() => {})
      enough.abort()
    }
  }

  /** Until then it is left alone, also when it has ended: a key that is finished has yet to be installed. */
  get isInItsTime(): boolean {
    return this.#deps.clock.monotonic() < this.#deadlineMs
  }

  get vote(): Hash | undefined {
    return this.#vote
  }

  get key(): GeneratedKey | undefined {
    return this.#key
  }

  /** Aborts when the attempt is given up. */
  get givenUp(): AbortSignal {
    return this.#givenUp.signal
  }

  get sealedCommitment(): Uint8Array {
    return this.#own
  }

  /** From when the transcript is fixed; peers may have it from then on. */
  get sealedVote(): Uint8Array | undefined {
    const vote = this.#vote
    if (vote === undefined) return undefined
    return this.seal(MESSAGE_KIND.keygenTranscript, encodeTranscriptVote(this.id, vote))
  }

  /** All commitments that the vote is for. */
  get sealedHeard(): Uint8Array | undefined {
    const transcriptHash = this.#vote
    if (transcriptHash === undefined) return undefined
    const commitments = this.terms.participants.map(slot => this.#dealers.get(slot)?.sealed ?? this.#own)
    return this.seal(
      MESSAGE_KIND.keygenHeard,
      encodeHeard({ attemptId: this.id, transcriptHash, commitments }),
    )
  }

  /** A participant's shares, not before everybody has agreed on the transcript. */
  sealedShareFor(recipient: number): Uint8Array | undefined {
    const shares = this.#agreed ? this.#dealer.sharesFor(recipient) : undefined
    if (shares === undefined) return undefined
    return this.seal(MESSAGE_KIND.keygenShare, encodeKeyShare({ attemptId: this.id, recipient, shares }))
  }

  /**
   * A share that somebody other than its recipient gets to see. At most f of them: with what f members hold anyway,
   * fewer points of the polynomial are known than it takes to know it.
   */
  reveal(recipient: number): Uint8Array | undefined {
    const isNew = !this.#revealed.has(recipient)
    if (isNew && this.#revealed.size >= Math.max(1, this.#f)) return undefined
    const sealed = this.sealedShareFor(recipient)
    if (sealed !== undefined) this.#revealed.add(recipient)
    return sealed
  }

  /** Takes a piece that came from its owner or through the caller. @returns whether it was of any use */
  accept(piece: Piece, slot: number, sealed: Uint8Array): boolean {
    const inbox = this.#inbox[piece]
    if (!inbox.wants(slot)) return false
    switch (piece) {
      case 'commitment':
        return this.#take(
          this.#inbox.commitment,
          slot,
          sealed,
          readCommitment(this.court, slot, sealed),
          fault => ({
            kind: 'blame',
            blame: { fault, slot, commitment: sealed },
          }),
        )
      case 'vote': {
        // Nobody asks before our own vote is known, for nothing could be compared.
        if (this.#vote === undefined) return false
        const read = readVote(this.court, slot, sealed)
        const differs = read.kind === 'good' && read.value !== this.#vote
        const agreed = differs ? ({ kind: 'bad', fault: 'BAD_VOTE' } as const) : read
        return this.#take(this.#inbox.vote, slot, sealed, agreed, () => ({
          kind: 'differs',
          slot,
          vote: sealed,
        }))
      }
      case 'share': {
        const dealer = this.#dealers.get(slot)
        if (dealer === undefined) return false
        const read = readShare(this.court, dealer.value, this.#options.slot, sealed)
        return this.#take(this.#inbox.share, slot, sealed, read, fault => ({
          kind: 'blame',
          blame: { fault, slot, share: sealed, commitment: dealer.sealed },
        }))
      }
    }
  }

  #take<T, F extends MemberBlame['fault'] | 'BAD_VOTE'>(
    inbox: Inbox<Sealed<T>>,
    slot: number,
    sealed: Uint8Array,
    read: Evidence<T, F>,
    reportOf: (fault: F) => KeygenReport,
  ): boolean {
    if (read.kind === 'foreign') return false
    if (read.kind === 'good') inbox.put(slot, { sealed, value: read.value })
    else inbox.refuse(slot, new FaultFound(reportOf(read.fault)))
    return true
  }

  /** Replaced by another attempt, or its key is installed, or the node stops. The polynomials are overwritten. */
  giveUp(why: string): void {
    this.#givenUp.abort(new RequestRefused(why))
    this.#dealer.forget()
  }

  seal(kind: MessageKind, body: Uint8Array): Uint8Array {
    return sealMessage(this.#options.domain, kind, this.terms.keyEpoch, body, this.#deps.sign)
  }

  #missing(): number[] {
    const piece = PIECES.find(of => of === this.#stage)
    return piece === undefined ? [] : this.#inbox[piece].missing
  }

  async #run(): Promise<GeneratedKey> {
    const ended = new AbortController()
    const signal = AbortSignal.any([this.#givenUp.signal, ended.signal])
    try {
      const key = await this.#pullKey(signal)
      await this.#deps.save(this.terms.keyEpoch, key)
      this.#key = key
      return key
    } catch (error) {
      throw this.#givenUp.signal.aborted ? this.#givenUp.signal.reason : error
    } finally {
      // What the others are still asked for is of no use any more.
      ended.abort(new RequestRefused('the attempt is over'))
    }
  }

  async #pullKey(signal: AbortSignal): Promise<GeneratedKey> {
    const dealer = this.#dealer
    this.#dealers = await this.#pull('commitment', CHANNELS.keygenCommitment, this.#inbox.commitment, signal)
    this.#vote = dealer.fixTranscript([...this.#dealers.values()].map(({ value }) => value))
    this.#stage = 'vote'
    await this.#pull('vote', CHANNELS.keygenVote, this.#inbox.vote, signal)
    this.#agreed = true
    this.#stage = 'share'
    const shares = await this.#pull('share', CHANNELS.keygenShare, this.#inbox.share, signal)
    this.#stage = 'finishing'
    return dealer.finish(new Map([...shares].map(([slot, { value }]) => [slot, value])))
  }

  async #pull<T>(
    piece: Piece,
    channel: string,
    inbox: Inbox<T>,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, T>> {
    for (const slot of inbox.missing) {
      this.#ask(slot, piece, channel, signal).catch(error => inbox.refuse(slot, error))
    }
    return inbox.all(signal)
  }

  /** Asks one member until its piece is there, or the attempt's time is over. */
  async #ask(slot: number, piece: Piece, channel: string, signal: AbortSignal): Promise<void> {
    const { clock, network } = this.#deps
    const member = this.members.find(other => other.slot === slot)
    if (member === undefined) throw new RangeError(`slot ${slot} takes no part`)
    const question = Buffer.from(this.id.slice(2), 'hex')
    while (this.#inbox[piece].wants(slot)) {
      const leftMs = this.#deadlineMs - clock.monotonic()
      if (leftMs <= 0) throw new RequestRefused('the time of the attempt is over')
      try {
        const sealed = await network.request(member.peerKey, channel, question, {
          timeoutMs: Math.max(1, Math.min(REQUEST_TIMEOUT_MS, leftMs)),
          maxReplyBytes: MAX_SEALED_COMMITMENT_BYTES,
          signal,
        })
        if (this.accept(piece, slot, sealed)) return
      } catch {
        // Not so far yet, or lost, or not willing: the same to us.
      }
      await clock.sleep(RETRY_MS, signal)
    }
  }
}

/** The name of an attempt as peers ask for its pieces. */
export function asksFor(question: Uint8Array, attempt: Attempt): boolean {
  return hexOf(question) === attempt.id
}
