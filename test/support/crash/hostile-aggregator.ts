/**
 * The aggregator that wants member 0 to contradict itself: it asks again for whatever was asked before a crash, and
 * offers the same nonces and the same round with other words. It knows everybody's secrets but the member's share.
 */
import { bytesOf, type Hex, hexOf } from '../../../protocol/bytes.ts'
import { CHANNELS } from '../../../protocol/channels.ts'
import { encodeEpochSign } from '../../../protocol/epoch/messages.ts'
import { epochReportDigest } from '../../../protocol/epoch/report.ts'
import { frost } from '../../../protocol/frost.ts'
import { MESSAGE_KIND, openMessage, sealMessage } from '../../../protocol/message.ts'
import { medianWord } from '../../../protocol/round/median.ts'
import {
  type ChosenSigner,
  decodeNoncePairs,
  decodeReply,
  encodeNonceRequest,
  encodeProposal,
  type NoncePair,
  type Reply,
} from '../../../protocol/round/messages.ts'
import { type Round, roundStartMs } from '../../../protocol/rounds.ts'
import { type Price, parseDecimal } from '../../../protocol/units.ts'
import { at, crypto, DOMAIN, FEED_ID, signQuoteAs, TIMING } from '../network/cast.ts'
import { seeded } from '../protocol/seeded.ts'
import { CAST, epochReportOf, KEY, MEMBER, MEMBERSHIP } from './crash-network.ts'
import type { Life } from './lives.ts'

/** Rounds whose primary is aggregator 0 are two slots apart. */
const SLOTS_A_ROUND = 2
const PARTNERS = [1, 2, 3, 4]

export interface Sent {
  readonly round: Round
  readonly word: bigint
  readonly own: NoncePair
  readonly sealed: Hex
}

export class HostileAggregator {
  /** Every proposal that was ever sent, by the hash of its bytes. */
  readonly sent: Sent[] = []
  readonly #peer = at(CAST.aggregators, 0)
  readonly #sessions = new Map<Round, number>()
  #epochNonce: NoncePair | undefined

