/**
 * Certified reports that nobody signed: whatever can be made of a true one without a key. Each is told on the wire, as
 * a node gets it, with the network that it is shown to.
 */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { bigintToBytes, bytesToBigint, type Hash, hexOf } from '../../../protocol/bytes.ts'
import {
  type CertifiedReport,
  decodeCertifiedReport,
  encodeCertifiedReport,
} from '../../../protocol/certificate.ts'
import { type Domain, feedIdOf } from '../../../protocol/domain.ts'
import { challengeOf, type GroupSignature, ORDER } from '../../../protocol/frost.ts'
import {
  addressOfPublicKey,
  fromCompact,
  nobleIdentityCrypto,
  toCompact,
} from '../../../protocol/identity.ts'
import { reportDigest } from '../../../protocol/report.ts'
import {
  type CertifiedNetwork,
  certifiedReport,
  certifiedWord,
  identitySecrets,
  signersOf,
} from './certified.ts'
import { secretOf } from './network.ts'
import { seeded } from './seeded.ts'

export interface Mutation {
  readonly name: string
  readonly domain: Domain
  readonly wire: Uint8Array
}

export interface MutationContext {
  readonly network: CertifiedNetwork
  /** Another network, whose certificates mean nothing to this one. */
  readonly stranger: CertifiedNetwork
  readonly domain: Domain
  readonly feedId: Hash
  readonly index: number
}

const { Point } = secp256k1
const WORD = 2n ** 256n
/** Where the certificate's kind stands: after key epoch, feed and word. */
const KIND_AT = 68

export function mutationsOf(kind: 'group' | 'quorum', context: MutationContext): Mutation[] {
  const { domain } = context
  const report = certifiedReport(context.network, kind, context)
  const wire = encodeCertifiedReport(report)
  const told = (name: string, bytes: Uint8Array, where = domain): Mutation => ({
    name: `${kind}: ${name}`,
    domain: where,
    wire: bytes,
  })
  const encoded = (name: string, changed: CertifiedReport, where = domain) =>
    told(name, encodeCertifiedReport(changed), where)
  return [
    ...damagedWires(wire).map(([name, bytes]) => told(name, bytes)),
    ...elsewhere(report, context).map(([name, changed, where]) => encoded(name, changed, where)),
    ...(kind === 'group' ? groupSignatures(context) : quorums(context)).map(([name, certificate]) =>
      encoded(name, { ...report, certificate }),
    ),
  ]
}

/** Every bit turned, every length that is wrong, every kind that is none. */
function damagedWires(wire: Uint8Array): [string, Uint8Array][] {
  const bits = Array.from({ length: wire.length * 8 }, (_, bit): [string, Uint8Array] => [
    `bit ${bit} turned`,
    withBit(wire, bit),
  ])
  const short = Array.from({ length: wire.length }, (_, length): [string, Uint8Array] => [
    `cut to ${length} bytes`,
    wire.slice(0, length),
  ])
  const long = [1, 32, 64].map((more): [string, Uint8Array] => [
    `with ${more} bytes more`,
    Uint8Array.from([...wire, ...seeded(`more ${more}`), ...new Uint8Array(32)]).slice(0, wire.length + more),
  ])
  const kinds = [0, 3, 255].map((kind): [string, Uint8Array] => [
    `of kind ${kind}`,
    wire.with(KIND_AT, kind) as Uint8Array,
  ])
  return [...bits, ...short, ...long, ...kinds]
}

function withBit(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes)
  const at = bit >> 3
  copy[at] = (copy[at] ?? 0) ^ (1 << (bit & 7))
  return copy
}

/** The same certificate for something else, and somebody else's for this. */
function elsewhere(report: CertifiedReport, context: MutationContext): [string, CertifiedReport, Domain?][] {
  const { domain, feedId, index, stranger } = context
  const { certificate } = report
  const alien = certifiedReport(stranger, certificate.kind, context)
  const swapped = { ...report, feedId: hexOf(bigintToBytes(report.word, 32)), word: BigInt(feedId) }
  return [
    ['of the next round', { ...report, word: certifiedWord(index + 1) }],
    ['of the round before', { ...report, word: report.word - 10n }],
    ['of the same round with another price', { ...report, word: report.word + (1n << 176n) }],
    ['of another feed', { ...report, feedId: feedIdOf('IO/EUR') }],
    ['of another chain', report, { ...domain, chainId: domain.chainId + 1 }],
    ['of another registry', report, { ...domain, registry: `0x${'5b'.repeat(20)}` }],
    ['with feed and word exchanged', swapped],
    ['with the certificate of another network', { ...report, certificate: alien.certificate }],
    [
      'with the certificate of the next round',
      {
        ...report,
        certificate: certifiedReport(context.network, certificate.kind, { ...context, index: index + 1 })
          .certificate,
      },
    ],
  ]
}

