/**
 * Who has done what no honest process does. Closed lists: metric labels, and what tests assert. The tables stand in
 * README.md.
 */
import type { Membership } from '../membership.ts'
import type { SignedQuote } from '../quote.ts'
import type { Proposal, Refusal } from './messages.ts'
import { isSignerSet } from './slots.ts'
import { claimedSlot } from './verify-quote.ts'

/** Of a member, as an aggregator sees it. */
export const MEMBER_FAULTS = [
  'SILENT',
  'BAD_REPLY',
  'BAD_SHARE',
  'FALSE_MISSING',
  'FALSE_LOCK',
  'FALSE_REFUSAL',
  'FALSE_EVIDENCE',
  'EQUIVOCATION',
] as const
export type MemberFault = (typeof MEMBER_FAULTS)[number]

/** Only the observer's own experience: nothing signed shows it to anybody else. */
export const OBSERVED_MEMBER_FAULTS: readonly MemberFault[] = ['SILENT', 'BAD_REPLY']

/** Of an aggregator, as members and other aggregators see it. */
export const AGGREGATOR_FAULTS = [
  'MALFORMED_PROPOSAL',
  'BAD_SIGNER_SET',
  'TOO_FEW_QUOTES',
  'BAD_QUOTE',
  'DUPLICATE_QUOTE',
  'WRONG_WORD',
  'FALSE_EVIDENCE',
  'CONFLICTING_PROPOSAL',
  'MISSING_QUOTES',
  'WITHHELD',
] as const
export type AggregatorFault = (typeof AGGREGATOR_FAULTS)[number]

/** Only the observer's own experience: nothing signed shows it to anybody else. */
export const OBSERVED_AGGREGATOR_FAULTS: readonly AggregatorFault[] = ['MISSING_QUOTES', 'WITHHELD']

/**
 * Refusals that follow from the proposal's own bytes and the key epoch alone. A member that signs one for a proposal
 * of this honest aggregator lies; every other refusal may be a matter of view or time.
 */
const NEVER_HONEST: readonly Refusal[] = [
  'MALFORMED',
  'TOO_FEW_QUOTES',
  'DUPLICATE_QUOTE',
  'WRONG_WORD',
  'FALSE_EVIDENCE',
]

/** What a refusal of one's own honest proposal says of the member that signed it. */
export function faultOfRefusal(reason: Refusal): MemberFault | undefined {
  return NEVER_HONEST.includes(reason) ? 'FALSE_REFUSAL' : undefined
}

/**
 * What a refused proposal says of the aggregator that sealed it; undefined where an honest one with another view could
 * have sent it.
 *
 * @param isAuthentic whether a quote's bytes are of the proposal's round and signed by the member of their slot, suspended or not
 */
export function faultOfProposal(
  reason: Refusal,
  proposal: Proposal,
  membership: Membership,
  isAuthentic: (bytes: Uint8Array) => boolean,
): AggregatorFault | undefined {
  switch (reason) {
    case 'TOO_FEW_QUOTES':
    case 'DUPLICATE_QUOTE':
    case 'WRONG_WORD':
    case 'FALSE_EVIDENCE':
      return reason
    case 'BAD_SIGNER_SET':
      // A signer may be suspended in one view and not yet in the other; the rest is frozen with the key.
      return isSignerSet(proposal, membership) ? undefined : reason
    case 'BAD_QUOTE':
      return proposal.quotes.every(isAuthentic) ? undefined : reason
    default:
      return undefined
  }
}

/**
 * Whether a list of missing quotes shows nothing that the session could have held.
 *
 * @param shown as they came
 * @param included the quotes of the session
 */
export function isFalseMissing(
  shown: readonly Uint8Array[],
  included: readonly SignedQuote[],
  isAuthentic: (bytes: Uint8Array) => boolean,
): boolean {
  const isIn = (bytes: Uint8Array): boolean => included.some(quote => quote.slot === claimedSlot(bytes))
  return shown.every(bytes => isIn(bytes) || !isAuthentic(bytes))
}
