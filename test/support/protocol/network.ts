import { type Address, hexOf } from '../../../protocol/bytes.ts'
import { type Domain, feedIdOf } from '../../../protocol/domain.ts'
import { addressOfSecret, nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { type Membership, membershipOf } from '../../../protocol/membership.ts'
import type { IdentitySigner } from '../../../protocol/message.ts'
import { encodeSignedQuote, type Quote, quoteDigest, type SignedQuote } from '../../../protocol/quote.ts'
import { medianWord } from '../../../protocol/round/median.ts'
import type { ChosenSigner, Proposal } from '../../../protocol/round/messages.ts'
import type { RoundTiming } from '../../../protocol/round/timing.ts'
import { type Round, roundAt } from '../../../protocol/rounds.ts'
import { ONE, type Price } from '../../../protocol/units.ts'
import { seeded } from './seeded.ts'

export const DOMAIN: Domain = { chainId: 31_337, registry: `0x${'ab'.repeat(20)}` }
export const FEED_ID = feedIdOf('IO/USD')
export const KEY_EPOCH = 3
export const AGGREGATORS = 3

export const TIMING: RoundTiming = {
  roundMs: 1_000,
  collectMs: 300,
  backupMs: 250,
  skewMs: 200,
  inclusionMarginMs: 100,
}

/** The start of a slot whose primary is the aggregator of index 0 and whose backup is the one of index 1. */
export const T_MS = 1_800_000_000_000
export const ROUND: Round = roundAt(T_MS, TIMING.roundMs)

/** A network whose secrets a test holds: n members and three aggregators, always the same ones. */
export class ProtocolNetwork {
  readonly membership: Membership
  readonly #n: number

  constructor(n: number, changes: Partial<Omit<Membership, 'quorum'>> = {}) {
    this.#n = n
    this.membership = membershipOf({
      registryVersion: 7,
      keyEpoch: KEY_EPOCH,
      groupKey: {
        px: 1n,
        transcriptHash: hexOf(seeded('transcript')),
        participants: Array.from({ length: n }, (_, slot) => slot),
      },
      members: Array.from({ length: n }, (_, slot) => ({
        slot,
        identity: addressOf('node', slot),
        peerKey: hexOf(seeded(`peer of node ${slot}`)),
        suspended: false,
      })),
      aggregators: Array.from({ length: AGGREGATORS }, (_, index) => ({
        index,
        identity: addressOf('aggregator', index),
        peerKey: hexOf(seeded(`peer of aggregator ${index}`)),
      })),
      ...changes,
    })
  }

  get slots(): number[] {
    return Array.from({ length: this.#n }, (_, slot) => slot)
  }

  signerOf(slot: number): IdentitySigner {
    return digest => nobleIdentityCrypto.sign(digest, secretOf('node', slot))
  }

  aggregatorSigner(index: number): IdentitySigner {
    return digest => nobleIdentityCrypto.sign(digest, secretOf('aggregator', index))
  }

  identityOf(slot: number): Address {
    return addressOf('node', slot)
  }

  aggregatorIdentity(index: number): Address {
    return addressOf('aggregator', index)
  }

  /** A valid quote of a slot; the slot's price is 1 USD and as many basis points as its number. */
  quote(slot: number, changes: Partial<Quote> = {}): Quote {
    return {
      keyEpoch: KEY_EPOCH,
      feedId: FEED_ID,
      round: ROUND,
      price: (ONE + (ONE / 10_000n) * BigInt(slot)) as Price,
      confidence: 5,
      observedAt: T_MS / 1_000,
      sourcesRoot: hexOf(seeded(`sources of ${slot}`)),
      ...changes,
    }
  }

  signedQuote(slot: number, changes: Partial<Quote> = {}): SignedQuote {
    const quote = this.quote(slot, changes)
    return encodeSignedQuote(DOMAIN, slot, quote, this.signerOf(slot)(quoteDigest(DOMAIN, quote)))
  }

  signedQuotes(slots: readonly number[] = this.slots): SignedQuote[] {
    return slots.map(slot => this.signedQuote(slot))
  }

  /** What aggregator 0 proposes when it has everyone's quote and chooses the first q signers. */
  proposal(changes: Partial<Proposal> & { from?: readonly SignedQuote[] } = {}): Proposal {
    const { from = this.signedQuotes(), ...others } = changes
    return {
      feedId: FEED_ID,
      round: ROUND,
      session: 0,
      quotes: from.map(quote => quote.bytes),
      word: medianWord(from.map(signed => signed.quote)),
      signers: this.slots.slice(0, this.membership.quorum.q).map(chosenSigner),
      equivocations: [],
      ...others,
    }
  }
}

export type Role = 'node' | 'aggregator' | 'stranger'

/** A secret that belongs to a role and number. */
export function secretOf(role: Role, index: number): Uint8Array {
  return seeded(`identity of ${role} ${index}`)
}

const addresses = new Map<string, Address>()

/** Kept, because tests ask for it thousands of times and it costs a multiplication. */
function addressOf(role: Role, index: number): Address {
  const name = `${role} ${index}`
  const address = addresses.get(name) ?? addressOfSecret(secretOf(role, index))
  addresses.set(name, address)
  return address
}

/** A signer with made-up nonce commitments: what a decision looks at, not what a signature needs. */
export function chosenSigner(slot: number): ChosenSigner {
  return {
    slot,
    hiding: Uint8Array.of(2, ...seeded(`hiding of ${slot}`)),
    binding: Uint8Array.of(3, ...seeded(`binding of ${slot}`)),
  }
}

/** Suspends one member of a membership. */
export function withSuspended(membership: Membership, slot: number): Membership {
  const members = membership.members.map(member =>
    member.slot === slot ? { ...member, suspended: true } : member,
  )
  return { ...membership, members }
}
