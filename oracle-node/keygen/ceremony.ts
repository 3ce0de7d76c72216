/**
 * A member's side of key generation: who is asked what, in which order, and what is given to whom.
 *
 * An aggregator only calls for an attempt; it learns nothing but the transcript. Everything is pulled, so a
 * message that is lost is asked for again, and a peer that has not got so far refuses until it has.
 */
import { DecodeError, type Hash } from '../../protocol/bytes.ts'
import { CHANNELS } from '../../protocol/channels.ts'
import type { Domain } from '../../protocol/domain.ts'
import { frost, identifierOf } from '../../protocol/frost.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import {
  attemptIdOf,
  callerTurn,
  decodeDealerCommitment,
  decodeKeygenInstall,
  decodeKeygenStart,
  decodeKeyShare,
  decodeTranscriptVote,
  encodeDealerCommitment,
  encodeKeygenResult,
  encodeKeyShare,
  encodeTranscriptVote,
  installationDigest,
  type KeygenAttempt,
  type KeygenResult,
  MAX_TRANSCRIPT_BYTES,
} from '../../protocol/keygen.ts'
import {
  type AggregatorMember,
  aggregatorByIdentity,
  type Membership,
  memberBySlot,
  type PeerKey,
} from '../../protocol/membership.ts'
import { MESSAGE_KIND, type MessageKind, openMessage, sealMessage } from '../../protocol/message.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { type PeerNetwork, RequestRefused } from '../../runtime/p2p/peer-network.ts'
import type { Service } from '../../runtime/service.ts'
import { Dealer, type GeneratedKey, KeygenError } from './dealer.ts'
import { OneTimeNonces } from './install-nonces.ts'

export interface CeremonyOptions {
  readonly domain: Domain
  readonly slot: number
  /** How long an attempt may wait for the other members. */
  readonly timeoutMs: number
}

export interface CeremonyDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly crypto: IdentityCrypto
  readonly network: Pick<PeerNetwork, 'handle' | 'request'>
  readonly membership: () => Membership | undefined
  /** Signs with the node's identity. */
  readonly sign: (digest: Uint8Array) => Uint8Array
  /** Makes the key durable; called before this node helps to install it. */
  readonly save: (keyEpoch: number, key: GeneratedKey) => Promise<void>
}

interface Attempt {
  readonly id: Hash
  readonly terms: KeygenAttempt
  /** Index of the aggregator that called it. */
  readonly caller: number
  readonly dealer: Dealer
  /** Set once the transcript is fixed; peers may have it from then on. */
  vote?: Hash
  /** Every participant signed the same transcript: only now may shares go out. */
  agreed: boolean
  key?: GeneratedKey
  /** Whether it is still going on; it ends by itself when its time is over. */
  running: boolean
  /** Given up: replaced by another attempt, or its key is installed, or the node stops. */
  readonly givenUp: AbortController
  readonly nonces: OneTimeNonces
  readonly done: Promise<GeneratedKey>
}

/** Peers refuse until they have got as far as we have; asking this often costs nothing. */
const RETRY_MS = 100
const REQUEST_TIMEOUT_MS = 3_000
const SMALL_MESSAGE_BYTES = 512
/** Attempts are numbered by time: one far ahead would make every later one look as if it were over. */
const MAX_AHEAD_MS = 60_000

export class KeygenCeremony implements Service {
  readonly name = 'key generation'
  readonly #options: CeremonyOptions
  readonly #deps: CeremonyDeps
  #current: Attempt | undefined
  #highestAttempt = 0

  constructor(options: CeremonyOptions, deps: CeremonyDeps) {
    this.#options = options
    this.#deps = deps
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    const attempt = this.#current
    this.#giveUp('stopping')
    await attempt?.done.catch(() => {})
  }

