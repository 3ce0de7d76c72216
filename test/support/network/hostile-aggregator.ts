/** Aggregator 1 of a consensus as its owner's puppet: it runs no rounds of its own, and seals what a test wants. */
import { CHANNELS } from '../../../protocol/channels.ts'
import { MESSAGE_KIND, openMessage, sealMessage } from '../../../protocol/message.ts'
import type { SignedQuote } from '../../../protocol/quote.ts'
import { medianWord } from '../../../protocol/round/median.ts'
import {
  type ChosenSigner,
  decodeNoncePairs,
  decodeReply,
  encodeNonceRequest,
  encodeProposal,
  type Proposal,
  type Reply,
} from '../../../protocol/round/messages.ts'
import { collectionDeadlineMs } from '../../../protocol/round/timing.ts'
import { aggregatorTurn, nextRound, type Round, roundAt } from '../../../protocol/rounds.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { at, crypto, DOMAIN, FEED_ID } from './cast.ts'
import type { Consensus } from './consensus.ts'
import { waitFor } from './wait.ts'

const INDEX = 1
const OPTIONS = { timeoutMs: 2_000, maxReplyBytes: 60_000 }

export class HostileAggregator {
  readonly #net: Consensus
  #boots = 0

  constructor(net: Consensus) {
    this.#net = net
  }

  /** The next round in which it is the primary, and that has not begun, once all members have quoted. */
  async nextRound(): Promise<Round> {
    const { members, timing, aggregators } = this.#net
    const { book } = at(aggregators, INDEX)
    await waitFor('everybody to quote', () => {
      return book.quotesOf(roundAt(systemClock.now(), timing.roundMs)).length === members.length
    })
    const { roundMs } = this.#net.timing
    let round = nextRound(roundAt(systemClock.now(), roundMs), roundMs)
    while (aggregatorTurn(round, roundMs, 2).primary !== INDEX) round = nextRound(round, roundMs)
    return round
  }

  async deadlineOf(round: Round): Promise<void> {
    await systemClock.sleep(Math.max(0, collectionDeadlineMs(round, this.#net.timing) - systemClock.now()))
  }

  /** The quotes of these slots, once its book has them. */
  quotesOf(round: Round, slots: readonly number[]): Promise<SignedQuote[]> {
    return waitFor(`quotes of ${slots.join()}`, () => {
      const seen = at(this.#net.aggregators, INDEX).book.quotesOf(round)
      const chosen = seen.filter(({ signed }) => slots.includes(signed.slot)).map(({ signed }) => signed)
      return chosen.length === slots.length && chosen
    })
  }

  /** A fresh pair of each. */
  async pairsOf(slots: readonly number[]): Promise<ChosenSigner[]> {
    this.#boots += 1
    const bootId = `0x${this.#boots.toString(16).padStart(64, '0')}` as const
    const request = encodeNonceRequest({ keyEpoch: 1, bootId })
    return Promise.all(
      slots.map(async slot => {
        const answer = await this.#request(slot, CHANNELS.nonces, request)
        return { slot, ...at(decodeNoncePairs(answer), 0) }
      }),
    )
  }

  /** An honest proposal of these quotes and signers, but for the changes. */
  seal(
    round: Round,
    quotes: readonly SignedQuote[],
    signers: readonly ChosenSigner[],
    changes: Partial<Proposal> = {},
  ): Uint8Array {
    const body = encodeProposal({
      feedId: FEED_ID,
      round,
      session: 0,
      quotes: quotes.map(({ bytes }) => bytes),
      word: medianWord(quotes.map(({ quote }) => quote)),
      signers,
      equivocations: [],
      ...changes,
    })
    return sealMessage(DOMAIN, MESSAGE_KIND.proposal, 1, body, at(this.#net.aggregators, INDEX).party.sign)
  }

  async propose(slot: number, sealed: Uint8Array): Promise<Reply> {
    const answer = await this.#request(slot, CHANNELS.sign, sealed)
    return decodeReply(openMessage(DOMAIN, MESSAGE_KIND.share, answer, crypto).body)
  }

  #request(slot: number, channel: string, request: Uint8Array): Promise<Uint8Array> {
    const { peerKey } = at(this.#net.members, slot).party
    return at(this.#net.aggregators, INDEX).network.request(peerKey, channel, request, OPTIONS)
  }
}
