/**
 * Answers aggregators: hands out nonce pairs, and signs the proposals that pass every check.
 */
import { DecodeError, type Hash } from '../../protocol/bytes.ts'
import { CHANNELS } from '../../protocol/channels.ts'
import type { Domain } from '../../protocol/domain.ts'
import { commitmentsOf, type FrostPublic, type FrostSecret, frost } from '../../protocol/frost.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import type { Membership, PeerKey } from '../../protocol/membership.ts'
import { MESSAGE_KIND, openMessage, sealMessage } from '../../protocol/message.ts'
import { reportDigest } from '../../protocol/report.ts'
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
import type { QuoteBook } from '../../protocol/round/quote-book.ts'
import { decideOnProposal, type SignerDecision } from '../../protocol/round/signer.ts'
import type { RoundTiming } from '../../protocol/round/timing.ts'
import { verifyQuote } from '../../protocol/round/verify-quote.ts'
import { nextRound, type Round, roundAt } from '../../protocol/rounds.ts'
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
  readonly book: QuoteBook
  readonly network: Pick<PeerNetwork, 'handle'>
  readonly membership: () => Membership | undefined
  /** This node's share of the key that is installed, if it has one. */
  readonly key: (keyEpoch: number) => SigningKey | undefined
  readonly highestCertified: () => Round
  /** Counts every answer by its kind, and refusals by their reason. */
  readonly count: (outcome: 'share' | 'locked' | 'missing' | Refusal) => void
}

/** A signature takes about 5 ms; a deadline far above it only frees what hangs. */
const REQUEST_TIMEOUT_MS = 2_000

interface ProposedSession {
  readonly proposal: Proposal
  readonly keyEpoch: number
  readonly sealed: Uint8Array
  readonly sessionId: Hash
  readonly from: PeerKey
  readonly key: SigningKey | undefined
}

export class SigningService implements Service {
  readonly name = 'signing'
  readonly #options: SigningOptions
  readonly #deps: SigningDeps
  readonly #lanes = new NonceLanes()
  /** Until it has started, it signs nothing. */
  #silentUntil = Number.POSITIVE_INFINITY

  constructor(options: SigningOptions, deps: SigningDeps) {
    this.#options = options
    this.#deps = deps
  }

  async start(): Promise<void> {
    const { roundMs } = this.#options.timing
    this.#silentUntil = nextRound(roundAt(this.#deps.clock.now(), roundMs), roundMs)
  }

  async stop(): Promise<void> {
    this.#silentUntil = Number.POSITIVE_INFINITY
    this.#lanes.clear()
  }

  register(): void {
    const { network } = this.#deps
    const limits = { maxInFlightPerPeer: 4, timeoutMs: REQUEST_TIMEOUT_MS }
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
    const membership = this.#deps.membership()
    const { keyEpoch, bootId } = decodeNonceRequest(request)
    const key = this.#deps.key(keyEpoch)
    if (!this.#isAggregator(from) || key === undefined || keyEpoch !== membership?.keyEpoch)
      return encodeNoncePairs([])
    return encodeNoncePairs(this.#lanes.refill(from, bootId, keyEpoch, key.secret))
  }

  #isAggregator(from: PeerKey): boolean {
    return this.#deps.membership()?.aggregators.some(({ peerKey }) => peerKey === from) === true
  }

  #answer(sealed: Uint8Array, from: PeerKey): Uint8Array {
    // Before anything is hashed or verified: nobody else can make this node work.
    if (!this.#isAggregator(from)) throw new RequestRefused('not an aggregator')
    const sessionId = sessionIdOf(sealed)
    const reply = this.#reply(sealed, sessionId, from)
    this.#deps.count(reply.kind === 'refused' ? reply.reason : reply.kind)
    if (reply.kind === 'refused') {
      this.#deps.logger.debug('refused a proposal', { reason: reply.reason, sessionId })
    }
    const keyEpoch = this.#deps.membership()?.keyEpoch ?? 0
    return sealMessage(this.#options.domain, MESSAGE_KIND.share, keyEpoch, encodeReply(reply), digest =>
      this.#deps.guard.signDigest(digest),
    )
  }

  #reply(sealed: Uint8Array, sessionId: Hash, from: PeerKey): Reply {
    const membership = this.#deps.membership()
    if (membership === undefined) return { kind: 'refused', sessionId, reason: 'BUSY' }
    const opened = this.#open(sealed)
    if (opened === undefined) return { kind: 'refused', sessionId, reason: 'MALFORMED' }
    const { proposal, keyEpoch, sender } = opened
    const key = this.#deps.key(keyEpoch)
    const decision = decideOnProposal(proposal, keyEpoch, sender, {
      ...this.#options,
      nowMs: this.#deps.clock.now(),
      membership,
      silentUntil: this.#silentUntil,
      highestCertified: this.#deps.highestCertified(),
      lock: this.#deps.guard.lockOf(proposal.round),
      hasKeyShare: key !== undefined,
      nonceUnspent: own => this.#lanes.isUnspent(from, keyEpoch, own),
      seen: this.#deps.book.quotesOf(proposal.round),
      isEquivocator: slot => this.#deps.book.isEquivocator(keyEpoch, slot),
      verifyQuote: bytes =>
        verifyQuote(bytes, {
          ...this.#options,
          membership,
          crypto: this.#deps.crypto,
          book: this.#deps.book,
        }),
    })
    return this.#act(decision, { proposal, keyEpoch, sealed, sessionId, from, key })
  }

  #open(sealed: Uint8Array): { proposal: Proposal; keyEpoch: number; sender: `0x${string}` } | undefined {
    try {
      const { body, keyEpoch, sender } = openMessage(
        this.#options.domain,
        MESSAGE_KIND.proposal,
        sealed,
        this.#deps.crypto,
      )
      return { proposal: decodeProposal(body), keyEpoch, sender }
    } catch (error) {
      if (error instanceof DecodeError) return undefined
      throw error
    }
  }

  #act(decision: SignerDecision, session: ProposedSession): Reply {
    const { sessionId } = session
    switch (decision.kind) {
      case 'refused':
        return { kind: 'refused', sessionId, reason: decision.reason }
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

  /** The pair is gone before the lock is written, and the lock is on disk before the share exists. */
  #sign(word: bigint, own: ChosenSigner, session: ProposedSession): Reply {
    const { proposal, keyEpoch, sealed, sessionId, from, key } = session
    const nonce = this.#lanes.take(from, keyEpoch, own)
    if (nonce === undefined || key === undefined)
      return { kind: 'refused', sessionId, reason: 'UNKNOWN_NONCE' }
    const identitySignature = this.#deps.guard.lockAndSignReport(proposal.round, { word, proposal: sealed })
    const commitments = commitmentsOf(proposal.signers)
    const digest = reportDigest(this.#options.domain, this.#options.feedId, word)
    try {
      const share = frost.signShare(key.secret, key.public, nonce.nonces, commitments, digest)
      return {
        kind: 'share',
        sessionId,
        identitySignature,
        share,
        nonce: this.#lanes.replace(from, key.secret),
      }
    } catch {
      // Only commitments that are no points get here: they came with the proposal.
      return { kind: 'refused', sessionId, reason: 'BAD_SIGNER_SET' }
    }
  }
}