type Certificate = CertifiedReport['certificate']

function groupSignatures(context: MutationContext): [string, Certificate][] {
  const { network, domain, feedId, index } = context
  const report = certifiedReport(network, 'group', context)
  if (report.certificate.kind !== 'group') throw new Error('unreachable')
  const { signature } = report.certificate
  const { r, s } = signature
  const next = certifiedReport(network, 'group', { ...context, index: index + 1 })
  if (next.certificate.kind !== 'group') throw new Error('unreachable')
  const other = next.certificate.signature
  const digest = reportDigest(domain, feedId, report.word)
  const e = challengeOf(network.px, digest, r)
  const R = Point.BASE.multiply(s).subtract(publicPoint(network).multiply(e))
  const signatures: [string, GroupSignature][] = [
    ['s → Q − s', { r, s: ORDER - s }],
    ['s → s + Q, as far as a word holds it', { r, s: (s + ORDER) % WORD }],
    ['s → s + 1', { r, s: (s + 1n) % ORDER }],
    ['s = 0', { r, s: 0n }],
    ['s = 1', { r, s: 1n }],
    ['s = Q', { r, s: ORDER }],
    ['s = Q + 1', { r, s: ORDER + 1n }],
    ['s = 2²⁵⁶ − 1', { r, s: WORD - 1n }],
    ['r = 0', { r: `0x${'00'.repeat(20)}`, s }],
    ['r = 0 and s = 0', { r: `0x${'00'.repeat(20)}`, s: 0n }],
    ['r and s exchanged', { r: hexOf(bigintToBytes(s, 32).subarray(12)), s: BigInt(r) }],
    ['r of another certificate', { r: other.r, s }],
    ['s of another certificate', { r, s: other.s }],
    ['the address of −R', { r: addressOfPublicKey(R.negate().toBytes(false)), s }],
    ['the address of −R, and Q − s', { r: addressOfPublicKey(R.negate().toBytes(false)), s: ORDER - s }],
    // By the whole key itself, and yet not what the contract checks.
    ['signed by −x, whose key has odd y', signedBy(network, digest, { negated: true, parity: 0 })],
    ['signed by −x over its parity', signedBy(network, digest, { negated: true, parity: 1 })],
    ['signed by x over the other parity', signedBy(network, digest, { negated: false, parity: 1 })],
  ]
  return signatures.map(([name, changed]) => [name, { kind: 'group', signature: changed }])
}

function publicPoint({ px }: CertifiedNetwork) {
  return Point.fromBytes(Uint8Array.from([2, ...bigintToBytes(px, 32)]))
}

/** What the holder of the whole key would make, if it took the other sign or the other parity. */
export function signedBy(
  { px, groupSecret }: CertifiedNetwork,
  digest: Uint8Array,
  { negated, parity }: { readonly negated: boolean; readonly parity: number },
): GroupSignature {
  const x = bytesToBigint(groupSecret)
  const k = bytesToBigint(seeded(`nonce for ${hexOf(digest)}`)) % ORDER
  const r = addressOfPublicKey(Point.BASE.multiply(k).toBytes(false))
  const hash = keccak_256(
    Uint8Array.from([...bigintToBytes(px, 32), parity, ...digest, ...bigintToBytes(BigInt(r), 20)]),
  )
  const e = bytesToBigint(hash) % ORDER
  return { r, s: (k + e * (negated ? ORDER - x : x)) % ORDER }
}

