/**
 * What a signer does with a proposal: one pure decision, in the protocol's order. Nothing here touches a key;
 * the shell acts on the answer (lock, delete the nonce, sign, reply).
 */
import type { Address, Hash } from '../bytes.ts'
import { activeMembers, aggregatorByIdentity, type Membership, memberBySlot } from '../membership.ts'
import type { SignedQuote } from '../quote.ts'
import { isRoundStart, previousRound, type Round, roundAt, roundStartMs } from '../rounds.ts'
import { medianWord } from './median.ts'
import type { ChosenSigner, Proposal, Refusal } from './messages.ts'
import type { SeenQuote } from './quote-book.ts'
import { isSignerSet } from './slots.ts'
import { collectionDeadlineMs, proposalTimeMs, type RoundTiming, turnOf } from './timing.ts'
import { claimedSlot } from './verify-quote.ts'

/** The durable promise never to sign a second word for a round. */
export interface ReportLock {
  readonly word: bigint
  /** The sealed proposal that was locked, which another aggregator must adopt. */
  readonly proposal: Uint8Array
}

export interface SignerContext {
  readonly nowMs: number
  readonly slot: number
  readonly feedId: Hash
  readonly membership: Membership
  readonly timing: RoundTiming
  /** Rounds up to this one may have been locked by an earlier life of this node whose guard has been lost. */
  readonly silentUntil: number
  /** The highest round this node has seen certified. */
  readonly highestCertified: number
  readonly lock: ReportLock | undefined
  /** Whether this node holds a share of the current group key. */
  readonly hasKeyShare: boolean
  /** Whether the pair that the proposal names for this node is unspent in the proposer's lane. */
  readonly nonceUnspent: (signer: ChosenSigner) => boolean
  /** Valid quotes of the round that this node has seen. */
  readonly seen: readonly SeenQuote[]
  /** Since when the member of a slot is known to have said two things; undefined when it is not. */
  readonly equivocatorSinceMs: (slot: number) => number | undefined
  /** Decodes and verifies one quote of the proposal; undefined when it is not valid under this membership. */
  readonly verifyQuote: (bytes: Uint8Array) => SignedQuote | undefined
}

export type StandingContext = Pick<
  SignerContext,
  'nowMs' | 'feedId' | 'membership' | 'timing' | 'silentUntil' | 'highestCertified' | 'equivocatorSinceMs'
>

export type SignerDecision =
  | { readonly kind: 'sign'; readonly word: bigint; readonly own: ChosenSigner }
  | { readonly kind: 'locked'; readonly lock: ReportLock }
  | { readonly kind: 'missing'; readonly quotes: readonly SignedQuote[] }
  | { readonly kind: 'refused'; readonly reason: Refusal }

function refuse(reason: Refusal): SignerDecision {
  return { kind: 'refused', reason }
}

/** Decides on a proposal whose seal is `sender`'s. The order is the protocol's: cheapest first, signing last. */
export function decideOnProposal(
  proposal: Proposal,
  keyEpoch: number,
  sender: Address,
  context: SignerContext,
): SignerDecision {
  const refusal = checkStanding(proposal, keyEpoch, sender, context)
  if (refusal !== undefined) return refuse(refusal)

  const { lock } = context
  if (lock !== undefined && lock.word !== proposal.word) return { kind: 'locked', lock }

  const chosen = checkSigners(proposal, context)
  if (typeof chosen === 'string') return refuse(chosen)

  const quotes = checkQuotes(proposal, context)
  if (typeof quotes === 'string') return refuse(quotes)

  // A locked word has passed this rule once; its quotes cannot be added to without becoming another word.
  const missing = lock === undefined ? missingQuotes(quotes, proposal.round, context) : []
  if (missing.length > 0) return { kind: 'missing', quotes: missing }

  if (medianWord(quotes.map(signed => signed.quote)) !== proposal.word) return refuse('WRONG_WORD')
  return { kind: 'sign', word: proposal.word, own: chosen }
}

/** The cheap part of the decision, on nothing but who proposes when: whatever costs a verification comes after it. */
export function checkStanding(
  proposal: Proposal,
  keyEpoch: number,
  sender: Address,
  context: StandingContext,
): Refusal | undefined {
  return checkTurn(proposal, keyEpoch, sender, context) ?? checkRound(proposal, context)
}

