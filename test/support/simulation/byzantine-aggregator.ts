/**
 * An aggregator that lies, and holds the keys of the members that lie with it: it asks different members for
 * different words, leaves quotes out, is early or late, uses nonces again, and certifies whatever it gets shares for.
 */
import { NoncePool } from '../../../aggregator/rounds/nonce-pool.ts'
import { hexOf } from '../../../protocol/bytes.ts'
import { type CertifiedReport, verifyCertifiedReport } from '../../../protocol/certificate.ts'
import { CHANNELS, topicOf } from '../../../protocol/channels.ts'
import { aggregateShares, commitmentsOf } from '../../../protocol/frost.ts'
import { activeMembers, type Membership, memberBySlot } from '../../../protocol/membership.ts'
import { MESSAGE_KIND, openMessage, sealMessage } from '../../../protocol/message.ts'
import { SIGNED_QUOTE_BYTES, type SignedQuote } from '../../../protocol/quote.ts'
import { reportDigest } from '../../../protocol/report.ts'
import { sealCertified } from '../../../protocol/round/certified.ts'
import { medianWord } from '../../../protocol/round/median.ts'
import {
  type ChosenSigner,
  decodeReply,
  encodeProposal,
  MAX_REPLY_BYTES,
  type QuotePair,
} from '../../../protocol/round/messages.ts'
import { QuoteBook } from '../../../protocol/round/quote-book.ts'
import { proposalTimeMs, turnOf } from '../../../protocol/round/timing.ts'
import { nextRound, type Round, roundAt, roundStartMs } from '../../../protocol/rounds.ts'
import type { Price } from '../../../protocol/units.ts'
import { at, crypto, DOMAIN, FEED_ID, signQuoteAs } from '../network/cast.ts'
import { NodeClock } from './node-clock.ts'
import { crowd, falseProofsOf, proofsAgainst } from './proofs.ts'
import type { Random } from './random.ts'
import type { SimPeer } from './sim-network.ts'
import { aggregatorName, type Life, type World } from './world.ts'

const STRATEGIES = [
  'honestly',
  'withhold',
  'split',
  'split',
  'split',
  'drop',
  'lie',
  'early',
  'late',
  'reuse',
  'few',
  'replay',
  'other epoch',
  'forge',
  'impersonate',
  'true proofs',
  'false proofs',
  'false proofs',
  'off-slot proofs',
  'off-slot proofs',
  'duplicate slots',
] as const
type Strategy = (typeof STRATEGIES)[number]
type Proofs = Extract<Strategy, `${string} proofs`>
/** With members that lie with it: such a pair can bind honest members to two words, and the round ends without either. */
const COSTLY: ReadonlySet<Strategy> = new Set(['split'])

interface Asked {
  readonly round: Round
  readonly word: bigint
  readonly quotes: readonly SignedQuote[]
  readonly signers: readonly ChosenSigner[]
  readonly keyEpoch: number
}

export class ByzantineAggregator {
  readonly #world: World
  readonly #index: number
  readonly #random: Random
  readonly #peer: SimPeer
  readonly #clock: NodeClock
  readonly #book: QuoteBook
  readonly #pools = new Map<number, NoncePool>()
  readonly #identitySignatures = new Map<string, Map<number, Uint8Array>>()
  #lastSealed: Uint8Array | undefined
  #session = 0