  /** What a crash may interrupt: a quote, two words under several nonces, and an epoch. @param life counts from 0 */
  async act(life: Life, round: Round): Promise<boolean> {
    return (
      (await this.#quote(life, round)) && (await this.#words(life, round)) && (await this.#epoch(life, round))
    )
  }

  /** Everything of a round again: what was sent before, and then the other words first. */
  async repeat(life: Life, round: Round): Promise<boolean> {
    if (!(await this.#quote(life, round))) return false
    for (const { sealed } of this.sent.filter(each => each.round === round))
      if ((await this.#ask(life, CHANNELS.sign, sealed)) === undefined) return false
    for (const { own, word } of this.sent.filter(each => each.round === round))
      for (const variant of [0, 1])
        if (wordOf(round, variant) !== word && !(await this.#propose(life, round, variant, own))) return false
    return (await this.#words(life, round, [1, 0])) && this.#epoch(life, round, [1, 0])
  }

  async #quote(life: Life, round: Round): Promise<boolean> {
    return (await life.ask({ do: 'time', at: roundStartMs(round) + TIMING.collectMs })) !== undefined
  }

  /** The first pair of nonces for everything, and then fresh ones for the one word and the other. */
  async #words(life: Life, round: Round, variants = [0, 1, 0]): Promise<boolean> {
    const answer = await this.#ask(life, CHANNELS.nonces, this.#nonceRequest())
    if (answer === undefined) return false
    const pairs = decodeNoncePairs(bytesOf(answer))
    for (const [index, variant] of variants.entries()) {
      const pair = pairs[index]
      if (pair === undefined) throw new Error('a member gives out nonces')
      if (!(await this.#propose(life, round, variant, pair))) return false
      if (index > 0) continue
      // The spent pair for the other word, for the same word among other signers' nonces, and the same bytes again.
      if (!(await this.#propose(life, round, (variant + 1) % 2, pair))) return false
      if (!(await this.#propose(life, round, variant, pair))) return false
      if (!(await this.#again(life))) return false
    }
    return true
  }

  async #again(life: Life): Promise<boolean> {
    const last = this.sent.at(-1)
    return last === undefined || (await this.#ask(life, CHANNELS.sign, last.sealed)) !== undefined
  }

  async #propose(life: Life, round: Round, variant: number, own: NoncePair): Promise<boolean> {
    const session = this.#sessions.get(round) ?? 0
    this.#sessions.set(round, session + 1)
    const quotes = quotesOf(round, variant)
    const word = wordOf(round, variant)
    const body = encodeProposal({
      ...{ feedId: FEED_ID, round, session, word, equivocations: [] },
      quotes: quotes.map(({ bytes }) => bytes),
      signers: [{ slot: MEMBER, ...own }, ...PARTNERS.map(slot => partner(slot, session % 4))],
    })
    const { keyEpoch } = MEMBERSHIP
    const sealed = hexOf(sealMessage(DOMAIN, MESSAGE_KIND.proposal, keyEpoch, body, this.#peer.sign))
    this.sent.push({ round, word, own, sealed })
    return (await this.#ask(life, CHANNELS.sign, sealed)) !== undefined
  }

  async #epoch(life: Life, round: Round, variants = [0, 1]): Promise<boolean> {
    const from = at(CAST.aggregators, 1).peerKey
    for (const variant of variants) {
      const locked = await life.ask({ do: 'epoch', at: round, variant, from })
      if (locked === undefined) return false
      const { hiding, binding } = locked
      if (typeof hiding === 'string' && typeof binding === 'string')
        this.#epochNonce = { hiding: bytesOf(hiding), binding: bytesOf(binding) }
      const own = this.#epochNonce
      if (own === undefined) continue
      for (const other of [variant, (variant + 1) % 2]) {
        const digest = hexOf(epochReportDigest(DOMAIN, epochReportOf(round, other)))
        const signers = [{ slot: MEMBER, ...own }, ...PARTNERS.map(slot => partner(slot, other))]
        const bytes = hexOf(encodeEpochSign({ epoch: round, attempt: 0, digest, signers }))
        if ((await life.ask({ do: 'epoch share', bytes, from })) === undefined) return false
      }
    }
    return true
  }

  async #ask(life: Life, channel: string, bytes: Hex): Promise<Hex | undefined> {
    const reply = await life.ask({ do: 'request', channel, bytes, from: this.#peer.peerKey })
    return reply?.['answer'] as Hex | undefined
  }

  /** The same boot id in every life of the member: it wants the old lane. */
  #nonceRequest(): Hex {
    return hexOf(encodeNonceRequest({ keyEpoch: MEMBERSHIP.keyEpoch, bootId: hexOf(seeded('one boot id')) }))
  }
}

export function roundOfLife(first: Round, life: number): Round {
  return (first + (life * SLOTS_A_ROUND * TIMING.roundMs) / 100) as Round
}

export function readReply(answer: Hex): Reply {
  return decodeReply(openMessage(DOMAIN, MESSAGE_KIND.share, bytesOf(answer), crypto).body)
}

/** Honest quotes, of which each variant leaves another one out: enough for two words. */
const quotesOf = remembered((round: Round, variant: number) =>
  [1, 2, 3, 4, 5, 6]
    .filter(slot => slot !== (variant === 0 ? 6 : 1))
    .map(slot =>
      signQuoteAs(at(CAST.members, slot), slot, {
        round,
        price: (parseDecimal('0.25') + BigInt(slot)) as Price,
      }),
    ),
)

const wordOf = remembered((round: Round, variant: number) =>
  medianWord(quotesOf(round, variant).map(({ quote }) => quote)),
)

const partner = remembered((slot: number, salt: number): ChosenSigner => {
  const { commitments } = frost.commit(KEY.shareOf(slot), length =>
    Uint8Array.from({ length: length ?? 32 }, (_, index) => slot + salt + index),
  )
  return { slot, hiding: commitments.hiding, binding: commitments.binding }
})

/** Signing what it has signed before would be most of what this test does. */
function remembered<A extends number, T>(make: (a: A, b: number) => T): (a: A, b: number) => T {
  const known = new Map<string, T>()
  return (a, b) => {
    const key = `${a}:${b}`
    const value = known.get(key) ?? make(a, b)
    known.set(key, value)
    return value
  }
}
