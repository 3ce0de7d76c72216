/**
 * Answers aggregators: hands out nonce pairs, and signs the proposals that pass every check.
 */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { type Address, DecodeError, type Hash, hexOf } from '../../protocol/bytes.ts'
import { CHANNELS } from '../../protocol/channels.ts'
import type { Domain } from '../../protocol/domain.ts'
import { commitmentsOf, type FrostPublic, type FrostSecret } from '../../protocol/frost.ts'
import type { FrostCrypto } from '../../protocol/frost-crypto.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import {
  aggregatorByIdentity,
  type Membership,
  memberBySlot,
  membershipAt,
  type PeerKey,
  type RegistryView,
} from '../../protocol/membership.ts'
import { MESSAGE_KIND, openMessage, sealMessage } from '../../protocol/message.ts'
import type { SignedQuote } from '../../protocol/quote.ts'
import { reportDigest } from '../../protocol/report.ts'
import { type AggregatorFault, faultOfProposal } from '../../protocol/round/faults.ts'
import {
  type ChosenSigner,
  decodeNonceRequest,
  decodeProposal,
  encodeNoncePairs,
  encodeReply,
  MAX_PROPOSAL_BYTES,
  NONCE_REQUEST_BYTES,
  type Proposal,
  type Refusal,
  type Reply,
  sessionIdOf,
} from '../../protocol/round/messages.ts'
import { ProposalRecord } from '../../protocol/round/proposal-record.ts'
import type { Equivocation, QuoteBook } from '../../protocol/round/quote-book.ts'
import {
  checkStanding,
  decideOnProposal,
  type SignerDecision,
  type StandingContext,
} from '../../protocol/round/signer.ts'
import { type RoundTiming, turnOf } from '../../protocol/round/timing.ts'
import {
  claimedSlot,
  isAuthentic,
  verifyEquivocation,
  verifyQuote,
} from '../../protocol/round/verify-quote.ts'
import { nextRound, type Round, roundAt, roundStartMs } from '../../protocol/rounds.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { type PeerNetwork, RequestRefused } from '../../runtime/p2p/peer-network.ts'
import type { Service } from '../../runtime/service.ts'
import type { Guard } from '../guard/guard.ts'
import { NonceLanes } from './nonce-lanes.ts'

export interface SigningKey {
  readonly secret: FrostSecret
  readonly public: FrostPublic
}

export interface SigningOptions {
  readonly domain: Domain
  readonly feedId: Hash
  readonly slot: number
  readonly timing: RoundTiming
}

export interface SigningDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly guard: Guard
  readonly crypto: IdentityCrypto
  readonly frost: FrostCrypto
  readonly book: QuoteBook
  readonly network: Pick<PeerNetwork, 'handle'>
  /** What the registry says now: of both keys, where a rotation is going on. */
  readonly view: () => RegistryView | undefined
  /** This node's share of the key that is installed, if it has one. */
  readonly key: (keyEpoch: number) => SigningKey | undefined
  readonly highestCertified: () => Round
  /** Counts every answer by its kind, and refusals by their reason. */
  readonly count: (outcome: 'share' | 'locked' | 'missing' | Refusal) => void
  /** Counts what an aggregator did that no honest one does, by its index. */
  readonly fault: (aggregator: number, fault: AggregatorFault) => void
  /** A proposal proved that a member said two things, which was not known before. */
  readonly learned: (evidence: Equivocation) => void
}

/** Two writes to disk take a few milliseconds; a deadline far above it only frees what hangs. */
const REQUEST_TIMEOUT_MS = 2_000
/** Of one aggregator: a proposal, a few more after liars, and nonces for each. */
const SESSIONS_PER_ROUND = 4
const MIN_REQUESTS_PER_SEC = 10

interface OpenedProposal {
  readonly proposal: Proposal
  readonly keyEpoch: number
  readonly sender: Address
  /** Of the body: an aggregator may seal the same proposal twice. */
  readonly hash: Hash
}

interface ProposedSession {
  readonly proposal: Proposal
  readonly keyEpoch: number
  readonly sealed: Uint8Array
  readonly sessionId: Hash
  readonly from: PeerKey
  readonly key: SigningKey | undefined
  /** Index of who sealed it; undefined when nobody who may did. */
  readonly aggregator: number | undefined
}

export class SigningService implements Service {
  readonly name = 'signing'
  readonly #options: SigningOptions
  readonly #deps: SigningDeps
  readonly #lanes: NonceLanes
  readonly #proposals: ProposalRecord
  /** Until it has started, it signs nothing. */
  #silentUntil = Number.POSITIVE_INFINITY

