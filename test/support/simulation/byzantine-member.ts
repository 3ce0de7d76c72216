/** Members that lie. They run the real code and depart from it where it hurts; some sign whatever they are asked. */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { hexOf } from '../../../protocol/bytes.ts'
import { CHANNELS, topicOf } from '../../../protocol/channels.ts'
import { commitmentsOf, frost } from '../../../protocol/frost.ts'
import { toCompact } from '../../../protocol/identity.ts'
import { MESSAGE_KIND, openMessage, sealMessage } from '../../../protocol/message.ts'
import { encodeSignedQuote, quoteDigest, type SignedQuote } from '../../../protocol/quote.ts'
import { reportDigest } from '../../../protocol/report.ts'
import {
  decodeNonceRequest,
  decodeProposal,
  decodeQuoteRequest,
  decodeReply,
  encodeNoncePairs,
  encodeReply,
  type Reply,
  sessionIdOf,
} from '../../../protocol/round/messages.ts'
import type { Price } from '../../../protocol/units.ts'
import { at, crypto, DOMAIN, FEED_ID, signQuoteAs } from '../network/cast.ts'
import { falseProofsOf, proofsAgainst } from './proofs.ts'
import type { Random } from './random.ts'
import type { MemberMask } from './sim-member.ts'
import type { SimPeer } from './sim-network.ts'
import { memberName, type World } from './world.ts'

/** Lies that cost no round of calm weather: the network gets along without this member. */
const TAME_QUOTES = ['honest', 'silent', 'garbage', 'extreme'] as const
const TAME_ANSWERS = [
  'honest',
  'silent',
  'bad share',
  'bad seal',
  'bad nonce',
  'refusing',
  'false proof',
] as const
/** Lies that may cost the round they are told in, and nothing else. */
const WILD_QUOTES = [...TAME_QUOTES, 'two faces', 'to one', 'late', 'replay', 'other signature'] as const
const WILD_ANSWERS = [...TAME_ANSWERS, 'false missing', 'false locked', 'own proof'] as const

/** Those of them, indeed. */
const COSTLY: ReadonlySet<string> = new Set([
  'two faces',
  'to one',
  'late',
  'false missing',
  'false locked',
  'own proof',
])

type QuoteLie = (typeof WILD_QUOTES)[number]
type AnswerLie = (typeof WILD_ANSWERS)[number]

export interface Character {
  /** Whether it may do what the protocol admits to cost a round. */
  readonly wild: boolean
  /** Signs every word under its own nonces, for whoever asks. */
  readonly accomplice: boolean
  /** Does not lie at all: somebody else has a copy of its key, and uses it. */
  readonly copied: boolean
}

type GeneratedNonce = ReturnType<typeof frost.commit>

export class ByzantineMember implements MemberMask {
  readonly #world: World
  readonly #slot: number
  readonly #character: Character
  readonly #random: Random
  readonly #nonces = new Map<string, GeneratedNonce>()
  /** What it told everybody, by round. */
  readonly #said = new Map<number, Uint8Array>()
  #old: SignedQuote[] = []
  #oldProposal: Uint8Array | undefined

  constructor(world: World, slot: number, character: Character) {
    this.#world = world
    this.#slot = slot
    this.#character = character
    this.#random = world.random.fork(`byzantine ${slot}`)
  }

  get #party() {
    return at(this.#world.cast.members, this.#slot)
  }

  get latches(): boolean {
    return this.#character.copied
  }