function checkTurn(
  proposal: Proposal,
  keyEpoch: number,
  sender: Address,
  context: StandingContext,
): Refusal | undefined {
  const { membership, timing, feedId, nowMs } = context
  const aggregator = aggregatorByIdentity(membership, sender)
  if (aggregator === undefined) return 'NOT_AN_AGGREGATOR'
  const turn = turnOf(proposal.round, aggregator.index, membership.aggregators.length, timing)
  if (turn === undefined) return 'NOT_ITS_TURN'
  const opensMs = proposalTimeMs(proposal.round, turn, timing)
  // With every quote in there is nothing to wait for: the primary may go before the deadline.
  const early = nowMs + timing.skewMs < opensMs
  if (early && !(turn === 'primary' && isEveryoneIn(proposal, context))) return 'TOO_EARLY'
  if (keyEpoch !== membership.keyEpoch) return 'OTHER_KEY_EPOCH'
  if (proposal.feedId !== feedId) return 'OTHER_FEED'
  return undefined
}

/** Whether there is a quote of every active member whose quote can count. */
function isEveryoneIn({ quotes }: Proposal, { membership, equivocatorSinceMs }: StandingContext): boolean {
  const slots = new Set(quotes.map(claimedSlot))
  return activeMembers(membership).every(
    ({ slot }) => slots.has(slot) || equivocatorSinceMs(slot) !== undefined,
  )
}

function checkRound(proposal: Proposal, context: StandingContext): Refusal | undefined {
  const { timing, nowMs, highestCertified } = context
  const { roundMs, skewMs } = timing
  const oldest = previousRound(roundAt(nowMs, roundMs), roundMs)
  const newest = roundAt(nowMs + skewMs, roundMs)
  if (!isRoundStart(proposal.round, roundMs) || proposal.round < oldest || proposal.round > newest) {
    return 'ROUND_OUTSIDE_WINDOW'
  }
  if (proposal.round <= context.silentUntil) return 'JUST_STARTED'
  return proposal.round <= highestCertified ? 'ALREADY_CERTIFIED' : undefined
}

/** Exactly q signers, sorted, unique, active and holding shares; this node among them with an unspent pair. */
function checkSigners(proposal: Proposal, context: SignerContext): ChosenSigner | Refusal {
  const { membership, slot } = context
  const { signers } = proposal
  const isActive = (signer: ChosenSigner) => memberBySlot(membership, signer.slot)?.suspended === false
  if (!isSignerSet(proposal, membership) || !signers.every(isActive)) return 'BAD_SIGNER_SET'
  const own = signers.find(signer => signer.slot === slot)
  if (own === undefined) return 'NOT_CHOSEN'
  if (!context.hasKeyShare) return 'NO_KEY_SHARE'
  return context.nonceUnspent(own) ? own : 'UNKNOWN_NONCE'
}

/**
 * Every quote valid and of this round, one a slot in ascending order, none of a member that is known to have said two
 * things since before the round. In the round in which it comes out, some have signed by then and others have not:
 * if these refused what those are bound to, one liar could end the round. Its quote is one of at most f that lie,
 * whichever of the two it is, and the lock still allows only one word.
 */
function checkQuotes(proposal: Proposal, context: SignerContext): SignedQuote[] | Refusal {
  if (proposal.quotes.length < context.membership.quorum.q) return 'TOO_FEW_QUOTES'
  const quotes: SignedQuote[] = []
  for (const bytes of proposal.quotes) {
    const signed = context.verifyQuote(bytes)
    if (signed === undefined || signed.quote.round !== proposal.round) return 'BAD_QUOTE'
    if (signed.slot <= (quotes.at(-1)?.slot ?? -1)) return 'DUPLICATE_QUOTE'
    const sinceMs = context.equivocatorSinceMs(signed.slot)
    if (sinceMs !== undefined && sinceMs < roundStartMs(proposal.round)) return 'EQUIVOCATOR'
    quotes.push(signed)
  }
  return quotes
}

/**
 * Quotes this node saw before D − δ that the proposal lacks. A proposer free to drop quotes would pick the
 * lowest honest price every round.
 */
function missingQuotes(quotes: readonly SignedQuote[], round: Round, context: SignerContext): SignedQuote[] {
  const { timing, membership } = context
  const beforeMs = collectionDeadlineMs(round, timing) - timing.inclusionMarginMs
  const missing = context.seen.filter(
    ({ signed, receivedAtMs }) =>
      receivedAtMs < beforeMs &&
      signed.quote.keyEpoch === membership.keyEpoch &&
      memberBySlot(membership, signed.slot)?.suspended === false &&
      // Another quote of the slot is no omission: its member has said two things, and either will do.
      !quotes.some(included => included.slot === signed.slot),
  )
  return missing.map(({ signed }) => signed)
}