  constructor(options: SigningOptions, deps: SigningDeps) {
    this.#options = options
    this.#deps = deps
    this.#lanes = new NonceLanes(deps.frost)
    this.#proposals = new ProposalRecord(options.timing)
  }

  async start(): Promise<void> {
    const { roundMs } = this.#options.timing
    this.#silentUntil = nextRound(roundAt(this.#deps.clock.now(), roundMs), roundMs)
  }

  async stop(): Promise<void> {
    this.#silentUntil = Number.POSITIVE_INFINITY
    this.#lanes.clear()
  }

  /** The registry has changed: what belongs to keys that are no longer needed is dropped. */
  follow({ newest, previous }: RegistryView): void {
    this.#lanes.forgetBefore(previous?.keyEpoch ?? newest.keyEpoch)
  }

  /** Whether a certificate of a round is still of use, though a later round's came first. */
  awaitsCertificate(round: Round): boolean {
    return this.#proposals.awaitsCertificate(round)
  }

  /** A certificate of a round has been seen, made by the aggregator of that index. */
  onCertified(round: Round, proposer: number): void {
    this.#proposals.certified(round, proposer)
    this.#judgeRounds()
  }

  /** Names who had this member's share in a round that is over, and made no certificate of it. */
  #judgeRounds(): void {
    const { timing } = this.#options
    const withheld = this.#proposals.judge(this.#deps.clock.now(), (round, aggregator, other) => {
      const count = this.#membershipAt(roundStartMs(round))?.aggregators.length ?? 1
      const turns = [aggregator, other].map(index => turnOf(round, index, count, timing))
      return turns[0] === 'primary' && turns[1] === 'backup'
    })
    for (const { aggregator } of withheld) this.#deps.fault(aggregator, 'WITHHELD')
  }

  register(): void {
    const { network } = this.#deps
    const perSec = Math.ceil((SESSIONS_PER_ROUND * 1_000) / this.#options.timing.roundMs)
    const limits = {
      maxInFlightPerPeer: 4,
      timeoutMs: REQUEST_TIMEOUT_MS,
      maxPerSec: Math.max(MIN_REQUESTS_PER_SEC, perSec),
    }
    network.handle(
      CHANNELS.nonces,
      { ...limits, maxRequestBytes: NONCE_REQUEST_BYTES },
      async (request, from) => this.#refill(request, from),
    )
    network.handle(CHANNELS.sign, { ...limits, maxRequestBytes: MAX_PROPOSAL_BYTES }, async (request, from) =>
      this.#answer(request, from),
    )
  }

  #refill(request: Uint8Array, from: PeerKey): Uint8Array {
    const { keyEpoch, bootId } = decodeNonceRequest(request)
    const key = this.#deps.key(keyEpoch)
    if (!this.#isAggregator(from) || key === undefined || !this.#counts(keyEpoch)) return encodeNoncePairs([])
    return encodeNoncePairs(this.#lanes.refill(from, bootId, keyEpoch, key.secret))
  }

  /** Whether it is the key epoch of rounds that may still be signed, or soon will be. */
  #counts(keyEpoch: number): boolean {
    const view = this.#deps.view()
    return keyEpoch === view?.newest.keyEpoch || keyEpoch === view?.previous?.keyEpoch
  }

  #isAggregator(from: PeerKey): boolean {
    return this.#deps.view()?.newest.aggregators.some(({ peerKey }) => peerKey === from) === true
  }

  /** What counts for a round that starts then. */
  #membershipAt(unixMs: number): Membership | undefined {
    const view = this.#deps.view()
    return view === undefined ? undefined : membershipAt(view, unixMs)
  }

  #answer(sealed: Uint8Array, from: PeerKey): Uint8Array {
    // Before anything is hashed or verified: nobody else can make this node work.
    if (!this.#isAggregator(from)) throw new RequestRefused('not an aggregator')
    this.#judgeRounds()
    const sessionId = sessionIdOf(sealed)
    const reply = this.#reply(sealed, sessionId, from)
    this.#deps.count(reply.kind === 'refused' ? reply.reason : reply.kind)
    if (reply.kind === 'refused') {
      this.#deps.logger.debug('refused a proposal', { reason: reply.reason, sessionId })
    }
    const keyEpoch = this.#membershipAt(this.#deps.clock.now())?.keyEpoch ?? 0
    return sealMessage(this.#options.domain, MESSAGE_KIND.share, keyEpoch, encodeReply(reply), digest =>
      this.#deps.guard.signDigest(digest),
    )
  }

  #reply(sealed: Uint8Array, sessionId: Hash, from: PeerKey): Reply {
    const opened = this.#open(sealed)
    if (opened === undefined) return { kind: 'refused', sessionId, reason: 'MALFORMED' }
    const { proposal, keyEpoch, sender } = opened
    const membership = this.#membershipAt(roundStartMs(proposal.round))
    if (membership === undefined) return { kind: 'refused', sessionId, reason: 'BUSY' }
    const aggregator = aggregatorByIdentity(membership, sender)?.index
    const nowMs = this.#deps.clock.now()
    const { book, crypto } = this.#deps
    const standing: StandingContext = {
      ...this.#options,
      nowMs,
      membership,
      silentUntil: this.#silentUntil,
      highestCertified: this.#deps.highestCertified(),
      equivocatorSinceMs: slot => book.equivocationOf(keyEpoch, slot)?.sinceMs,
    }
    if (
      aggregator !== undefined &&
      keyEpoch === membership.keyEpoch &&
      this.#isRecent(proposal.round, nowMs)
    ) {
      this.#note(opened, aggregator)
      if (!this.#takeIn(opened, standing)) {
        this.#deps.fault(aggregator, 'FALSE_EVIDENCE')
        return { kind: 'refused', sessionId, reason: 'FALSE_EVIDENCE' }
      }
    }
    const key = this.#deps.key(keyEpoch)
    const decision = decideOnProposal(proposal, keyEpoch, sender, {
      ...this.#options,
      ...standing,
      lock: this.#deps.guard.lockOf(proposal.round),
      hasKeyShare: key !== undefined,
      nonceUnspent: own => this.#lanes.isUnspent(from, keyEpoch, own),
      seen: book.quotesOf(proposal.round),
      verifyQuote: bytes => {
        const signed = verifyQuote(bytes, { ...this.#options, membership, crypto, book })
        if (signed?.quote.round === proposal.round) this.#adopt(signed, membership)
        return signed
      },
    })
    if (aggregator !== undefined) this.#blame(decision, proposal, aggregator, membership)
    return this.#act(decision, { proposal, keyEpoch, sealed, sessionId, from, key, aggregator })
  }

  /** Whether what is noted of a round will still be judged: the table is bounded by time. */
  #isRecent(round: Round, nowMs: number): boolean {
    return Math.abs(roundStartMs(round) - nowMs) <= 2 * this.#options.timing.roundMs
  }

  #note({ proposal, hash }: OpenedProposal, aggregator: number): void {
    if (!this.#proposals.note(aggregator, proposal.round, proposal.session, hash)) {
      this.#deps.fault(aggregator, 'CONFLICTING_PROPOSAL')
    }
  }

  /**
   * Learns who is proven to have said two things, from a proposal that comes in its turn. False where the proofs are
   * what no honest aggregator sends: more than there can be liars, two of one member, or one that proves nothing, and
   * that is the last one looked at.
   */
  #takeIn({ proposal, keyEpoch, sender }: OpenedProposal, standing: StandingContext): boolean {
    const { book, crypto } = this.#deps
    const { membership, nowMs } = standing
    const { equivocations } = proposal
    const claimed = new Set(equivocations.map(([first]) => claimedSlot(first)))
    const refused = checkStanding(proposal, keyEpoch, sender, {
      ...standing,
      // It may come early because nobody waits for those whom it proves to be liars.
      equivocatorSinceMs: slot => (claimed.has(slot) ? nowMs : standing.equivocatorSinceMs(slot)),
    })
    // The decision refuses it for the same reason: not worth a verification.
    if (refused !== undefined) return true
    if (equivocations.length > membership.quorum.f || claimed.size < equivocations.length) return false
    for (const pair of equivocations) {
      const slot = claimedSlot(pair[0])
      if (slot !== undefined && book.isEquivocator(membership.keyEpoch, slot)) continue
      const evidence = verifyEquivocation(pair, { ...this.#options, membership, crypto })
      if (evidence === undefined) return false
      if (book.learn(evidence, nowMs)) this.#deps.learned(evidence)
    }
    return true
  }

  /** Keeps a quote that came with a proposal: it may contradict the one that came by gossip. */
  #adopt(signed: SignedQuote, membership: Membership): void {
    const signer = memberBySlot(membership, signed.slot)?.identity
    if (signer === undefined) return
    const admission = this.#deps.book.adopt(signed, signer, this.#deps.clock.now())
    if (admission.verdict === 'equivocation') this.#deps.learned(admission.evidence)
  }

  #blame(decision: SignerDecision, proposal: Proposal, aggregator: number, membership: Membership): void {
    const { crypto, clock } = this.#deps
    if (decision.kind === 'refused') {
      const fault = faultOfProposal(decision.reason, proposal, membership, bytes =>
        isAuthentic(bytes, proposal.round, { ...this.#options, membership, crypto }),
      )
      if (fault !== undefined) this.#deps.fault(aggregator, fault)
    }
    if (decision.kind === 'missing') {
      const slots = decision.quotes.map(({ slot }) => slot)
      if (this.#proposals.lacked(aggregator, proposal.round, slots, clock.now())) {
        this.#deps.fault(aggregator, 'MISSING_QUOTES')
      }
    }
  }

  #open(sealed: Uint8Array): OpenedProposal | undefined {
    let sealedBy: Address | undefined
    try {
      const { domain } = this.#options
      const { body, keyEpoch, sender } = openMessage(domain, MESSAGE_KIND.proposal, sealed, this.#deps.crypto)
      sealedBy = sender
      return { proposal: decodeProposal(body), keyEpoch, sender, hash: hexOf(keccak_256(body)) }
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      const newest = this.#deps.view()?.newest
      const aggregator =
        newest === undefined || sealedBy === undefined ? undefined : aggregatorByIdentity(newest, sealedBy)
      // A real seal around nonsense: it was meant to be sent.
      if (aggregator !== undefined) this.#deps.fault(aggregator.index, 'MALFORMED_PROPOSAL')
      return undefined
    }
  }

  #act(decision: SignerDecision, session: ProposedSession): Reply {
    const { sessionId } = session
    switch (decision.kind) {
      case 'refused':
        return this.#refuse(decision.reason, session)
      case 'locked':
        return { kind: 'locked', sessionId, proposal: decision.lock.proposal }
      case 'missing':
        return { kind: 'missing', sessionId, quotes: decision.quotes.map(quote => quote.bytes) }
      case 'sign':
        return this.#sign(decision.word, decision.own, session)
      default:
        return decision satisfies never
    }
  }

  #refuse(reason: Refusal, { sessionId, proposal, keyEpoch }: ProposedSession): Reply {
    if (reason !== 'EQUIVOCATOR') return { kind: 'refused', sessionId, reason }
    const known = proposal.quotes
      .map(bytes => this.#deps.book.equivocationOf(keyEpoch, claimedSlot(bytes) ?? -1))
      .filter(equivocation => equivocation !== undefined)
      // The one that was refused: what came out during the round is no reason.
      .sort((a, b) => a.sinceMs - b.sinceMs)
    const [refused] = known
    // Forgotten with its key epoch since the decision.
    if (refused === undefined) return { kind: 'refused', sessionId, reason: 'BUSY' }
    const { first, second } = refused.evidence
    return { kind: 'refused', sessionId, reason, evidence: [first.bytes, second.bytes] }
  }

  /** The pair is gone before the lock is written, and the lock is on disk before the share exists. */
  #sign(word: bigint, own: ChosenSigner, session: ProposedSession): Reply {
    const { proposal, keyEpoch, sealed, sessionId, from, key, aggregator } = session
    const { frost, logger } = this.#deps
    // They came with the proposal. Looked at first: what fails after this is this node's own failure.
    if (!proposal.signers.every(({ hiding, binding }) => frost.isPoint(hiding) && frost.isPoint(binding))) {
      return { kind: 'refused', sessionId, reason: 'BAD_SIGNER_SET' }
    }
    const nonce = this.#lanes.take(from, keyEpoch, own)
    if (nonce === undefined || key === undefined)
      return { kind: 'refused', sessionId, reason: 'UNKNOWN_NONCE' }
    const identitySignature = this.#deps.guard.lockAndSignReport(proposal.round, { word, proposal: sealed })
    const commitments = commitmentsOf(proposal.signers)
    const digest = reportDigest(this.#options.domain, this.#options.feedId, word)
    try {
      const share = frost.signShare(key.secret, key.public, nonce.nonces, commitments, digest)
      if (aggregator !== undefined) this.#proposals.signed(aggregator, proposal.round, this.#deps.clock.now())
      return {
        kind: 'share',
        sessionId,
        identitySignature,
        share,
        nonce: this.#lanes.replace(from, keyEpoch, key.secret),
      }
    } catch (error) {
      logger.error('a share could not be made', { round: proposal.round, sessionId, error })
      throw error
    }
  }
}