function quorums(context: MutationContext): [string, Certificate][] {
  const { network, domain, feedId, index } = context
  const digest = reportDigest(domain, feedId, certifiedWord(index))
  const signers = signersOf(network, index)
  const signatures = [...network.signAsQuorum(digest, signers)]
  const { n } = network.membership.quorum
  const outsiders = [secretOf('stranger', 0), secretOf('aggregator', 0), seeded('nobody')]
  const lists: [string, readonly Uint8Array[]][] = [
    ['nobody', []],
    ['reversed', [...signatures].reverse()],
    ...signatures.flatMap((signature, place): [string, readonly Uint8Array[]][] => [
      [`without signature ${place}`, signatures.toSpliced(place, 1)],
      [`signature ${place} twice`, signatures.toSpliced(place, 0, signature)],
      [`signature ${place} instead of the next`, signatures.with((place + 1) % signatures.length, signature)],
      [`signatures ${place} and ${place + 1} exchanged`, exchanged(signatures, place)],
      [`signature ${place} with the other parity`, signatures.with(place, withBit(signature, 32 * 8 + 7))],
      [`signature ${place} with high s`, signatures.with(place, mirrored(signature, 1))],
      [`signature ${place} with high s and its own parity`, signatures.with(place, mirrored(signature, 0))],
      [`signature ${place} with r and s exchanged`, signatures.with(place, halvesExchanged(signature))],
      [`signature ${place} all zero`, signatures.with(place, new Uint8Array(64))],
    ]),
    ...outsiders.flatMap((secret, who) =>
      signers.map((slot): [string, readonly Uint8Array[]] => {
        const others = signers.filter(other => other !== slot).map(other => slotSecret(network, other))
        return [`outsider ${who} instead of member ${slot}`, ascending([...others, secret], digest)]
      }),
    ),
    ['everybody, and a stranger', ascending([...identitySecrets(n), secretOf('stranger', 0)], digest)],
  ]
  return lists.map(([name, list]) => [name, { kind: 'quorum', signatures: list }])
}

function slotSecret({ secrets }: CertifiedNetwork, slot: number): Uint8Array {
  const secret = secrets[slot]
  if (secret === undefined) throw new RangeError(`no member ${slot}`)
  return secret
}

function ascending(secrets: readonly Uint8Array[], digest: Uint8Array): Uint8Array[] {
  return secrets
    .map(secret => nobleIdentityCrypto.sign(digest, secret))
    .map(signature => ({ signature, signer: nobleIdentityCrypto.recover(digest, signature) ?? '0x' }))
    .sort((a, b) => (a.signer < b.signer ? -1 : 1))
    .map(({ signature }) => signature)
}

function exchanged<T>(list: readonly T[], place: number): T[] {
  const next = (place + 1) % list.length
  return list.map((item, index) => list[index === place ? next : index === next ? place : index] ?? item)
}

function halvesExchanged(signature: Uint8Array): Uint8Array {
  return Uint8Array.from([...signature.subarray(32), ...signature.subarray(0, 32)])
}

/** Q − s, which with the other parity is the same signature to ECDSA. Its highest bit has no place of its own. */
function mirrored(signature: Uint8Array, turned: 0 | 1): Uint8Array {
  const { rs, parity } = fromCompact(signature)
  const high = bigintToBytes(ORDER - bytesToBigint(rs.subarray(32)), 32)
  return toCompact(Uint8Array.from([...rs.subarray(0, 32), ...high]), parity ^ turned)
}

/**
 * A member's secret for which a high s can be written down: for any nonce k and any s there is a secret that signs with
 * them, d = (s·k − digest) / r. EIP-2098 leaves s 255 bits, so chance never gives one.
 */
export function writableHighS(digest: Uint8Array, s: bigint) {
  const k = 12_345n
  const { x, y } = Point.BASE.multiply(k).toAffine()
  const { Fn } = Point
  const secret = Fn.toBytes(Fn.div(Fn.sub(Fn.mul(s, k), bytesToBigint(digest) % ORDER), x))
  const parity = Number(y & 1n)
  const signature = (value: bigint, bit: number) =>
    toCompact(Uint8Array.from([...bigintToBytes(x, 32), ...bigintToBytes(value, 32)]), bit)
  return { secret, high: signature(s, parity), low: signature(ORDER - s, 1 - parity) }
}

/** What a node reads from the wire; undefined when it is no message at all. */
export function readWire(wire: Uint8Array): CertifiedReport | undefined {
  try {
    return decodeCertifiedReport(wire)
  } catch {
    return undefined
  }
}
