/**
 * One round in flight: feeds events to the round machine and performs its effects. Everything that is decided
 * is decided in protocol/round/aggregator.ts.
 */
import { DecodeError, type Hash } from '../../protocol/bytes.ts'
import { type CertifiedReport, verifyCertifiedReport } from '../../protocol/certificate.ts'
import { CHANNELS } from '../../protocol/channels.ts'
import type { Domain } from '../../protocol/domain.ts'
import { commitmentsOf, type FrostPublic, type GroupSignature, isScalar } from '../../protocol/frost.ts'
import { BadSharesError, type FrostCrypto } from '../../protocol/frost-crypto.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import { type Member, type Membership, memberBySlot } from '../../protocol/membership.ts'
import { type IdentitySigner, MESSAGE_KIND, openMessage, sealMessage } from '../../protocol/message.ts'
import type { SignedQuote } from '../../protocol/quote.ts'
import { reportDigest } from '../../protocol/report.ts'
import {
  openRound,
  type RoundEffect,
  type RoundEvent,
  type RoundState,
  type Session,
  step,
} from '../../protocol/round/aggregator.ts'
import {
  type AggregatorFault,
  faultOfRefusal,
  isFalseMissing,
  type MemberFault,
} from '../../protocol/round/faults.ts'
import { medianWord } from '../../protocol/round/median.ts'
import {
  type ChosenSigner,
  decodeReply,
  encodeProposal,
  MAX_REPLY_BYTES,
  type QuotePair,
  type Refusal,
  type Reply,
  sessionIdOf,
} from '../../protocol/round/messages.ts'
import { ProposalRecord } from '../../protocol/round/proposal-record.ts'
import type { Equivocation, QuoteBook } from '../../protocol/round/quote-book.ts'
import type { RoundTiming, Turn } from '../../protocol/round/timing.ts'
import type { Round } from '../../protocol/rounds.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { PeerNetwork } from '../../runtime/p2p/peer-network.ts'
import type { NoncePool } from './nonce-pool.ts'
import { type ShownLock, ShownQuotes } from './shown-quotes.ts'
import type { SignerRecord } from './signer-record.ts'

export interface CertifiedRound {
  readonly report: CertifiedReport
  readonly signers: readonly number[]
  readonly quotes: readonly SignedQuote[]
}

export interface ActiveRoundOptions {
  readonly domain: Domain
  readonly feedId: Hash
  readonly timing: RoundTiming
  readonly membership: Membership
  readonly groupPublic: FrostPublic
}

export interface ActiveRoundDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly crypto: IdentityCrypto
  readonly frost: Pick<FrostCrypto, 'aggregate'>
  readonly network: Pick<PeerNetwork, 'request' | 'connected'>
  readonly nonces: NoncePool
  readonly record: Pick<SignerRecord, 'failed' | 'failedLately'>
  readonly book: QuoteBook
  readonly sign: IdentitySigner
  readonly certified: (round: CertifiedRound) => void
  readonly count: (outcome: string) => void
  /** Counts what a member did that no honest one does, by its slot. */
  readonly fault: (slot: number, fault: MemberFault) => void
  /** The same of another aggregator, by its index. */
  readonly aggregatorFault: (index: number, fault: AggregatorFault) => void
  /** A reply proved that a member said two things, which was not known before. */
  readonly learned: (evidence: Equivocation) => void
}

export class ActiveRound {
  readonly #options: ActiveRoundOptions
  readonly #deps: ActiveRoundDeps
  readonly #shown: ShownQuotes
  readonly #proposals: ProposalRecord
  #state: RoundState
  /** Nonce commitments of the current session, which the aggregation needs again. */
  #signers: readonly ChosenSigner[] = []

  constructor(
    round: Round,
    turn: Turn,
    quotes: readonly SignedQuote[],
    options: ActiveRoundOptions,
    deps: ActiveRoundDeps,
  ) {
    this.#options = options
    this.#deps = deps
    this.#shown = new ShownQuotes({ ...options, round }, deps)
    this.#proposals = new ProposalRecord(options.timing)
    const liars = deps.book.equivocationsOf(options.membership.keyEpoch).map(({ slot }) => slot)
    this.#state = openRound(round, options.feedId, turn, quotes, liars)
  }

  get round(): Round {
    return this.#state.round
  }

