/**
 * A member's side of key generation: which attempt it takes part in, and what it gives to whom.
 *
 * An aggregator only calls for an attempt; it learns nothing but the transcript. See attempt.ts for the attempt
 * itself.
 */
import { DecodeError } from '../../protocol/bytes.ts'
import { CHANNELS } from '../../protocol/channels.ts'
import { commitmentsOf, frost, isPoint } from '../../protocol/frost.ts'
import {
  attemptIdOf,
  callerTurn,
  decodeKeygenInstall,
  decodeKeygenStart,
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
  aggregatorByIdentity,
  type Membership,
  memberBySlot,
  type PeerKey,
} from '../../protocol/membership.ts'
import { MESSAGE_KIND, type MessageKind, openMessage, sealMessage } from '../../protocol/message.ts'
import type { Logger } from '../../runtime/logger.ts'
import { type PeerNetwork, RequestRefused } from '../../runtime/p2p/peer-network.ts'
import type { Service } from '../../runtime/service.ts'
import { Attempt, type AttemptDeps, type AttemptOptions } from './attempt.ts'
import type { GeneratedKey } from './dealer.ts'

export type CeremonyOptions = AttemptOptions

export interface CeremonyDeps extends AttemptDeps {
  readonly logger: Logger
  readonly network: Pick<PeerNetwork, 'handle' | 'request'>
  /** Signs with the node's identity. */
  readonly sign: (digest: Uint8Array) => Uint8Array
}

const REPLY_TIMEOUT_MS = 3_000
const SMALL_MESSAGE_BYTES = 512
/** Attempts are numbered by time: one far ahead would make every later one of its caller look as if it were over. */
const MAX_AHEAD_MS = 60_000

export class KeygenCeremony implements Service {
  readonly name = 'key generation'
  readonly #options: CeremonyOptions
  readonly #deps: CeremonyDeps
  #current: Attempt | undefined
  #stopped = false
  /**
   * By the caller's index, so as many as the registry lists. One number for all would let an aggregator that counts
   * ahead lock the others out.
   */
  readonly #highestAttempt = new Map<number, number>()

  constructor(options: CeremonyOptions, deps: CeremonyDeps) {
    this.#options = options
    this.#deps = deps
  }

  async start(): Promise<void> {
    this.#stopped = false
  }

