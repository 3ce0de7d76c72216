/**
 * Networks of several sizes whose every secret a test holds, and certificates that they made: by the group, through
 * the real signing protocol, and by quorums of identities.
 */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { type Address, bytesToBigint, type Hash, hexOf } from '../../../protocol/bytes.ts'
import type { Certificate, CertifiedReport } from '../../../protocol/certificate.ts'
import type { Domain } from '../../../protocol/domain.ts'
import {
  aggregateShares,
  type FrostPublic,
  type FrostSecret,
  frost,
  type GroupSignature,
  identifierOf,
} from '../../../protocol/frost.ts'
import { addressOfSecret, nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { type Membership, membershipOf } from '../../../protocol/membership.ts'
import { quorumOf } from '../../../protocol/quorum.ts'
import { packReport, reportDigest } from '../../../protocol/report.ts'
import { asRound } from '../../../protocol/rounds.ts'
import { ONE, type Price } from '../../../protocol/units.ts'
import { secretOf } from './network.ts'
import { seeded, seededRandom } from './seeded.ts'

export const CERTIFIED_KEY_EPOCH = 5
export const FIRST_ROUND = asRound(18_000_000_000)

export interface CertifiedNetwork {
  readonly membership: Membership
  readonly px: bigint
  /** By slot. */
  readonly secrets: readonly Uint8Array[]
  /** x of the whole key, which in a real network nobody has; with even y. */
  readonly groupSecret: Uint8Array
  readonly groupPublic: FrostPublic
  shareOf(slot: number): FrostSecret
  signAsGroup(digest: Uint8Array, slots: readonly number[]): GroupSignature
  /** Ascending by address. */
  signAsQuorum(digest: Uint8Array, slots: readonly number[]): readonly Uint8Array[]
}

/** @param secrets of the identities, where they shall be others than the usual ones */
export function certifiedNetwork(n: number, secrets = identitySecrets(n)): CertifiedNetwork {
  const { q } = quorumOf(n)
  const slots = Array.from({ length: n }, (_, slot) => slot)
  const groupSecret = evenSecret(seeded(`group of ${n}`))
  const dealt = frost.trustedDealer(
    { min: q, max: n },
    slots.map(identifierOf),
    Uint8Array.from(groupSecret),
    seededRandom(`shares of ${n}`),
  )
  const shareOf = (slot: number): FrostSecret => {
    const share = dealt.secretShares[identifierOf(slot)]
    if (share === undefined) throw new RangeError(`slot ${slot} holds no share`)
    return share
  }
  const px = bytesToBigint(secp256k1.getPublicKey(groupSecret).subarray(1))
  const identities = secrets.map(addressOfSecret)

  return {
    px,
    secrets,
    groupSecret,
    shareOf,
    groupPublic: dealt.public,
    membership: membershipOf({
      registryVersion: 1,
      keyEpoch: CERTIFIED_KEY_EPOCH,
      groupKey: { px, transcriptHash: hexOf(seeded('transcript')), participants: slots },
      members: identities.map((identity, slot) => ({
        slot,
        identity,
        peerKey: hexOf(seeded(`peer of node ${slot}`)),
        suspended: false,
      })),
      aggregators: [],
    }),
    signAsGroup: (digest, signers) => {
      const nonces = signers.map(slot =>
        frost.commit(shareOf(slot), seededRandom(`nonces of ${slot} of ${n} for ${hexOf(digest)}`)),
      )
      const commitments = nonces.map(nonce => nonce.commitments)
      const shares = new Map(
        signers.map((slot, index) => {
          const nonce = nonces[index]
          if (nonce === undefined) throw new RangeError('a nonce for each signer')
          return [slot, frost.signShare(shareOf(slot), dealt.public, nonce.nonces, commitments, digest)]
        }),
      )
      return aggregateShares(dealt.public, commitments, digest, shares)
    },
    signAsQuorum: (digest, signers) =>
      signers
        .map(slot => ({ identity: at(identities, slot), secret: at(secrets, slot) }))
        .sort((a, b) => (a.identity < b.identity ? -1 : 1))
        .map(({ secret }) => nobleIdentityCrypto.sign(digest, secret)),
  }
}

export function identitySecrets(n: number): Uint8Array[] {
  return Array.from({ length: n }, (_, slot) => secretOf('node', slot))
}

/** The word of the i-th round. */
export function certifiedWord(index: number): bigint {
  return packReport({
    price: (ONE + 7n * BigInt(index)) as Price,
    confidence: 20 + index,
    observedAt: FIRST_ROUND / 10 + index,
    round: asRound(FIRST_ROUND + 10 * index),
  })
}

/** Slots of a quorum, another one for each i. */
export function signersOf({ membership: { quorum } }: CertifiedNetwork, index: number): number[] {
  return Array.from({ length: quorum.q }, (_, k) => (k + index) % quorum.n).sort((a, b) => a - b)
}

export function certifiedReport(
  network: CertifiedNetwork,
  kind: Certificate['kind'],
  context: { readonly domain: Domain; readonly feedId: Hash; readonly index: number },
): CertifiedReport {
  const { domain, feedId, index } = context
  const word = certifiedWord(index)
  const digest = reportDigest(domain, feedId, word)
  const signers = signersOf(network, index)
  const certificate: Certificate =
    kind === 'group'
      ? { kind, signature: network.signAsGroup(digest, signers) }
      : { kind, signatures: network.signAsQuorum(digest, signers) }
  return { keyEpoch: CERTIFIED_KEY_EPOCH, feedId, word, certificate }
}

export function identitiesOf({ membership }: CertifiedNetwork): Address[] {
  return membership.members.map(member => member.identity)
}

function evenSecret(secret: Uint8Array): Uint8Array {
  const { Fn } = secp256k1.Point
  return secp256k1.getPublicKey(secret)[0] === 2 ? secret : Fn.toBytes(Fn.neg(Fn.fromBytes(secret)))
}

function at<T>(list: readonly T[], index: number): T {
  const item = list[index]
  if (item === undefined) throw new RangeError(`nothing at ${index}`)
  return item
}
