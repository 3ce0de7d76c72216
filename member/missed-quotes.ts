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

/** Asks those of the members that are connected, each once. Resolves when all have answered or their time is over. */
export async function askForQuotes(
  round: Round,
  members: readonly Member[],
  { network, timing, admit }: AskForQuotesDeps,
): Promise<void> {
  const connected = new Set(network.connected())
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
  await Promise.allSettled(members.filter(({ peerKey }) => connected.has(peerKey)).map(ask))
}