  constructor(world: World, index: number) {
    this.#world = world
    this.#index = index
    const name = aggregatorName(index)
    this.#random = world.random.fork(`byzantine ${name}`)
    this.#peer = world.network.open(this.#party.peerKey, name, 0)
    this.#clock = new NodeClock(
      world.timeline,
      { offsetMs: () => 0, lagMs: () => 0 },
      this.#random.fork('timers'),
    )
    this.#book = new QuoteBook({ domain: DOMAIN, feedId: FEED_ID, timing: world.timing }, crypto)
  }

  get #party() {
    return at(this.#world.cast.aggregators, this.#index)
  }

  start(): Life {
    const { timeline, timing } = this.#world
    this.#peer.subscribe(
      topicOf(DOMAIN, 'quotes'),
      SIGNED_QUOTE_BYTES,
      data => {
        const { verdict } = this.#book.admit(data, ms => this.#membershipAt(ms), this.#clock.now())
        return verdict === 'equivocation' ? 'accept' : verdict
      },
      () => {},
    )
    const open = (round: Round): void => {
      this.#play(round)
      const next = nextRound(round, timing.roundMs)
      timeline.at(roundStartMs(next), () => open(next))
    }
    const first = nextRound(roundAt(timeline.nowMs, timing.roundMs), timing.roundMs)
    timeline.at(roundStartMs(first), () => open(first))
    return { name: this.#peer.name, clock: this.#clock, peer: this.#peer, remembered: () => 0 }
  }

  #membershipAt(unixMs: number): Membership {
    return this.#world.registry.truthAt(unixMs)
  }

  #poolOf(keyEpoch: number): NoncePool {
    const bootId = new Uint8Array(32).fill(0xb0 + this.#index)
    const pool = this.#pools.get(keyEpoch) ?? new NoncePool(bootId, keyEpoch, this.#peer)
    this.#pools.set(keyEpoch, pool)
    return pool
  }

  #play(round: Round): void {
    const { cast, timing, timeline, witness } = this.#world
    const membership = this.#membershipAt(roundStartMs(round))
    const connected = new Set(this.#peer.connected())
    this.#poolOf(membership.keyEpoch)
      .refill(membership.members.filter(({ peerKey }) => connected.has(peerKey)))
      .catch(() => {})
    const turn = turnOf(round, this.#index, cast.aggregators.length, timing)
    const strategy: Strategy = this.#random.pick(STRATEGIES)
    // Now and then out of its turn: nobody must listen.
    if (turn === undefined && !this.#random.chance(0.2)) return
    const dueMs = proposalTimeMs(round, turn ?? 'primary', timing)
    const shiftMs =
      strategy === 'early'
        ? -this.#random.int(20, 290)
        : strategy === 'late'
          ? this.#random.int(300, 2_500)
          : 0
    witness.note(round, `${this.#peer.name} plays ${strategy}`)
    if (turn !== undefined && this.#world.byzantine.size > 0 && COSTLY.has(strategy))
      witness.costlyLie(round, undefined, strategy)
    timeline.at(dueMs + shiftMs + this.#random.int(0, 20), () => this.#act(strategy, round, membership))
  }

  #act(strategy: Strategy, round: Round, membership: Membership): void {
    const quotes = this.#book.quotesOf(round).map(({ signed }) => signed)
    const q = this.#world.witness.quorum
    switch (strategy) {
      case 'withhold':
        return
      case 'honestly':
      case 'early':
      case 'late':
        this.#propose(round, membership, quotes, this.#signers(membership))
        return
      case 'split':
        this.#split(round, membership, quotes)
        return
      case 'drop':
        this.#propose(round, membership, this.#cheapest(quotes, q), this.#signers(membership))
        return
      case 'lie':
        this.#propose(round, membership, quotes, this.#signers(membership), {
          word: word => word + 2n ** 96n,
        })
        return
      case 'reuse':
        this.#propose(round, membership, quotes, this.#signers(membership), { twice: true })
        return
      case 'few':
        this.#propose(round, membership, quotes, this.#signers(membership).slice(1))
        return
      case 'other epoch':
        this.#propose(round, membership, quotes, this.#signers(membership), {
          keyEpoch: membership.keyEpoch + 1,
        })
        return
      case 'replay': {
        const sealed = this.#lastSealed
        if (sealed !== undefined)
          for (const { peerKey } of membership.members) this.#request(peerKey, sealed).catch(() => {})
        return
      }
      case 'impersonate':
        this.#propose(round, membership, this.#inOthersNames(round, membership), this.#signers(membership))
        return
      case 'true proofs':
      case 'false proofs':
      case 'off-slot proofs':
        this.#accuse(strategy, round, membership, quotes)
        return
      case 'duplicate slots': {
        const equivocations = crowd(this.#proofs('false proofs', round, membership, quotes))
        this.#propose(round, membership, quotes, this.#signers(membership), { equivocations })
        this.#propose(round, membership, [...quotes, ...quotes.slice(-1)], this.#signers(membership))
        return
      }
      case 'forge':
        this.#forge(round, membership, quotes)
        return
      default:
        strategy satisfies never
    }
  }

  /** Two words at once, of the quotes that those who lie with it sign for the occasion, each to half of the honest. */
  #split(round: Round, membership: Membership, quotes: readonly SignedQuote[]): void {
    const friends = [...this.#world.byzantine]
    const honest = this.#random.some(
      activeMembers(membership)
        .map(({ slot }) => slot)
        .filter(slot => !friends.includes(slot)),
      membership.quorum.n,
    )
    const need = this.#random.chance(0.7) ? this.#world.witness.quorum : membership.quorum.q
    const sides = [honest, [...honest].reverse()]
    const words = friends.length > 0 ? [1n, 3n] : [0n, 0n]
    sides.forEach((side, index) => {
      const set = this.#withFriends(quotes, round, membership, words[index] ?? 0n)
      const chosen = friends.length > 0 || index === 0 ? set : this.#cheapest(set, membership.quorum.q)
      const signers = [...friends, ...side].slice(0, need).sort((a, b) => a - b)
      this.#propose(round, membership, chosen, signers)
    })
  }

  /** Twice, with another choice of proofs: what one member learns, the others are to hear from it. */
  #accuse(kind: Proofs, round: Round, membership: Membership, quotes: readonly SignedQuote[]): void {
    for (let copy = 0; copy < 2; copy++) {
      const all = this.#proofs(kind, round, membership, quotes)
      const equivocations = this.#random.some(all, this.#random.int(1, 8))
      this.#propose(round, membership, quotes, this.#signers(membership), { equivocations })
    }
  }

  #proofs(kind: Proofs, round: Round, { keyEpoch }: Membership, quotes: readonly SignedQuote[]): QuotePair[] {
    const { byzantine, cast } = this.#world
    const all = [...byzantine].map(slot => proofsAgainst(at(cast.members, slot), slot, round, keyEpoch))
    if (kind !== 'false proofs' && all.length > 0)
      return all.flatMap(pairs => (kind === 'true proofs' ? pairs.slice(0, 1) : pairs.slice(1)))
    return quotes.flatMap(({ bytes }) => falseProofsOf(this.#party, round, keyEpoch, bytes))
  }

  #withFriends(
    quotes: readonly SignedQuote[],
    round: Round,
    membership: Membership,
    tilt: bigint,
  ): SignedQuote[] {
    const own = [...this.#world.byzantine].map(slot => {
      const known = quotes.find(quote => quote.slot === slot)
      const price = ((known?.quote.price ?? 25n * 10n ** 16n) * (100n + tilt)) / 100n + tilt
      return signQuoteAs(at(this.#world.cast.members, slot), slot, {
        round,
        keyEpoch: membership.keyEpoch,
        price: price as Price,
      })
    })
    const others = quotes.filter(({ slot }) => !this.#world.byzantine.has(slot))
    return [...others, ...own].sort((a, b) => a.slot - b.slot)
  }

  /** A quote of every member, none of them signed by that member. */
  #inOthersNames(round: Round, membership: Membership): SignedQuote[] {
    const price = (10n ** 18n) as Price
    return activeMembers(membership).map(({ slot }) =>
      signQuoteAs(this.#party, slot, { round, keyEpoch: membership.keyEpoch, price }),
    )
  }

  /** What a proposer would choose that wants the price down. */
  #cheapest(quotes: readonly SignedQuote[], count: number): SignedQuote[] {
    const byPrice = [...quotes].sort((a, b) => (a.quote.price < b.quote.price ? -1 : 1))
    return byPrice.slice(0, count).sort((a, b) => a.slot - b.slot)
  }

  #signers(membership: Membership): number[] {
    const slots = activeMembers(membership).map(({ slot }) => slot)
    return this.#random.some(slots, membership.quorum.q).sort((a, b) => a - b)
  }

  #propose(
    round: Round,
    membership: Membership,
    quotes: readonly SignedQuote[],
    slots: readonly number[],
    twist: {
      word?: (word: bigint) => bigint
      keyEpoch?: number
      twice?: boolean
      equivocations?: readonly QuotePair[]
    } = {},
  ): void {
    if (quotes.length === 0) return
    const pool = this.#poolOf(membership.keyEpoch)
    const signers = slots.flatMap(slot => {
      const pair = pool.take(slot)
      return pair === undefined ? [] : [{ slot, ...pair }]
    })
    const keyEpoch = twist.keyEpoch ?? membership.keyEpoch
    const word = (twist.word ?? (same => same))(medianWord(quotes.map(({ quote }) => quote)))
    for (let copy = 0; copy < (twist.twice === true ? 2 : 1); copy++) {
      const asked: Asked = { round, word, quotes, signers, keyEpoch }
      this.#session = (this.#session + 1) % 60_000
      const sealed = sealMessage(
        DOMAIN,
        MESSAGE_KIND.proposal,
        keyEpoch,
        encodeProposal({
          feedId: FEED_ID,
          round,
          session: this.#session,
          quotes: quotes.map(({ bytes }) => bytes),
          word,
          signers,
          equivocations: twist.equivocations ?? [],
        }),
        this.#party.sign,
      )
      this.#lastSealed = sealed
      this.#ask(asked, sealed, membership).catch(() => {})
    }
  }

  async #ask(asked: Asked, sealed: Uint8Array, membership: Membership): Promise<void> {
    const shares = new Map<number, Uint8Array>()
    const each = asked.signers.map(async ({ slot }) => {
      const member = memberBySlot(membership, slot)
      if (member === undefined) return
      const answer = await this.#request(member.peerKey, sealed)
      const reply = decodeReply(openMessage(DOMAIN, MESSAGE_KIND.share, answer, crypto).body)
      if (reply.kind !== 'share') return
      shares.set(slot, reply.share)
      this.#poolOf(membership.keyEpoch).add(slot, reply.nonce)
      this.#keepSignature(asked, slot, reply.identitySignature, membership)
      if (shares.size === asked.signers.length) this.#certify(asked, shares, membership)
    })
    await Promise.allSettled(each)
  }

  #request(to: SimPeer['self'], sealed: Uint8Array): Promise<Uint8Array> {
    return this.#peer.request(to, CHANNELS.sign, sealed, { timeoutMs: 900, maxReplyBytes: MAX_REPLY_BYTES })
  }

  #certify(asked: Asked, shares: ReadonlyMap<number, Uint8Array>, membership: Membership): void {
    const key = this.#world.registry.keyOf(asked.keyEpoch)?.keys[0]
    if (key === undefined) return
    const digest = reportDigest(DOMAIN, FEED_ID, asked.word)
    try {
      const signature = aggregateShares(key.public, commitmentsOf(asked.signers), digest, shares)
      this.#show({ ...this.#headOf(asked), certificate: { kind: 'group', signature } }, asked, membership)
    } catch {
      // One of its friends has sent nonsense.
    }
  }

  /** Signatures of identities over one word add up over all that were asked, in whatever session. */
  #keepSignature(asked: Asked, slot: number, signature: Uint8Array, membership: Membership): void {
    const name = `${asked.round} ${asked.word}`
    const signatures = (this.#identitySignatures.get(name) ?? new Map<number, Uint8Array>()).set(
      slot,
      signature,
    )
    this.#identitySignatures.set(name, signatures)
    if (this.#identitySignatures.size > 64) this.#identitySignatures.clear()
    if (signatures.size < membership.quorum.q) return
    const addressOf = (of: number) => BigInt(memberBySlot(membership, of)?.identity ?? '0x0')
    const ascending = [...signatures].sort(([a], [b]) => (addressOf(a) < addressOf(b) ? -1 : 1))
    const certificate = { kind: 'quorum', signatures: ascending.map(([, bytes]) => bytes) } as const
    this.#show({ ...this.#headOf(asked), certificate }, asked, membership)
  }

  #headOf({ keyEpoch, word }: Asked) {
    return { keyEpoch, feedId: FEED_ID, word }
  }

  #show(report: CertifiedReport, { round, signers }: Asked, membership: Membership): void {
    if (!verifyCertifiedReport(DOMAIN, membership, report, crypto)) return
    this.#world.witness.certificate(this.#peer.name, report)
    if (this.#random.chance(0.5)) return
    const slots = signers.map(({ slot }) => slot)
    const sealed = sealCertified(DOMAIN, { report, signers: slots }, this.#party.sign)
    this.#world.witness.note(round, `${this.#peer.name} shows a certificate ${hexOf(sealed).slice(-8)}`)
    const some = this.#random.some(this.#peer.connected(), this.#random.int(1, 4))
    this.#peer.publishTo(some, topicOf(DOMAIN, 'certified'), sealed)
  }

  #forge(round: Round, membership: Membership, quotes: readonly SignedQuote[]): void {
    if (quotes.length === 0) return
    const word = medianWord(quotes.map(({ quote }) => quote)) + 2n ** 96n
    const certificate = {
      kind: 'group',
      signature: { r: this.#party.identity, s: BigInt(this.#random.uint32()) + 1n },
    } as const
    const report = { keyEpoch: membership.keyEpoch, feedId: FEED_ID, word, certificate }
    const signers = this.#signers(membership)
    this.#peer
      .publish(topicOf(DOMAIN, 'certified'), sealCertified(DOMAIN, { report, signers }, this.#party.sign))
      .catch(() => {})
    this.#world.witness.note(round, `${this.#peer.name} forges`)
  }
}
