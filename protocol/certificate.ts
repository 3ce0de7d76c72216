/**
 * A certificate: what makes a report true. Either one signature under the group key, or, when that key
 * cannot sign, identity signatures of a quorum.
 */
import { type Address, ByteReader, ByteWriter, DecodeError, type Hash } from './bytes.ts'
import type { Domain } from './domain.ts'
import { type GroupSignature, verifyGroupSignature } from './group-signature.ts'
import { type CertificateCrypto, SIGNATURE_BYTES } from './identity.ts'
import { type Membership, memberByIdentity } from './membership.ts'
import { MAX_MEMBERS } from './quorum.ts'
import { reportDigest } from './report.ts'

export type Certificate =
  | { readonly kind: 'group'; readonly signature: GroupSignature }
  | { readonly kind: 'quorum'; readonly signatures: readonly Uint8Array[] }

export interface CertifiedReport {
  readonly keyEpoch: number
  readonly feedId: Hash
  readonly word: bigint
  readonly certificate: Certificate
}

/** Checks a group certificate with nothing but the group key: what a browser or an offline reader does. */
export function verifyGroupCertificate(input: {
  domain: Domain
  feedId: Hash
  word: bigint
  groupKeyX: bigint
  r: Address
  s: bigint
}): boolean {
  const digest = reportDigest(input.domain, input.feedId, input.word)
  return verifyGroupSignature(input.groupKeyX, digest, { r: input.r, s: input.s })
}

/**
 * Checks identity signatures over a digest: a quorum of active members, in strictly ascending order of
 * address, as the registry does it on chain.
 */
export function verifyQuorumSignatures(
  membership: Membership,
  digest: Uint8Array,
  signatures: readonly Uint8Array[],
  crypto: Pick<CertificateCrypto, 'recover'>,
): boolean {
  if (signatures.length < membership.quorum.q || signatures.length > membership.quorum.n) return false
  let previous = 0n
  for (const signature of signatures) {
    const signer = crypto.recover(digest, signature)
    if (signer === undefined || BigInt(signer) <= previous) return false
    const member = memberByIdentity(membership, signer)
    if (member === undefined || member.suspended) return false
    previous = BigInt(signer)
  }
  return true
}

export function verifyCertifiedReport(
  domain: Domain,
  membership: Membership,
  report: CertifiedReport,
  crypto: CertificateCrypto,
): boolean {
  if (report.keyEpoch !== membership.keyEpoch) return false
  const digest = reportDigest(domain, report.feedId, report.word)
  const { certificate } = report
  if (certificate.kind === 'quorum')
    return verifyQuorumSignatures(membership, digest, certificate.signatures, crypto)
  const { groupKey } = membership
  return groupKey !== undefined && crypto.verifyGroup(groupKey.px, digest, certificate.signature)
}

const GROUP = 1
const QUORUM = 2

export function encodeCertifiedReport(report: CertifiedReport): Uint8Array {
  const writer = new ByteWriter().uint(report.keyEpoch, 4).hex(report.feedId, 32).uint(report.word, 32)
  if (report.certificate.kind === 'group') {
    const { r, s } = report.certificate.signature
    return writer.uint(GROUP, 1).hex(r, 20).uint(s, 32).done()
  }
  const { signatures } = report.certificate
  writer.uint(QUORUM, 1).uint(signatures.length, 1)
  for (const signature of signatures) writer.fixed(signature, SIGNATURE_BYTES)
  return writer.done()
}

/** @throws {DecodeError} */
export function decodeCertifiedReport(bytes: Uint8Array): CertifiedReport {
  const reader = new ByteReader(bytes)
  const head = { keyEpoch: reader.small(4), feedId: reader.hex(32), word: reader.uint(32) }
  const kind = reader.small(1)
  if (kind === GROUP) {
    const signature = { r: reader.hex(20), s: reader.uint(32) }
    return reader.done({ ...head, certificate: { kind: 'group', signature } as const })
  }
  if (kind !== QUORUM) throw new DecodeError('BAD_KIND', `certificate kind ${kind}`)
  const signatures = reader.list(MAX_MEMBERS, item => item.fixed(SIGNATURE_BYTES))
  return reader.done({ ...head, certificate: { kind: 'quorum', signatures } as const })
}
