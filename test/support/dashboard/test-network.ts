import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { type Address, bigintToBytes, bytesToBigint, hexOf } from '../../../protocol/bytes.ts'
import type { Certificate } from '../../../protocol/certificate.ts'
import type { Domain } from '../../../protocol/domain.ts'
import { challengeOf, ORDER } from '../../../protocol/frost.ts'
import { addressOfPublicKey, addressOfSecret, nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { quorumOf } from '../../../protocol/quorum.ts'
import { encodeSignedQuote, type Quote, quoteDigest, type SignedQuote } from '../../../protocol/quote.ts'
import { reportDigest } from '../../../protocol/report.ts'
import { type ReportJson, reportJson } from '../../../protocol/report-json.ts'
import { medianWord } from '../../../protocol/round/median.ts'
import { asRound } from '../../../protocol/rounds.ts'
import type { Price } from '../../../protocol/units.ts'

const utf8 = new TextEncoder()
const hashOf = (text: string) => keccak_256(utf8.encode(text))

export const FEED_ID = hexOf(hashOf('IO/USD'))
export const KEY_EPOCH = 1

/**
 * A network in one object for tests of what readers do with reports: real identities, real signatures, and a
 * group key held whole, which no node of a real network ever does.
 */
export class TestNetwork {
  readonly domain: Domain
  readonly addresses: readonly Address[]
  readonly groupKeyX: bigint
  readonly #secrets: readonly Uint8Array[]
  readonly #groupSecret: bigint

  constructor(nodes: number, domain: Domain) {
    this.domain = domain
    this.#secrets = Array.from({ length: nodes }, (_, slot) => hashOf(`identity of node ${slot}`))
    this.addresses = this.#secrets.map(addressOfSecret)
    const secret = bytesToBigint(hashOf('group key')) % ORDER
    const point = secp256k1.Point.BASE.multiply(secret).toAffine()
    this.groupKeyX = point.x
    this.#groupSecret = point.y % 2n === 0n ? secret : ORDER - secret
  }

  /** Certifies the median of the prices given by slot; `null` for a node that says nothing. */
  certify(
    round: number,
    prices: readonly (bigint | null)[],
    overrides: Partial<ReportJson> & { byIdentities?: boolean } = {},
  ): ReportJson {
    const { byIdentities = false, ...changed } = overrides
    const given = prices.flatMap((price, slot) => (price === null ? [] : [{ slot, price: price as Price }]))
    const quotes = given.map(({ slot, price }) => this.#quote(slot, price, round))
    const word = medianWord(quotes.map(({ quote }) => quote))
    // Takes turns, as which of the nodes answer first changes from round to round.
    const { q } = quorumOf(this.#secrets.length)
    const turn = Math.floor(round / 10)
    const signers = given
      .map((_, index) => given[(index + turn) % given.length]?.slot ?? 0)
      .slice(0, q)
      .sort((a, b) => a - b)
    const certificate = byIdentities ? this.#quorum(word, signers) : this.#group(word)
    const json = reportJson(
      { keyEpoch: KEY_EPOCH, feedId: FEED_ID, word, certificate },
      {
        domain: this.domain,
        groupKeyX: this.groupKeyX,
        proposer: turn % 2,
        signers,
        quotes,
        latencyMs: 380 + (round % 97),
      },
    )
    return { ...json, ...changed }
  }

  #quote(slot: number, price: Price, round: number): SignedQuote {
    const quote: Quote = {
      keyEpoch: KEY_EPOCH,
      feedId: FEED_ID,
      round: asRound(round),
      price,
      confidence: 2 + (slot % 3),
      observedAt: Math.floor(round / 10),
      sourcesRoot: hexOf(hashOf(`sources of ${slot} in ${round}`)),
    }
    const signature = nobleIdentityCrypto.sign(quoteDigest(this.domain, quote), this.#secretOf(slot))
    return encodeSignedQuote(this.domain, slot, quote, signature)
  }

  #group(word: bigint): Certificate {
    const digest = reportDigest(this.domain, FEED_ID, word)
    const nonce = bytesToBigint(hashOf(`nonce for ${word}`)) % ORDER
    const r = addressOfPublicKey(secp256k1.Point.BASE.multiply(nonce).toBytes(false))
    const s = (nonce + challengeOf(this.groupKeyX, digest, r) * this.#groupSecret) % ORDER
    return { kind: 'group', signature: { r, s } }
  }

  #quorum(word: bigint, signers: readonly number[]): Certificate {
    const digest = reportDigest(this.domain, FEED_ID, word)
    const signatures = signers
      .map(slot => this.#secretOf(slot))
      .sort((a, b) => (addressOfSecret(a) < addressOfSecret(b) ? -1 : 1))
      .map(secret => nobleIdentityCrypto.sign(digest, secret))
    return { kind: 'quorum', signatures }
  }

  #secretOf(slot: number): Uint8Array {
    const secret = this.#secrets[slot]
    if (secret === undefined) throw new RangeError(`no node in slot ${slot}`)
    return secret
  }
}

/** A word of event data. */
export function dataWord(value: bigint): string {
  return hexOf(bigintToBytes(value, 32)).slice(2)
}