  async stop(): Promise<void> {
    this.#stopped = true
    const attempt = this.#current
    this.#giveUp('stopping')
    await attempt?.generate().catch(() => {})
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
    this.#deps.clock.sleep(this.#options.timeoutMs, attempt.givenUp).then(
      () => this.#giveUp('its key is installed'),
      () => {},
    )
  }

  /** Ends an attempt, whether it is going on or finished. */
  #giveUp(why: string): void {
    this.#current?.giveUp(why)
    this.#current = undefined
  }

  register(): void {
    const { network } = this.#deps
    const limits = {
      maxInFlightPerPeer: 4,
      timeoutMs: REPLY_TIMEOUT_MS,
      maxRequestBytes: SMALL_MESSAGE_BYTES,
    }
    network.handle(CHANNELS.keygenCommitment, limits, async request => this.#giveCommitment(request))
    network.handle(CHANNELS.keygenVote, limits, async request => this.#giveVote(request))
    network.handle(CHANNELS.keygenShare, limits, async (request, from) => this.#giveShare(request, from))
    const calls = { ...limits, timeoutMs: this.#options.timeoutMs + REPLY_TIMEOUT_MS }
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
    const terms: KeygenAttempt = {
      ...decodeKeygenStart(body),
      caller,
      keyEpoch: membership.keyEpoch + 1,
      threshold: membership.quorum.q,
    }
    const attempt = this.#begin(terms, membership)
    const key = await attempt.generate()
    const result: KeygenResult = {
      attemptId: attempt.id,
      consent: this.#deps.sign(this.#installationDigest(attempt, key)),
      nonce: attempt.nonces.issue(key.secret),
      transcript: key.transcript,
    }
    return this.#seal(MESSAGE_KIND.keygenResult, attempt, encodeKeygenResult(result))
  }

  /** Joins the attempt, or starts it. An older one is given up: its messages mean nothing any more. */
  #begin(terms: KeygenAttempt, membership: Membership): Attempt {
    if (this.#current?.id === attemptIdOf(this.#options.domain, terms)) return this.#current
    this.#assertMayBegin(terms, membership)
    this.#highestAttempt.set(terms.caller, terms.attempt)
    this.#giveUp('replaced by another attempt')

    const { keyEpoch, participants } = terms
    const attempt = new Attempt(terms, this.#options, this.#deps)
    this.#current = attempt
    this.#deps.logger.info('key generation started', { keyEpoch, participants })
    // The caller may have gone away; the failure is logged here and nothing is left to do for it.
    attempt.generate().catch((error: unknown) => {
      if (attempt.givenUp.aborted) this.#deps.logger.debug('key generation given up', { error })
      else this.#deps.logger.warn('key generation failed', { error })
    })
    return attempt
  }

  #assertMayBegin(terms: KeygenAttempt, membership: Membership): void {
    if (this.#stopped) throw new RequestRefused('stopping')
    // The first key only: without a schedule that says when, any aggregator could change a key that works.
    if (membership.keyEpoch > 0) throw new RequestRefused('a key is installed')
    assertFits(terms, membership)
    if (!terms.participants.includes(this.#options.slot))
      throw new RequestRefused('an attempt without this node')
    if (!this.#mayReplace(terms.caller, membership)) throw new RequestRefused('another attempt is going on')
    if (terms.attempt > this.#deps.clock.now() + MAX_AHEAD_MS)
      throw new DecodeError('BAD_VALUE', 'an attempt of the future')
    if (terms.attempt <= (this.#highestAttempt.get(terms.caller) ?? 0))
      throw new DecodeError('BAD_VALUE', 'an attempt that is over')
  }

  /**
   * An attempt is left alone until its time is over, but for its own caller and for the aggregator whose turn it is
   * to call: two that call at once would otherwise each hold some of the members, again and again.
   */
  #mayReplace(caller: number, membership: Membership): boolean {
    const current = this.#current
    if (current === undefined || !current.isInItsTime || current.terms.caller === caller) return true
    const { timeoutMs } = this.#options
    return caller === callerTurn(this.#deps.clock.now(), timeoutMs, membership.aggregators.length)
  }

  #giveCommitment(question: Uint8Array): Uint8Array {
    const attempt = this.#attemptOf(question)
    return this.#seal(
      MESSAGE_KIND.keygenCommitment,
      attempt,
      encodeDealerCommitment(attempt.id, attempt.commitment),
    )
  }

  #giveVote(question: Uint8Array): Uint8Array {
    const attempt = this.#attemptOf(question)
    if (attempt.vote === undefined) throw new RequestRefused('the transcript is not complete yet')
    return this.#seal(MESSAGE_KIND.keygenTranscript, attempt, encodeTranscriptVote(attempt.id, attempt.vote))
  }

  /** A share goes to the one it is for. */
  #giveShare(question: Uint8Array, from: PeerKey): Uint8Array {
    const attempt = this.#attemptOf(question)
    const asker = this.#requireMembership().members.find(member => member.peerKey === from)
    const share = asker === undefined ? undefined : attempt.shareFor(asker.slot)
    if (share === undefined) throw new RequestRefused('no share for this peer yet')
    return this.#seal(MESSAGE_KIND.keygenShare, attempt, encodeKeyShare(attempt.id, share))
  }

  /** Signs the one thing the new key signs before it is installed: its own installation. */
  #signInstallation(sealed: Uint8Array, from: PeerKey): Uint8Array {
    const membership = this.#requireMembership()
    const { body } = this.#fromAggregator(MESSAGE_KIND.keygenInstall, sealed, from, membership)
    const { attemptId, signers } = decodeKeygenInstall(body)
    const attempt = this.#current
    const key = attempt?.key
    if (attempt === undefined || key === undefined || attempt.id !== attemptId) {
      throw new RequestRefused('no finished key of this attempt')
    }
    if (!signers.every(({ hiding, binding }) => isPoint(hiding) && isPoint(binding))) {
      throw new DecodeError('BAD_VALUE', 'nonce commitments that are no points')
    }
    const own = signers.find(({ slot }) => slot === this.#options.slot)
    const nonce = own === undefined ? undefined : attempt.nonces.take(own)
    if (nonce === undefined) throw new RequestRefused('no unspent nonce in this signer set')
    const digest = this.#installationDigest(attempt, key)
    return frost.signShare(key.secret, key.public, nonce, commitmentsOf(signers), digest)
  }

  #installationDigest({ terms }: Attempt, { px, transcriptHash }: GeneratedKey): Uint8Array {
    const { keyEpoch, registryVersion, participants } = terms
    const installation = { keyEpoch, registryVersion, participants, px, transcriptHash }
    return installationDigest(this.#options.domain, installation)
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
  ): { body: Uint8Array; caller: number } {
    const opened = openMessage(this.#options.domain, kind, sealed, this.#deps.crypto)
    const caller = aggregatorByIdentity(membership, opened.sender)
    if (caller?.peerKey !== from || opened.keyEpoch !== membership.keyEpoch + 1) {
      throw new DecodeError('BAD_VALUE', 'not from an aggregator for the next key')
    }
    return { body: opened.body, caller: caller.index }
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

/** Only active members, at least a quorum, in order, of the registry as this node sees it. */
function assertFits({ participants, registryVersion }: KeygenAttempt, membership: Membership): void {
  const ordered = participants.every(
    (slot, index) =>
      slot > (participants[index - 1] ?? -1) && memberBySlot(membership, slot)?.suspended === false,
  )
  const enough = participants.length >= membership.quorum.q
  if (!ordered || !enough || registryVersion !== membership.registryVersion) {
    throw new DecodeError('BAD_VALUE', 'an attempt that does not fit the registry')
  }
}