  #lie<T extends string>(about: string, round: number, tame: readonly T[], wild: readonly T[]): T {
    const lie = this.#random.fork(`${about} ${round}`).pick(this.#character.wild ? wild : tame)
    if (COSTLY.has(lie)) this.#world.witness.costlyLie(round, this.#slot, lie)
    return lie
  }

  outgoing(signed: SignedQuote, peer: SimPeer): void {
    const { round } = signed.quote
    if (this.#character.copied) {
      this.#withThief(signed, peer)
      return
    }
    const lie = this.#lie<QuoteLie>('quote', round, TAME_QUOTES, WILD_QUOTES)
    this.#world.witness.note(round, `${memberName(this.#slot)} tells a ${lie} quote`)
    const topic = topicOf(DOMAIN, 'quotes')
    const send = (quote: SignedQuote): void => {
      if (quote.quote.round === round) this.#said.set(round, quote.bytes)
      peer.publish(topic, quote.bytes).catch(() => {})
    }
    const peers = peer.connected()
    switch (lie) {
      case 'honest':
        send(signed)
        break
      case 'silent':
        break
      case 'garbage':
        peer.publish(topic, this.#garbage(signed.bytes)).catch(() => {})
        break
      case 'extreme':
        send(this.#variant(signed, this.#random.chance(0.5) ? 2n ** 79n : 1n))
        break
      case 'two faces': {
        const side = this.#random.some(peers, Math.ceil(peers.length / 2))
        peer.publishTo(side, topic, signed.bytes)
        const other = this.#variant(signed, signed.quote.price * 2n)
        const laterMs = this.#random.pick([0, 150, 320])
        const rest = peers.filter(key => !side.includes(key))
        this.#world.timeline.after(laterMs, () => peer.publishTo(rest, topic, other.bytes))
        break
      }
      case 'to one':
        if (peers.length > 0) peer.publishTo([this.#random.pick(peers)], topic, signed.bytes)
        break
      case 'late':
        this.#world.timeline.after(this.#random.int(150, 700), () => send(signed))
        break
      case 'replay':
        for (const old of this.#old) send(old)
        send(signed)
        break
      case 'other signature': {
        const side = this.#random.some(peers, Math.ceil(peers.length / 2))
        peer.publishTo(side, topic, signed.bytes)
        const rest = peers.filter(key => !side.includes(key))
        peer.publishTo(rest, topic, this.#signedAgain(signed).bytes)
        this.#said.set(round, signed.bytes)
        break
      }
      default:
        lie satisfies never
    }
    this.#old = [...this.#old, signed].slice(-3)
  }

  async answer(
    protocol: string,
    request: Uint8Array,
    _from: string,
    honestly: () => Promise<Uint8Array>,
  ): Promise<Uint8Array> {
    if (this.#character.copied) return honestly()
    // Whoever wants to seem honest says the same to those who ask.
    if (protocol === CHANNELS.quote && !this.#character.wild)
      return this.#said.get(decodeQuoteRequest(request)) ?? new Uint8Array()
    if (protocol === CHANNELS.nonces) return this.#character.accomplice ? this.#hand(request) : honestly()
    if (protocol !== CHANNELS.sign) return honestly()
    if (this.#character.accomplice) return (await this.#signAnything(request)) ?? honestly()
    const { keyEpoch, body } = openMessage(DOMAIN, MESSAGE_KIND.proposal, request, crypto)
    const { round, quotes } = decodeProposal(body)
    const lie = this.#lie<AnswerLie>('answer', round, TAME_ANSWERS, WILD_ANSWERS)
    this.#world.witness.note(round, `${memberName(this.#slot)} gives a ${lie} answer`)
    const sessionId = sessionIdOf(request)
    const before = this.#oldProposal
    this.#oldProposal = request
    switch (lie) {
      case 'honest':
        return honestly()
      case 'silent':
        return new Promise(() => {})
      case 'bad seal':
        return this.#garbage(await honestly())
      case 'refusing':
        return this.#seal(keyEpoch, { kind: 'refused', sessionId, reason: 'BUSY' })
      case 'false missing':
        return this.#seal(keyEpoch, { kind: 'missing', sessionId, quotes: this.#inventedQuotes(request) })
      case 'false locked':
        return this.#seal(keyEpoch, { kind: 'locked', sessionId, proposal: before ?? request })
      case 'false proof':
      case 'own proof': {
        const pairs =
          lie === 'own proof'
            ? proofsAgainst(this.#party, this.#slot, round, keyEpoch)
            : quotes.flatMap(quote => falseProofsOf(this.#party, round, keyEpoch, quote))
        const evidence = this.#random.pick(pairs)
        return this.#seal(keyEpoch, { kind: 'refused', sessionId, reason: 'EQUIVOCATOR', evidence })
      }
      case 'bad share':
      case 'bad nonce':
        return this.#spoil(await honestly(), keyEpoch, lie)
      default:
        return lie satisfies never
    }
  }

  #spoil(reply: Uint8Array, keyEpoch: number, lie: 'bad share' | 'bad nonce'): Uint8Array {
    const decoded = decodeReply(openMessage(DOMAIN, MESSAGE_KIND.share, reply, crypto).body)
    if (decoded.kind !== 'share') return reply
    const spoiled =
      lie === 'bad share'
        ? { share: this.#bytes(32) }
        : { nonce: { hiding: this.#bytes(33), binding: this.#bytes(33) } }
    return this.#seal(keyEpoch, { ...decoded, ...spoiled })
  }

  /** Quotes of its own that it has shown to nobody, and others' as they stand in the proposal. */
  #inventedQuotes(request: Uint8Array): Uint8Array[] {
    const { body, keyEpoch } = openMessage(DOMAIN, MESSAGE_KIND.proposal, request, crypto)
    const { round, quotes } = decodeProposal(body)
    const price = (10n ** 17n + BigInt(this.#random.int(0, 1_000_000))) as Price
    const own = signQuoteAs(this.#party, this.#slot, { round, keyEpoch, price })
    return this.#random.chance(0.5) ? [own.bytes] : [...quotes]
  }

  #hand(request: Uint8Array): Uint8Array {
    const key = this.#world.registry.keyOf(decodeNonceRequest(request).keyEpoch)?.keys[this.#slot]
    if (key === undefined) return encodeNoncePairs([])
    const fresh = Array.from({ length: 4 }, () => frost.commit(key.secret))
    for (const nonce of fresh) this.#nonces.set(hexOf(nonce.commitments.hiding), nonce)
    return encodeNoncePairs(fresh.map(({ commitments }) => commitments))
  }

  async #signAnything(request: Uint8Array): Promise<Uint8Array | undefined> {
    const { body, keyEpoch } = openMessage(DOMAIN, MESSAGE_KIND.proposal, request, crypto)
    const { word, signers } = decodeProposal(body)
    const key = this.#world.registry.keyOf(keyEpoch)?.keys[this.#slot]
    const own = signers.find(({ slot }) => slot === this.#slot)
    const nonce = this.#nonces.get(hexOf(own?.hiding ?? new Uint8Array()))
    if (key === undefined || nonce === undefined) return undefined
    const digest = reportDigest(DOMAIN, FEED_ID, word)
    // A copy: whoever does not care for its key may use a pair as often as it likes.
    const nonces = {
      hiding: Uint8Array.from(nonce.nonces.hiding),
      binding: Uint8Array.from(nonce.nonces.binding),
    }
    const share = frost.signShare(key.secret, key.public, nonces, commitmentsOf(signers), digest)
    const next = frost.commit(key.secret)
    this.#nonces.set(hexOf(next.commitments.hiding), next)
    return this.#seal(keyEpoch, {
      kind: 'share',
      sessionId: sessionIdOf(request),
      identitySignature: this.#party.sign(digest),
      share,
      nonce: next.commitments,
    })
  }

  #seal(keyEpoch: number, reply: Reply): Uint8Array {
    return sealMessage(DOMAIN, MESSAGE_KIND.share, keyEpoch, encodeReply(reply), this.#party.sign)
  }

  #variant(signed: SignedQuote, price: bigint): SignedQuote {
    return signQuoteAs(this.#party, this.#slot, { ...signed.quote, price: price as Price })
  }

  /** The same quote under another signature, which says nothing new. */
  #signedAgain(signed: SignedQuote): SignedQuote {
    const { secret } = this.#party
    const extraEntropy = this.#bytes(32)
    const recovered = secp256k1.sign(quoteDigest(DOMAIN, signed.quote), secret, {
      ...({ prehash: false, format: 'recovered' } as const),
      extraEntropy,
    })
    const signature = toCompact(recovered.subarray(1), recovered[0] ?? 0)
    return encodeSignedQuote(DOMAIN, this.#slot, signed.quote, signature)
  }

  /** Its own quote, and now and then another one from wherever the copy of its key is. */
  #withThief(signed: SignedQuote, peer: SimPeer): void {
    const { network, timeline, witness } = this.#world
    const topic = topicOf(DOMAIN, 'quotes')
    peer.publish(topic, signed.bytes).catch(() => {})
    const { round } = signed.quote
    if (!this.#random.fork(`thief ${round}`).chance(0.1)) return
    witness.costlyLie(round, this.#slot, 'copied')
    const other = this.#variant(signed, signed.quote.price * 2n)
    timeline.after(this.#random.int(0, 200), () => {
      for (const to of network.peers()) to.deliver(topic, other.bytes, peer)
    })
  }

  #garbage(bytes: Uint8Array): Uint8Array {
    const spoiled = Uint8Array.from(bytes)
    const index = this.#random.int(0, bytes.length - 1)
    spoiled[index] = (spoiled[index] ?? 0) ^ 0x55
    return spoiled
  }

  #bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    this.#random.fill(bytes)
    bytes[0] = 0
    return bytes
  }
}