  get keyEpoch(): number {
    return this.#options.membership.keyEpoch
  }

  dispatch(event: RoundEvent): void {
    const { state, effects } = step(this.#state, event, {
      nowMs: this.#deps.clock.now(),
      membership: this.#options.membership,
      timing: this.#options.timing,
      candidates: this.#candidates(),
    })
    this.#state = state
    for (const effect of effects) this.#perform(effect)
  }

  /**
   * Holders of shares that are connected. Those that answered lately and have a nonce at hand come first; among them
   * the rounds go around, so that every member signs, and one that cannot is noticed.
   */
  #candidates(): number[] {
    const { membership, timing } = this.#options
    const connected = new Set(this.#deps.network.connected())
    const stocked = new Set(this.#deps.nonces.stocked())
    const holders = membership.groupKey?.participants ?? []
    const first = Math.floor(this.round / (timing.roundMs / 100)) % Math.max(1, holders.length)
    const nowMs = this.#deps.clock.monotonic()
    const rank = (slot: number): number =>
      (this.#deps.record.failedLately(slot, nowMs) ? 2 : 0) + (stocked.has(slot) ? 0 : 1)
    const rotated = [...holders.slice(first), ...holders.slice(0, first)]
    return rotated
      .filter(slot => {
        const member = memberBySlot(membership, slot)
        return member !== undefined && !member.suspended && connected.has(member.peerKey)
      })
      .sort((a, b) => rank(a) - rank(b))
  }

  #perform(effect: RoundEffect): void {
    switch (effect.type) {
      case 'propose':
        this.#propose(effect.session).catch((error: unknown) => {
          this.#deps.logger.error('a proposal could not be sent', { round: this.round, error })
        })
        return
      case 'aggregate':
        this.#aggregate(effect.session)
        return
      case 'certify-by-quorum': {
        const certificate = { kind: 'quorum', signatures: effect.signatures } as const
        if (!this.#holds(effect.word, certificate)) return
        this.#deps.count('certified_by_quorum')
        this.#announce(effect.word, certificate, this.#quorumSigners(effect.word))
        return
      }
      case 'abandon':
        this.#deps.count(effect.reason)
        this.#deps.logger.warn('a round ended without a certificate', {
          round: this.round,
          reason: effect.reason,
        })
        return
      default:
        effect satisfies never
    }
  }

  async #propose(session: Session): Promise<void> {
    const { membership, domain, feedId } = this.#options
    const members = session.signers.flatMap(slot => memberBySlot(membership, slot) ?? [])
    const dry = members.filter(member => !this.#deps.nonces.stocked().includes(member.slot))
    if (dry.length > 0) await this.#deps.nonces.refill(dry)
    if (this.#state.session !== session) return
    const stocked = new Set(this.#deps.nonces.stocked())
    const empty = session.signers.find(slot => !stocked.has(slot))
    if (empty !== undefined) {
      // Before anything is taken: the others' pairs would be lost with a proposal that is never sent.
      this.dispatch({ type: 'refused', session: session.number, slot: empty, reason: 'SILENT' })
      return
    }
    const signers: ChosenSigner[] = session.signers.flatMap(slot => {
      const pair = this.#deps.nonces.take(slot)
      return pair === undefined ? [] : [{ slot, ...pair }]
    })
    this.#signers = signers
    const body = encodeProposal({
      feedId,
      round: this.round,
      session: session.number,
      quotes: session.quotes.map(quote => quote.bytes),
      word: session.word,
      signers,
      equivocations: this.#deps.book
        .equivocationsOf(membership.keyEpoch)
        .slice(0, membership.quorum.f)
        .map(({ first, second }) => [first.bytes, second.bytes] as const),
    })
    const sealed = sealMessage(domain, MESSAGE_KIND.proposal, membership.keyEpoch, body, this.#deps.sign)
    await Promise.all(members.map(member => this.#ask(member, session, sealed)))
  }

  async #ask(member: Member, session: Session, sealed: Uint8Array): Promise<void> {
    const { slot } = member
    const fail = (fault: 'SILENT' | 'BAD_REPLY', error: unknown): void => {
      this.#deps.count(fault)
      this.#blame(slot, fault)
      this.#deps.logger.debug('a signer did not answer', { slot, round: this.round, fault, error })
      this.dispatch({ type: 'refused', session: session.number, slot, reason: 'SILENT' })
    }
    let answer: Uint8Array
    try {
      answer = await this.#deps.network.request(member.peerKey, CHANNELS.sign, sealed, {
        // Half a round: a member that needs longer cannot help this one.
        timeoutMs: this.#options.timing.roundMs / 2,
        maxReplyBytes: MAX_REPLY_BYTES,
      })
    } catch (error) {
      fail('SILENT', error)
      return
    }
    let reply: Reply
    try {
      const { body, sender } = openMessage(
        this.#options.domain,
        MESSAGE_KIND.share,
        answer,
        this.#deps.crypto,
      )
      reply = decodeReply(body)
      if (sender !== member.identity || reply.sessionId !== sessionIdOf(sealed)) {
        throw new DecodeError('BAD_VALUE', 'a reply of somebody else or to something else')
      }
    } catch (error) {
      fail('BAD_REPLY', error)
      return
    }
    this.#onReply(member, session, reply)
  }

  #onReply(member: Member, session: Session, reply: Reply): void {
    const { slot } = member
    const { number } = session
    switch (reply.kind) {
      case 'share': {
        const digest = reportDigest(this.#options.domain, this.#options.feedId, session.word)
        const signed = this.#deps.crypto.recover(digest, reply.identitySignature) === member.identity
        if (!signed || !isScalar(reply.share)) {
          this.#blame(slot, 'BAD_SHARE')
          this.dispatch({ type: 'refused', session: number, slot, reason: 'SILENT' })
          return
        }
        this.#deps.nonces.add(slot, reply.nonce)
        const { share, identitySignature } = reply
        this.dispatch({ type: 'share', session: number, share: { slot, share, identitySignature } })
        return
      }
      case 'locked':
        this.#onLocked(slot, session, this.#shown.lock(reply.proposal))
        return
      case 'missing':
        this.#onMissing(slot, session, reply.quotes)
        return
      case 'refused':
        this.#deps.count(reply.reason)
        if (reply.reason === 'UNKNOWN_NONCE') this.#deps.nonces.forget(slot)
        if (reply.reason === 'EQUIVOCATOR') this.#onEvidence(slot, session, reply.evidence)
        else this.#onRefused(slot, session, reply.reason)
        return
      default:
        reply satisfies never
    }
  }

  /** Counts a fault; whoever has one is asked last for a while, so that it costs a session now and then. */
  #blame(slot: number, fault: MemberFault): void {
    this.#deps.fault(slot, fault)
    this.#deps.record.failed(slot, this.#deps.clock.monotonic())
  }

  #onRefused(slot: number, { number }: Session, reason: Refusal): void {
    const fault = faultOfRefusal(reason)
    if (fault !== undefined) this.#blame(slot, fault)
    this.dispatch({ type: 'refused', session: number, slot, reason })
  }

  /** A refusal for the sake of a member that said two things: the proof decides what it is worth. */
  #onEvidence(slot: number, session: Session, pair: QuotePair): void {
    const evidence = this.#shown.equivocation(pair)
    if (evidence === undefined) this.#blame(slot, 'FALSE_EVIDENCE')
    else this.#learn(evidence)
    // A liar that shows its own lie is only buying time: others may be bound to the word by now.
    const isOthers = evidence !== undefined && evidence.slot !== slot
    if (!isOthers || !session.quotes.some(quote => quote.slot === evidence.slot)) {
      this.dispatch({ type: 'refused', session: session.number, slot, reason: 'EQUIVOCATOR' })
      return
    }
    this.dispatch({ type: 'equivocation', slot: evidence.slot, session: session.number })
  }

  #learn(evidence: Equivocation): void {
    if (this.#deps.book.learn(evidence, this.#deps.clock.now())) this.#deps.learned(evidence)
  }

  /** What is shown goes into the book, which finds out when it contradicts what is there. */
  #onMissing(slot: number, session: Session, shown: readonly Uint8Array[]): void {
    const quotes = this.#shown.valid(shown)
    let contradicted = false
    for (const signed of quotes) {
      const signer = memberBySlot(this.#options.membership, signed.slot)?.identity
      if (signer === undefined) continue
      const admission = this.#deps.book.adopt(signed, signer, this.#deps.clock.now())
      if (admission.verdict !== 'equivocation') continue
      contradicted = true
      this.#deps.learned(admission.evidence)
      this.dispatch({ type: 'equivocation', slot: signed.slot, session: session.number })
    }
    // Who shows a liar's other quote has shown something. The session does without this signer all the same: it has
    // answered, and where the lie began another session this answer is an earlier one's.
    if (!contradicted && isFalseMissing(shown, session.quotes, bytes => this.#shown.isAuthentic(bytes))) {
      this.#blame(slot, 'FALSE_MISSING')
    }
    this.dispatch({ type: 'missing', session: session.number, slot, quotes })
  }

  #onLocked(slot: number, { number, word }: Session, shown: ShownLock): void {
    if (shown.kind !== 'lock') {
      if (shown.kind === 'false') this.#blame(slot, 'FALSE_LOCK')
      // Whoever is said to be locked to it: its seal is real.
      if (shown.kind === 'false' && shown.liar !== undefined)
        this.#deps.aggregatorFault(shown.liar.index, shown.liar.fault)
      this.dispatch({ type: 'refused', session: number, slot, reason: 'SILENT' })
      return
    }
    const { proposer, session, body, quotes } = shown
    if (!this.#proposals.note(proposer, this.round, session, body)) {
      this.#deps.aggregatorFault(proposer, 'CONFLICTING_PROPOSAL')
    }
    // Locked to the very word it was asked for, a member signs; locked to two, it has signed what it must not.
    const earlier = this.#state.locks.get(slot)
    const contradicts = earlier !== undefined && medianWord(earlier.map(({ quote }) => quote)) !== shown.word
    if (shown.word === word || contradicts) this.#blame(slot, 'FALSE_LOCK')
    this.dispatch({ type: 'locked', session: number, slot, quotes })
  }

  #aggregate(session: Session): void {
    const { domain, feedId, groupPublic } = this.#options
    const digest = reportDigest(domain, feedId, session.word)
    const commitments = commitmentsOf(this.#signers)
    const shares = new Map(session.shares.map(({ slot, share }) => [slot, share]))
    let signature: GroupSignature
    try {
      signature = this.#deps.frost.aggregate(groupPublic, commitments, digest, shares)
    } catch (error) {
      const named = error instanceof BadSharesError ? error.slots : []
      // Without names the whole set is doubtful, and nobody is blamed.
      const slots = named.length > 0 ? named : [...session.signers]
      this.#deps.count('bad_share')
      for (const slot of named) this.#blame(slot, 'BAD_SHARE')
      for (const slot of slots) this.#deps.record.failed(slot, this.#deps.clock.monotonic())
      this.#deps.logger.warn('a signature share does not verify', { round: this.round, slots })
      this.dispatch({ type: 'bad-shares', session: session.number, slots })
      return
    }
    const certificate = { kind: 'group', signature } as const
    if (!this.#holds(session.word, certificate)) {
      this.dispatch({ type: 'bad-shares', session: session.number, slots: session.signers })
      return
    }
    this.dispatch({ type: 'aggregated', session: session.number })
    this.#announce(session.word, certificate, session.signers)
  }

  /** What does not hold is kept back: others would blame this aggregator for it. Only its own failure leads there. */
  #holds(word: bigint, certificate: CertifiedReport['certificate']): boolean {
    const { domain, membership } = this.#options
    if (verifyCertifiedReport(domain, membership, this.#reportOf(word, certificate), this.#deps.crypto))
      return true
    this.#deps.count('BAD_CERTIFICATE')
    this.#deps.logger.error('a certificate of our own does not hold', {
      round: this.round,
      kind: certificate.kind,
    })
    return false
  }

  #reportOf(word: bigint, certificate: CertifiedReport['certificate']): CertifiedReport {
    const { membership, feedId } = this.#options
    return { keyEpoch: membership.keyEpoch, feedId, word, certificate }
  }

  #quorumSigners(word: bigint): number[] {
    return [...(this.#state.identitySignatures.get(word)?.keys() ?? [])].sort((a, b) => a - b)
  }

  #announce(word: bigint, certificate: CertifiedReport['certificate'], signers: readonly number[]): void {
    const { session } = this.#state
    this.#deps.certified({
      report: this.#reportOf(word, certificate),
      signers,
      // The fallback may certify the word of an earlier session, to which the last one's quotes do not lead.
      quotes: session?.word === word ? session.quotes : [],
    })
  }
}
