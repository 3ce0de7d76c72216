/**
 * A member's side of key generation: which attempt it takes part in, and what it gives to whom.
 *
 * An aggregator only calls for an attempt; it learns nothing but what is public, and shares whose recipient complains
 * of not having got them. See attempt.ts for the attempt itself.
 */
import { type Address, DecodeError } from '../../protocol/bytes.ts'
import { CHANNELS } from '../../protocol/channels.ts'
import { commitmentsOf, frost, isPoint } from '../../protocol/frost.ts'
import {
  attemptFits,
  attemptIdOf,
  callerTurn,
  type KeygenAttempt,
  type KeyTerms,
  leftOut,
  nextKeyOf,
} from '../../protocol/keygen/attempt.ts'
import { answersReason, rotationDue } from '../../protocol/keygen/due.ts'
import { allFinished, readReport } from '../../protocol/keygen/evidence.ts'
import {
  decodeKeygenInstall,
  type GroupKeyInstallation,
  installationDigest,
  MAX_INSTALL_BYTES,
} from '../../protocol/keygen/installation.ts'
import {
  type CalledTerms,
  decodeConsentRequest,
  decodeHandOver,
  decodeKeygenStart,
  encodeKeygenReport,
  type KeygenReport,
  MAX_CONSENT_REQUEST_BYTES,
  MAX_KEYGEN_REPORT_BYTES,
  MAX_SEALED_COMMITMENT_BYTES,
} from '../../protocol/keygen/messages.ts'
import { aggregatorByIdentity, type PeerKey, type RegistryView } from '../../protocol/membership.ts'
import { MESSAGE_KIND, type MessageKind, openMessage } from '../../protocol/message.ts'
import type { Logger } from '../../runtime/logger.ts'
import { type PeerNetwork, RequestRefused } from '../../runtime/p2p/peer-network.ts'
import type { Service } from '../../runtime/service.ts'
import { Attempt, type AttemptDeps, type AttemptOptions, asksFor } from './attempt.ts'
import type { AttemptRecord } from './attempt-record.ts'
import { keyThatMayBeInstalled } from './consent.ts'
import type { GeneratedKey } from './dealer.ts'

export interface CeremonyOptions extends AttemptOptions {
  /** This node's, which is to be in its slot of the list that the key is made for. */
  readonly identity: Address
  /** A key that has counted for so long is due to be replaced. */
  readonly rotationSec: number
}

export interface CeremonyDeps extends AttemptDeps {
  readonly logger: Logger
  readonly network: Pick<PeerNetwork, 'handle' | 'request' | 'connected'>
  readonly view: () => RegistryView | undefined
  readonly attempts: AttemptRecord
  /** Called before this node gives anything with which a key that it has saved could be installed. */
  readonly promised: (keyEpoch: number, px: bigint) => void
}

const REPLY_TIMEOUT_MS = 3_000
const SMALL_MESSAGE_BYTES = 512
/**
 * Attempts are numbered by time, and clocks differ by this much: one further ahead would make every later one of its
 * caller look as if it were over.
 */
const MAX_AHEAD_MS = 5_000

interface Opened {
  readonly body: Uint8Array
  /** Index of the aggregator. */
  readonly caller: number
  readonly view: RegistryView
  readonly next: KeyTerms
}

export class KeygenCeremony implements Service {
  readonly name = 'key generation'
  readonly #options: CeremonyOptions
  readonly #deps: CeremonyDeps
  #current: Attempt | undefined
  #stopped = false
  /** From before there were connections: who calls a member that it sees calls later than this. */
  readonly #createdMs: number
  /**
   * By the caller's index, so as many as the registry lists: the key for which it has called everybody that this node
   * is connected to. Calling again means that this has failed.
   */
  readonly #calledAll = new Map<number, string>()

