/**
 * Asks members directly for quotes that gossip did not bring. A quote that one side has in time and the other has not
 * is what makes honest views of a round differ; asking costs one short exchange with those that were not heard.
 */
import { CHANNELS } from '../protocol/channels.ts'
import { activeMembers, type Member, type Membership } from '../protocol/membership.ts'
import { SIGNED_QUOTE_BYTES } from '../protocol/quote.ts'
import { encodeQuoteRequest } from '../protocol/round/messages.ts'
import type { QuoteBook } from '../protocol/round/quote-book.ts'
import type { RoundTiming } from '../protocol/round/timing.ts'
import type { Round } from '../protocol/rounds.ts'
import type { PeerNetwork } from '../runtime/p2p/peer-network.ts'

/** A request takes 2 to 6 ms on a machine and one round trip beyond; gossip has had two thirds of the time by then. */
const ASK_AHEAD_MS = 100

/** How long before a moment that counts the missing quotes are asked for. */
export function askAheadMs({ collectMs }: RoundTiming): number {
  return Math.min(ASK_AHEAD_MS, Math.floor(collectMs / 3))
}

/**
 * A quote or two are lost on the way now and then. Where many are missing the machine or its line is busy, and a
 * request to each of them, from everybody, would keep it so.
 */
const MOST_ASKED = 3

export interface Asking {
  /** Whom the choice begins with: counts the rounds, and differs from asker to asker. */
  readonly turn: number
  /** How many more quotes the asker itself cannot do without. */
  readonly needed: number
  /** With more than so many missing there is nothing to be won, unless they are needed. */
  readonly tolerable: number
}

/** Which of the members that were not heard are asked: few, and others in each round and by each asker. */
export function membersToAsk<M>(missed: readonly M[], { turn, needed, tolerable }: Asking): M[] {
  const most = missed.length > Math.max(MOST_ASKED, tolerable) ? needed : Math.max(MOST_ASKED, needed)
  const first = missed.length === 0 ? 0 : turn % missed.length
  return [...missed.slice(first), ...missed.slice(0, first)].slice(0, Math.max(0, most))
}

/** Active members whose quote of the round is not in the book and would count. */
export function missedMembers(
  round: Round,
  membership: Membership,
  book: Pick<QuoteBook, 'quoteOf' | 'isEquivocator'>,
): Member[] {
  return activeMembers(membership).filter(
    ({ slot }) => book.quoteOf(round, slot) === undefined && !book.isEquivocator(membership.keyEpoch, slot),
  )
}

export interface AskForQuotesDeps {
  readonly network: Pick<PeerNetwork, 'request' | 'connected'>
  readonly timing: RoundTiming
  /** Judges the bytes like any others from the network. */
  readonly admit: (bytes: Uint8Array) => void
}

/**
 * Asks some of the members that are connected, each once. Resolves when all have answered or their time is over.
 */
export async function askForQuotes(
  round: Round,
  members: readonly Member[],
  asking: Asking,
  { network, timing, admit }: AskForQuotesDeps,
): Promise<void> {
  const connected = new Set(network.connected())
  const asked = membersToAsk(
    members.filter(({ peerKey }) => connected.has(peerKey)),
    asking,
  )
  const request = encodeQuoteRequest(round)
  const ask = async ({ peerKey }: Member): Promise<void> => {
    const answer = await network.request(peerKey, CHANNELS.quote, request, {
      // What comes after the moment that counts is of use to the book only.
      timeoutMs: 2 * askAheadMs(timing),
      maxReplyBytes: SIGNED_QUOTE_BYTES,
    })
    if (answer.length > 0) admit(answer)
  }
  // Silence and refusal come to the same: there is no quote.
  await Promise.allSettled(asked.map(ask))
}