  /**
   * The registry has changed. Attempts that led to no installed key are over. The one that did stays for a while:
   * a member that is slower than the rest still needs its share from this node.
   */
  follow({ keyEpoch, groupKey }: Membership): void {
    const attempt = this.#current
    if (attempt === undefined || attempt.terms.keyEpoch > keyEpoch) return
    if (attempt.vote !== groupKey?.transcriptHash) {
      this.#giveUp('another key is installed')
      return
    }
    this.#deps.clock.sleep(this.#options.timeoutMs, attempt.givenUp.signal).then(
      () => this.#giveUp('its key is installed'),
      () => {},
    )
  }

  /** Ends an attempt, whether it is going on or finished; its polynomial is overwritten. */
  #giveUp(why: string): void {
    const attempt = this.#current
    this.#current = undefined
    attempt?.givenUp.abort(new RequestRefused(why))
    attempt?.dealer.forget()
  }

  register(): void {
    const { network } = this.#deps
    const limits = {
      maxInFlightPerPeer: 4,
      timeoutMs: REQUEST_TIMEOUT_MS,
      maxRequestBytes: SMALL_MESSAGE_BYTES,
    }
    network.handle(CHANNELS.keygenCommitment, limits, async request => this.#giveCommitment(request))
    network.handle(CHANNELS.keygenVote, limits, async request => this.#giveVote(request))
    network.handle(CHANNELS.keygenShare, limits, async (request, from) => this.#giveShare(request, from))
    const calls = { ...limits, timeoutMs: this.#options.timeoutMs + REQUEST_TIMEOUT_MS }
    network.handle(CHANNELS.keygenStart, calls, async (request, from) => this.#takePart(request, from))
    network.handle(
      CHANNELS.keygenInstall,
      { ...limits, maxRequestBytes: MAX_TRANSCRIPT_BYTES },
      async (request, from) => this.#signInstallation(request, from),
    )
  }

  async #takePart(sealed: Uint8Array, from: PeerKey): Promise<Uint8Array> {
    const membership = this.#requireMembership()
    const { body, caller } = this.#fromAggregator(MESSAGE_KIND.keygenStart, sealed, from, membership)
    const attempt = this.#begin({ ...decodeKeygenStart(body), ...termsOf(membership) }, caller, membership)
    const key = await attempt.done
    const result: KeygenResult = {
      attemptId: attempt.id,
      consent: this.#deps.sign(this.#installationDigest(attempt, key)),
      nonce: attempt.nonces.issue(key.secret),
      transcript: key.transcript,
    }
    return this.#seal(MESSAGE_KIND.keygenResult, attempt, encodeKeygenResult(result))
  }

  /** Joins the attempt, or starts it. An older one is given up: its messages mean nothing any more. */
  #begin(terms: KeygenAttempt, caller: AggregatorMember, membership: Membership): Attempt {
    const id = attemptIdOf(this.#options.domain, terms)
    if (this.#current?.id === id) return this.#current
    // The first key only: without a schedule that says when, any aggregator could change a key that works.
    if (membership.keyEpoch > 0) throw new RequestRefused('a key is installed')
    assertFits(terms, membership)
    if (!this.#mayReplace(caller, membership)) throw new RequestRefused('another attempt is going on')
    if (terms.attempt > this.#deps.clock.now() + MAX_AHEAD_MS)
      throw new DecodeError('BAD_VALUE', 'an attempt of the future')
    if (terms.attempt <= this.#highestAttempt) throw new DecodeError('BAD_VALUE', 'an attempt that is over')
    this.#highestAttempt = terms.attempt
    this.#giveUp('replaced by another attempt')

    const dealer = new Dealer(terms, id, this.#options.slot)
    const started = Promise.withResolvers<GeneratedKey>()
    const attempt: Attempt = {
      id,
      terms,
      caller: caller.index,
      dealer,
      agreed: false,
      running: true,
      givenUp: new AbortController(),
      nonces: new OneTimeNonces(),
      done: started.promise,
    }
    this.#current = attempt
    this.#deps.logger.info('key generation started', {
      keyEpoch: terms.keyEpoch,
      participants: terms.participants,
    })
    this.#run(attempt)
      .catch((error: unknown) => {
        throw attempt.givenUp.signal.aborted ? attempt.givenUp.signal.reason : error
      })
      .finally(() => {
        attempt.running = false
      })
      .then(started.resolve, started.reject)
    // The caller may have gone away; the failure is logged here and nothing is left to do for it.
    started.promise.catch((error: unknown) => {
      if (attempt.givenUp.signal.aborted) this.#deps.logger.debug('key generation given up', { error })
      else this.#deps.logger.warn('key generation failed', { error })
    })
    return attempt
  }

  /**
   * An attempt that is going on is left alone, but for its own caller and for the aggregator whose turn it is to
   * call: two that call at once would otherwise each hold some of the members, again and again.
   */
  #mayReplace(caller: AggregatorMember, membership: Membership): boolean {
    const current = this.#current
    if (current?.running !== true || current.caller === caller.index) return true
    const turn = callerTurn(this.#deps.clock.now(), this.#options.timeoutMs, membership.aggregators.length)
    return caller.index === turn
  }

  async #run(attempt: Attempt): Promise<GeneratedKey> {
    const { dealer, id, terms } = attempt
    const others = terms.participants.filter(slot => slot !== this.#options.slot)
    const deadline = this.#deps.clock.monotonic() + this.#options.timeoutMs
    const pull = <T>(channel: string, kind: MessageKind, read: (body: Uint8Array, slot: number) => T) =>
      Promise.all(
        others.map(async slot => read(await this.#ask(slot, channel, kind, attempt, deadline), slot)),
      )

    const dealt = await pull(CHANNELS.keygenCommitment, MESSAGE_KIND.keygenCommitment, (body, slot) => {
      const { attemptId, dealer: commitment } = decodeDealerCommitment(body)
      if (attemptId !== id || commitment.slot !== slot) throw new KeygenError('WRONG_COMMITMENT', slot)
      return commitment
    })
    const vote = dealer.fixTranscript(dealt)
    attempt.vote = vote
    await pull(CHANNELS.keygenVote, MESSAGE_KIND.keygenTranscript, (body, slot) => {
      const { attemptId, transcriptHash } = decodeTranscriptVote(body)
      if (attemptId !== id || transcriptHash !== vote) throw new KeygenError('TRANSCRIPTS_DIFFER', slot)
    })
    attempt.agreed = true
    const shares = await pull(CHANNELS.keygenShare, MESSAGE_KIND.keygenShare, (body, slot) => {
      const { attemptId, share } = decodeKeyShare(body)
      if (attemptId !== id || !dealer.accepts(slot, share)) throw new KeygenError('BAD_SHARE', slot)
      return [slot, share] as const
    })
    const key = dealer.finish(new Map(shares))
    await this.#deps.save(terms.keyEpoch, key)
    attempt.key = key
    return key
  }

  /** Asks one member until it answers or the attempt's time is over. Its seal must be its own. */
  async #ask(
    slot: number,
    channel: string,
    kind: MessageKind,
    attempt: Attempt,
    deadline: number,
  ): Promise<Uint8Array> {
    const membership = this.#requireMembership()
    const member = memberBySlot(membership, slot)
    if (member === undefined) throw new KeygenError('NOT_A_PARTICIPANT', slot)
    const question = Buffer.from(attempt.id.slice(2), 'hex')
    for (;;) {
      try {
        const answer = await this.#deps.network.request(member.peerKey, channel, question, {
          timeoutMs: REQUEST_TIMEOUT_MS,
          maxReplyBytes: MAX_TRANSCRIPT_BYTES,
          signal: attempt.givenUp.signal,
        })
        const { body, sender } = openMessage(this.#options.domain, kind, answer, this.#deps.crypto)
        if (sender !== member.identity) throw new KeygenError('WRONG_COMMITMENT', slot)
        return body
      } catch (error) {
        if (error instanceof KeygenError || error instanceof DecodeError) throw error
        if (this.#deps.clock.monotonic() > deadline) throw error
        await this.#deps.clock.sleep(RETRY_MS, attempt.givenUp.signal)
      }
    }
  }

  #giveCommitment(question: Uint8Array): Uint8Array {
    const attempt = this.#attemptOf(question)
    return this.#seal(
      MESSAGE_KIND.keygenCommitment,
      attempt,
      encodeDealerCommitment(attempt.id, attempt.dealer.own),
    )
  }

  #giveVote(question: Uint8Array): Uint8Array {
    const attempt = this.#attemptOf(question)
    if (attempt.vote === undefined) throw new RequestRefused('the transcript is not complete yet')
    return this.#seal(MESSAGE_KIND.keygenTranscript, attempt, encodeTranscriptVote(attempt.id, attempt.vote))
  }

  /** A share goes to the one it is for, and not before everybody agreed on the transcript. */
  #giveShare(question: Uint8Array, from: PeerKey): Uint8Array {
    const attempt = this.#attemptOf(question)
    const asker = this.#requireMembership().members.find(member => member.peerKey === from)
    const share = asker === undefined ? undefined : attempt.dealer.shareFor(asker.slot)
    if (!attempt.agreed || share === undefined) throw new RequestRefused('no share for this peer yet')
    return this.#seal(MESSAGE_KIND.keygenShare, attempt, encodeKeyShare(attempt.id, share))
  }

  /** Signs the one thing the new key signs before it is installed: its own installation. */
  #signInstallation(sealed: Uint8Array, from: PeerKey): Uint8Array {
    const membership = this.#requireMembership()
    const { body } = this.#fromAggregator(MESSAGE_KIND.keygenInstall, sealed, from, membership)
    const install = decodeKeygenInstall(body)
    const attempt = this.#current
    const key = attempt?.key
    if (attempt === undefined || key === undefined || attempt.id !== install.attemptId) {
      throw new RequestRefused('no finished key of this attempt')
    }
    const own = install.signers.find(signer => signer.slot === this.#options.slot)
    const nonce = own === undefined ? undefined : attempt.nonces.take(own)
    if (nonce === undefined) throw new RequestRefused('no unspent nonce in this signer set')
    const commitments = install.signers.map(({ slot, hiding, binding }) => ({
      identifier: identifierOf(slot),
      hiding: Uint8Array.from(hiding),
      binding: Uint8Array.from(binding),
    }))
    return frost.signShare(key.secret, key.public, nonce, commitments, this.#installationDigest(attempt, key))
  }

  #installationDigest({ terms }: Attempt, key: GeneratedKey): Uint8Array {
    const { keyEpoch, registryVersion, participants } = terms
    const { px, transcriptHash } = key
    return installationDigest(this.#options.domain, {
      keyEpoch,
      registryVersion,
      participants,
      px,
      transcriptHash,
    })
  }

  #attemptOf(question: Uint8Array): Attempt {
    const attempt = this.#current
    if (attempt === undefined || `0x${Buffer.from(question).toString('hex')}` !== attempt.id) {
      throw new RequestRefused('not in this attempt')
    }
    return attempt
  }

  /** What an aggregator itself sends. Its call, sent again by a member, would use up nonces that it waits for. */
  #fromAggregator(
    kind: MessageKind,
    sealed: Uint8Array,
    from: PeerKey,
    membership: Membership,
  ): { body: Uint8Array; caller: AggregatorMember } {
    const opened = openMessage(this.#options.domain, kind, sealed, this.#deps.crypto)
    const caller = aggregatorByIdentity(membership, opened.sender)
    if (caller?.peerKey !== from || opened.keyEpoch !== membership.keyEpoch + 1) {
      throw new DecodeError('BAD_VALUE', 'not from an aggregator for the next key')
    }
    return { body: opened.body, caller }
  }

  #seal(kind: MessageKind, attempt: Attempt, body: Uint8Array): Uint8Array {
    return sealMessage(this.#options.domain, kind, attempt.terms.keyEpoch, body, this.#deps.sign)
  }

  #requireMembership(): Membership {
    const membership = this.#deps.membership()
    if (membership === undefined) throw new Error('the registry has not been read yet')
    return membership
  }
}

function termsOf(membership: Membership): Pick<KeygenAttempt, 'keyEpoch' | 'threshold'> {
  return { keyEpoch: membership.keyEpoch + 1, threshold: membership.quorum.q }
}

/** Only active members, at least a quorum, in order, of the registry as this node sees it. */
function assertFits(terms: KeygenAttempt, membership: Membership): void {
  const { participants, registryVersion } = terms
  const ordered = participants.every(
    (slot, index) =>
      slot > (participants[index - 1] ?? -1) && memberBySlot(membership, slot)?.suspended === false,
  )
  if (
    !ordered ||
    participants.length < membership.quorum.q ||
    registryVersion !== membership.registryVersion
  ) {
    throw new DecodeError('BAD_VALUE', 'an attempt that does not fit the registry')
  }
}