  constructor(options: CeremonyOptions, deps: CeremonyDeps) {
    this.#options = options
    this.#deps = deps
    this.#createdMs = deps.clock.now()
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
  follow({ newest: { keyEpoch, groupKey } }: RegistryView): void {
    const attempt = this.#current
    if (attempt === undefined || attempt.terms.keyEpoch > keyEpoch) return
    if (attempt.vote !== groupKey?.transcriptHash) {
      this.#giveUp('another key is installed')
      return
    }
    this.#deps.clock.sleep(this.#options.timeoutMs, attempt.givenUp).then(
      () => {
        if (this.#current === attempt) this.#giveUp('its key is installed')
      },
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
    const large = { ...limits, maxRequestBytes: MAX_SEALED_COMMITMENT_BYTES + SMALL_MESSAGE_BYTES }
    const calls = { ...limits, timeoutMs: this.#options.timeoutMs + REPLY_TIMEOUT_MS }
    const installs = { ...limits, maxRequestBytes: MAX_INSTALL_BYTES }
    const consents = { ...limits, maxInFlightPerPeer: 1, maxRequestBytes: MAX_CONSENT_REQUEST_BYTES }
    const reveals = { ...limits, maxRequestBytes: MAX_KEYGEN_REPORT_BYTES }

    network.handle(CHANNELS.keygenCommitment, limits, async request => this.#giveCommitment(request))
    network.handle(CHANNELS.keygenVote, limits, async request => this.#giveVote(request))
    network.handle(CHANNELS.keygenShare, limits, async (request, from) => this.#giveShare(request, from))
    network.handle(CHANNELS.keygenHeard, limits, async request => this.#giveHeard(request))
    network.handle(CHANNELS.keygenReveal, reveals, async (request, from) => this.#reveal(request, from))
    network.handle(CHANNELS.keygenHandOver, large, async (request, from) => this.#take(request, from))
    network.handle(CHANNELS.keygenStart, calls, async (request, from) => this.#takePart(request, from))
    network.handle(CHANNELS.keygenConsent, consents, async (request, from) => this.#consent(request, from))
    network.handle(CHANNELS.keygenInstall, installs, async (request, from) =>
      this.#signInstallation(request, from),
    )
  }

  async #takePart(sealed: Uint8Array, from: PeerKey): Promise<Uint8Array> {
    const opened = this.#fromAggregator(MESSAGE_KIND.keygenStart, sealed, from)
    const { terms: called, patienceMs } = decodeKeygenStart(opened.body)
    const attempt = this.#begin(termsOf(called, opened), opened)
    const report = await attempt.report(Math.min(patienceMs, this.#options.timeoutMs), key =>
      this.#finished(attempt, key),
    )
    return attempt.seal(MESSAGE_KIND.keygenResult, encodeKeygenReport(attempt.id, report))
  }

  #finished(attempt: Attempt, key: GeneratedKey): KeygenReport {
    this.#deps.promised(attempt.terms.keyEpoch, key.px)
    return {
      kind: 'finished',
      transcriptHash: key.transcriptHash,
      consent: this.#deps.sign(this.#digest(attempt.terms, key)),
      nonce: attempt.nonces.issue(key.secret),
    }
  }

  /** Joins the attempt, or starts it. An older one is given up: its messages mean nothing any more. */
  #begin(terms: KeygenAttempt, opened: Opened): Attempt {
    if (this.#current?.id === attemptIdOf(this.#options.domain, terms)) return this.#current
    this.#assertMayBegin(terms, opened)
    this.#deps.attempts.note(terms.caller, terms.attempt)
    this.#giveUp('replaced by another attempt')

    const { keyEpoch, participants } = terms
    const attempt = new Attempt(terms, opened.next, this.#options, this.#deps)
    this.#current = attempt
    this.#deps.logger.info('key generation started', { keyEpoch, participants })
    // The caller may have gone away; the failure is logged here and nothing is left to do for it.
    attempt.generate().catch((error: unknown) => {
      if (attempt.givenUp.aborted) this.#deps.logger.debug('key generation given up', { error })
      else this.#deps.logger.warn('key generation failed', { error })
    })
    return attempt
  }

  #assertMayBegin(terms: KeygenAttempt, { view, next }: Opened): void {
    if (this.#stopped) throw new RequestRefused('stopping')
    this.#assertDue(view, terms)
    if (!attemptFits(terms, next))
      throw new DecodeError('BAD_VALUE', 'an attempt that does not fit the registry')
    if (!terms.participants.includes(this.#options.slot) || !this.#hasItsSeat(next))
      throw new RequestRefused('an attempt without this node')
    if (terms.attempt > this.#deps.clock.now() + MAX_AHEAD_MS)
      throw new DecodeError('BAD_VALUE', 'an attempt of the future')
    // Before a restart this node may have dealt under the same name: other commitments now would be a lie.
    if (terms.attempt < this.#createdMs) throw new RequestRefused('an attempt from before this process began')
    if (terms.attempt <= this.#deps.attempts.highest(terms.caller))
      throw new DecodeError('BAD_VALUE', 'an attempt that is over')
    this.#assertNobodyMissing(terms, next)
    if (!this.#mayReplace(terms.caller, view)) throw new RequestRefused('another attempt is going on')
  }

  /**
   * With few more than a quorum of holders, the faulty ones among them could stop the key. So a caller has to try with
   * everybody first; which of them spoilt it is its own word, but for no more than can be faulty.
   */
  #assertNobodyMissing(terms: KeygenAttempt, next: KeyTerms): void {
    const { caller, keyEpoch, memberSet } = terms
    const connected = new Set(this.#deps.network.connected())
    const missing = leftOut(terms, next).filter(({ peerKey }) => connected.has(peerKey))
    const name = `${keyEpoch} ${memberSet}`
    if (missing.length === 0) this.#calledAll.set(caller, name)
    else if (missing.length > next.quorum.f || this.#calledAll.get(caller) !== name)
      throw new RequestRefused('an attempt without members that are there')
  }

  /** Not whenever an aggregator likes: it could change a key that works, again and again. */
  #assertDue(view: RegistryView, { participants }: Pick<KeygenAttempt, 'participants'>): void {
    const nowSec = Math.floor(this.#deps.clock.now() / 1_000)
    const reason = rotationDue(view, nowSec, this.#options)
    if (reason === undefined || !answersReason(reason, view, participants))
      throw new RequestRefused('no key is due')
  }

  #hasItsSeat({ members }: KeyTerms): boolean {
    const { slot, identity } = this.#options
    return members.some(member => member.slot === slot && member.identity === identity)
  }

  /**
   * An attempt is left alone until its time is over, but for its own caller and for the aggregator whose turn it is
   * to call: two that call at once would otherwise each hold some of the members, again and again.
   */
  #mayReplace(caller: number, { newest }: RegistryView): boolean {
    const current = this.#current
    if (current === undefined || !current.isInItsTime || current.terms.caller === caller) return true
    const { timeoutMs } = this.#options
    return caller === callerTurn(this.#deps.clock.now(), timeoutMs, newest.aggregators.length)
  }

  #giveCommitment(question: Uint8Array): Uint8Array {
    return this.#attemptOf(question).sealedCommitment
  }

  #giveVote(question: Uint8Array): Uint8Array {
    return given(this.#attemptOf(question).sealedVote, 'the transcript is not complete yet')
  }

  #giveHeard(question: Uint8Array): Uint8Array {
    return given(this.#attemptOf(question).sealedHeard, 'the transcript is not complete yet')
  }

  /** A share goes to the one it is for. */
  #giveShare(question: Uint8Array, from: PeerKey): Uint8Array {
    const attempt = this.#attemptOf(question)
    // As the attempt has them: the registry may list another one in that slot meanwhile.
    const asker = attempt.members.find(member => member.peerKey === from)
    const share = asker === undefined ? undefined : attempt.sealedShareFor(asker.slot)
    return given(share, 'no share for this peer yet')
  }

  /** Shows the caller the share of a member that says it has not got it: only so can both be told apart. */
  #reveal(complaint: Uint8Array, from: PeerKey): Uint8Array {
    const attempt = this.#calledBy(from)
    const complainant = attempt.terms.participants.find(slot => {
      const read = readReport(attempt.court, slot, complaint)
      if (read.kind !== 'good' || read.value.kind !== 'waiting') return false
      return read.value.stage === 'share' && read.value.missing.includes(this.#options.slot)
    })
    if (complainant === undefined) throw new RequestRefused('no complaint about this node')
    return given(attempt.reveal(complainant), 'no share to publish')
  }

  /** What the caller has got for this node. It is sealed by whom it comes from, so it needs no trust in the caller. */
  #take(request: Uint8Array, from: PeerKey): Uint8Array {
    const attempt = this.#calledBy(from)
    const { piece, slot, sealed } = decodeHandOver(request)
    attempt.accept(piece, slot, sealed)
    return new Uint8Array()
  }

  #calledBy(from: PeerKey): Attempt {
    const attempt = this.#current
    const { newest } = this.#requireView()
    if (attempt === undefined || newest.aggregators[attempt.terms.caller]?.peerKey !== from)
      throw new RequestRefused('not the caller of this attempt')
    return attempt
  }

  /**
   * Signs the one thing the new key signs before it is installed: its own installation; and only when every participant
   * says under seal that it holds its share.
   */
  #signInstallation(sealed: Uint8Array, from: PeerKey): Uint8Array {
    const { body } = this.#fromAggregator(MESSAGE_KIND.keygenInstall, sealed, from)
    const { attemptId, signers, finished } = decodeKeygenInstall(body)
    const attempt = this.#current
    const key = attempt?.key
    if (attempt === undefined || key === undefined || attempt.id !== attemptId) {
      throw new RequestRefused('no finished key of this attempt')
    }
    if (!signers.every(({ hiding, binding }) => isPoint(hiding) && isPoint(binding))) {
      throw new DecodeError('BAD_VALUE', 'nonce commitments that are no points')
    }
    if (!allFinished(attempt.court, key.transcriptHash, finished))
      throw new RequestRefused('not every participant holds its share')
    const own = signers.find(({ slot }) => slot === this.#options.slot)
    const nonce = own === undefined ? undefined : attempt.nonces.take(own)
    if (nonce === undefined) throw new RequestRefused('no unspent nonce in this signer set')
    return frost.signShare(
      key.secret,
      key.public,
      nonce,
      commitmentsOf(signers),
      this.#digest(attempt.terms, key),
    )
  }

  /** The members in force decide which key follows theirs, also those that hold no share of it. */
  #consent(sealed: Uint8Array, from: PeerKey): Uint8Array {
    const opened = this.#fromAggregator(MESSAGE_KIND.keygenConsent, sealed, from)
    const request = decodeConsentRequest(opened.body)
    const terms = termsOf(request.terms, opened)
    this.#assertDue(opened.view, terms)
    const key = keyThatMayBeInstalled(this.#options.domain, terms, opened.next, request, this.#deps.crypto)
    if (key === undefined) throw new DecodeError('BAD_VALUE', 'a key that this node cannot consent to')
    const { keyEpoch, participants } = terms
    this.#deps.logger.info('consenting to a key that others have made', { keyEpoch, participants })
    return this.#deps.sign(this.#digest(terms, key))
  }

  #digest(
    terms: KeygenAttempt,
    { px, transcriptHash }: Pick<GroupKeyInstallation, 'px' | 'transcriptHash'>,
  ): Uint8Array {
    return installationDigest(this.#options.domain, { ...terms, px, transcriptHash })
  }

  #attemptOf(question: Uint8Array): Attempt {
    const attempt = this.#current
    if (attempt === undefined || !asksFor(question, attempt)) throw new RequestRefused('not in this attempt')
    return attempt
  }

  /** What an aggregator itself sends. Its call, sent again by a member, would use up nonces that it waits for. */
  #fromAggregator(kind: MessageKind, sealed: Uint8Array, from: PeerKey): Opened {
    const view = this.#requireView()
    const next = nextKeyOf(view)
    const { body, keyEpoch, sender } = openMessage(this.#options.domain, kind, sealed, this.#deps.crypto)
    const caller = aggregatorByIdentity(view.newest, sender)
    if (caller?.peerKey !== from || keyEpoch !== next.keyEpoch) {
      throw new DecodeError('BAD_VALUE', 'not from an aggregator for the next key')
    }
    return { body, caller: caller.index, view, next }
  }

  #requireView(): RegistryView {
    const view = this.#deps.view()
    if (view === undefined) throw new Error('the registry has not been read yet')
    return view
  }
}

function termsOf(called: CalledTerms, { caller, next }: Opened): KeygenAttempt {
  return { ...called, caller, keyEpoch: next.keyEpoch, threshold: next.quorum.q }
}

function given<T>(value: T | undefined, why: string): T {
  if (value === undefined) throw new RequestRefused(why)
  return value
}
