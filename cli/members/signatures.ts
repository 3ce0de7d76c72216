/** Signatures of members over a list: the file each of them hands over, and the quorum they add up to. */
import { z } from 'zod'
import { type MemberList, memberSetDigest, membersHashOf } from '../../chain/member-set.ts'
import { readDocument } from '../../config/load.ts'
import { type Address, type Hash, type Hex, hexOf } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import type { Membership } from '../../protocol/membership.ts'
import { type Collected, collect, type Mismatch, otherNetwork } from '../agreement/collect.ts'
import { hexadecimal } from '../agreement/hexadecimal.ts'

export interface MemberSetSignature {
  readonly chainId: number
  readonly registry: Address
  /** The registry's when it was signed: whatever changes the registry makes the signature worthless. */
  readonly registryVersion: number
  readonly membersHash: Hash
  readonly identity: Address
  /** 64 bytes, EIP-2098. */
  readonly signature: Hex
}

const signatureSchema = z.strictObject({
  chainId: z.int().positive(),
  registry: hexadecimal(40),
  registryVersion: z.int().positive(),
  membersHash: hexadecimal(64),
  identity: hexadecimal(40),
  signature: hexadecimal(128),
})

/** @throws {ConfigError} naming everything that is wrong with the file */
export function readSignatureFile(file: string): MemberSetSignature {
  return readDocument(file, signatureSchema)
}

/** @param identity of `secret`, 32 bytes */
export function signList(
  list: MemberList,
  { domain, registryVersion }: Pick<Wanted, 'domain' | 'registryVersion'>,
  { identity, secret }: { readonly identity: Address; readonly secret: Uint8Array },
  crypto: Pick<IdentityCrypto, 'sign'>,
): MemberSetSignature {
  const digest = memberSetDigest(domain, registryVersion, list)
  return {
    chainId: domain.chainId,
    registry: domain.registry as Address,
    registryVersion,
    membersHash: membersHashOf(list),
    identity,
    signature: hexOf(crypto.sign(digest, secret)),
  }
}

/** What signatures have to be of, and by whom. */
export interface Wanted {
  readonly domain: Domain
  readonly registryVersion: number
  readonly list: MemberList
  readonly inForce: Membership
}

export type SignatureFault = 'OTHER_NETWORK' | 'OTHER_VERSION' | 'OTHER_LIST'

/** A quorum of the signatures that count; those that do not are left out as long as there are enough. */
export function collectQuorum(
  found: readonly MemberSetSignature[],
  wanted: Wanted,
  crypto: Pick<IdentityCrypto, 'recover'>,
): Collected<MemberSetSignature, SignatureFault> {
  const { domain, registryVersion, list, inForce } = wanted
  const digest = memberSetDigest(domain, registryVersion, list)
  const mismatchOf = (of: MemberSetSignature) => otherNetwork(of, domain) ?? mismatch(of, wanted)
  return collect(found, { digest, inForce, needed: inForce.quorum.q, mismatchOf }, crypto)
}

function mismatch(
  of: MemberSetSignature,
  { registryVersion, list }: Wanted,
): Mismatch<SignatureFault> | undefined {
  if (of.registryVersion !== registryVersion)
    return {
      fault: 'OTHER_VERSION',
      sentence: `is of registry version ${of.registryVersion}, and the registry is at ${registryVersion}: the list has to be signed again`,
    }
  if (of.membersHash !== membersHashOf(list))
    return { fault: 'OTHER_LIST', sentence: `is of another list (${of.membersHash}): compare the files` }
  return undefined
}
