/** A small network on paper: who its members and aggregators are, with all their secrets. */
import { keccak256, toBytes, toHex } from 'viem'
import type { Address, Hash } from '../../../protocol/bytes.ts'
import { type Domain, feedIdOf } from '../../../protocol/domain.ts'
import { addressOfSecret } from '../../../protocol/identity.ts'
import { type GroupKey, type Membership, membershipOf, type PeerKey } from '../../../protocol/membership.ts'
import { encodeSignedQuote, type Quote, quoteDigest, type SignedQuote } from '../../../protocol/quote.ts'
import type { RoundTiming } from '../../../protocol/round/timing.ts'
import { asRound, type Round } from '../../../protocol/rounds.ts'
import { type Price, parseDecimal } from '../../../protocol/units.ts'
import { loadNativeIdentityCrypto } from '../../../runtime/native-identity.ts'
import { peerKeyFromSeed } from '../../../runtime/p2p/peer-key.ts'

export const crypto = loadNativeIdentityCrypto()

export const DOMAIN: Domain = { chainId: 31337, registry: '0x00000000000000000000000000000000000000aa' }
export const FEED_ID: Hash = feedIdOf('IO/USD')
export const TIMING: RoundTiming = {
  roundMs: 1_000,
  collectMs: 300,
  backupMs: 200,
  skewMs: 200,
  inclusionMarginMs: 100,
}
/** A round that both ways of counting turns agree on: its slot is even, so aggregator 0 of two is the primary. */
export const ROUND: Round = asRound(17_000_000_000)

export interface Party {
  readonly secret: Uint8Array
  readonly identity: Address
  readonly seed: Uint8Array
  readonly peerKey: PeerKey
  sign(digest: Uint8Array): Uint8Array
}

export interface Cast {
  readonly members: readonly Party[]
  readonly aggregators: readonly Party[]
}

export function party(name: string): Party {
  const secret = toBytes(keccak256(toHex(`identity of ${name}`)))
  const seed = toBytes(keccak256(toHex(`peer of ${name}`)))
  return {
    secret,
    identity: addressOfSecret(secret),
    seed,
    peerKey: peerKeyFromSeed(seed),
    sign: digest => crypto.sign(digest, secret),
  }
}

export function castOf(members: number, aggregators = 2): Cast {
  return {
    members: Array.from({ length: members }, (_, slot) => party(`member ${slot}`)),
    aggregators: Array.from({ length: aggregators }, (_, index) => party(`aggregator ${index}`)),
  }
}

/** What the registry would say of them. Without a group key the key epoch is 0. */
export function registryView(
  cast: Cast,
  options: {
    readonly groupKey?: GroupKey | undefined
    readonly keyEpoch?: number
    readonly registryVersion?: number
    readonly suspended?: readonly number[]
  } = {},
): Membership {
  const { groupKey, suspended = [] } = options
  return membershipOf({
    registryVersion: options.registryVersion ?? 1,
    keyEpoch: options.keyEpoch ?? (groupKey === undefined ? 0 : 1),
    groupKey,
    members: cast.members.map(({ identity, peerKey }, slot) => ({
      slot,
      identity,
      peerKey,
      suspended: suspended.includes(slot),
    })),
    aggregators: cast.aggregators.map(({ identity, peerKey }, index) => ({ index, identity, peerKey })),
  })
}

export function aQuote(fields: Partial<Quote> = {}): Quote {
  const round = fields.round ?? ROUND
  return {
    keyEpoch: 1,
    feedId: FEED_ID,
    round,
    price: parseDecimal('0.25') as Price,
    confidence: 10,
    observedAt: Math.floor(round / 10),
    sourcesRoot: `0x${'11'.repeat(32)}`,
    ...fields,
  }
}

export function signQuoteAs(
  signer: Party,
  slot: number,
  fields: Partial<Quote> = {},
  domain: Domain = DOMAIN,
): SignedQuote {
  const quote = aQuote(fields)
  return encodeSignedQuote(domain, slot, quote, signer.sign(quoteDigest(domain, quote)))
}

/** An element that a test knows to be there. */
export function at<T>(list: readonly T[], index: number): T {
  const item = list.at(index)
  if (item === undefined) throw new RangeError(`nothing at ${index}`)
  return item
}
